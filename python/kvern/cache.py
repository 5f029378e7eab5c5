"""kvern.Cache: any cache plugin as the cache of a transformers model."""
from __future__ import annotations

import json
import pathlib

import transformers

from .errors import ConfigError

MAJOR = int(transformers.__version__.split(".")[0])
if MAJOR >= 5:
    from .cache5 import Cache5 as _Base
else:
    from .cache4 import Cache4 as _Base


def _text_of(file) -> str:
    try:
        return pathlib.Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}; a configuration is a TOML or JSON file") from None


class Cache(_Base):
    """The cache of a model, served by a kvern plugin.

        cache = kvern.Cache(model, "quantized", nbits=4)
        model.generate(**inputs, past_key_values=cache)

    Args:
        model: a transformers model on the CPU, or its configuration.
        implementation: the name of a cache plugin (``kvern.caches()`` lists them) or the path of its library (with a '/').
        cache_config: the plugin's options as a dictionary; keyword arguments are added to it.
        dtype: of keys and values: ``torch.float32``, ``bfloat16`` or ``float16``; without it, the model's.
        plugin_path: folders that are searched first.
        memory_budget: what the cache may hold at most, bytes or text ("2GB"); without it, what the process may use.
        max_rows, max_tokens: what is expected, for caches that take memory once (``static``); 0: unknown.

    Raises:
        ConfigError: no such cache or option, with the nearest name. PluginError: the plugin is refused.
        UnsupportedError: a model or a cache that cannot be served in Python, with what would be right.
    """

    def __init__(self, model, implementation="dynamic", cache_config=None, *, dtype=None, plugin_path=(), memory_budget=None,
                 max_rows=0, max_tokens=0, **options):
        run = {"cache_implementation": implementation, "cache_config": {**(cache_config or {}), **options}}
        if plugin_path:
            run["plugin_path"] = [str(folder) for folder in ([plugin_path] if isinstance(plugin_path, str) else plugin_path)]
        if memory_budget is not None:
            run["memory_budget"] = memory_budget
        try:
            text = json.dumps(run)
        except TypeError as error:
            raise ConfigError(f"kvern.Cache: {error}: options are numbers, strings, lists and dictionaries of these") from None
        self._setup(model, text, None, dtype, max_rows, max_tokens)

    @classmethod
    def from_toml(cls, model, file, *, dtype=None, max_rows=0, max_tokens=0) -> Cache:
        """The cache that a configuration file of the command line describes (TOML or JSON): its ``cache_implementation``,
        ``cache_config``, ``cache_layers``, ``cache_dtype``, ``plugin_path``, ``memory_budget``, ``host_memory_budget`` and ``check_cache``.
        Model, generation and threads are the caller's. Raises ConfigError with file and line."""
        cache = cls.__new__(cls)
        cache._setup(model, _text_of(file), str(file), dtype, max_rows, max_tokens)
        return cache
