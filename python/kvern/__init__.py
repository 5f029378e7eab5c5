"""kvern's caches for transformers: any cache plugin under ``generate()``.

    cache = kvern.Cache(model, "quantized", nbits=4)
    kvern.use_attention(model)  # attend on the cache's own storage (transformers 5)
    model.generate(**inputs, past_key_values=cache)
"""
try:
    import torch  # noqa: F401
    import transformers  # noqa: F401
except ImportError as error:
    raise ImportError(f"kvern serves transformers models: install torch and transformers ({error})") from None

from .attention import use_attention
from .cache import Cache
from .errors import CacheMemoryError, CapacityError, ConfigError, KvernError, PluginError, UnsupportedError
from .layers import layers_of
from .measuring import Measurements, inspect, measure
from .native import read_config, set_threads, threads
from .paths import cmake_dir, include_dir
from .program import caches, compare, generate

__all__ = ["Cache", "CacheMemoryError", "CapacityError", "ConfigError", "KvernError", "Measurements", "PluginError", "UnsupportedError",
           "caches", "cmake_dir", "compare", "generate", "include_dir", "inspect", "layers_of", "measure", "read_config", "set_threads", "threads", "use_attention"]
