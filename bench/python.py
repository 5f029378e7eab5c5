"""Time of a decoding step under transformers: kvern's caches beside DynamicCache, StaticCache and Quanto, and the bridge's own share.

    KVERN_PYTHON_ROOT=build/release PYTHONPATH=python python3 bench/python.py --depths 512,4096 --json out.json

Random weights in the shape of a model; keys and values are random too, the same for every cache. One step of each cache in turn, `--new`
times, so that what else the machine does hits all of them; the median counts. `--clock cpu` takes processor time, which other programs
disturb less (of one thread). Needs torch and transformers. Quanto, the quantized cache of transformers, is among the peers where
optimum-quanto is installed.
"""
import argparse
import importlib.util
import json
import platform
import statistics
import time

import torch
import transformers
from transformers import AutoModelForCausalLM, DynamicCache, LlamaConfig, Qwen2Config

import kvern

SHAPES = {
    "llama-135m": lambda: LlamaConfig(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
                                      num_key_value_heads=3, max_position_embeddings=32768, tie_word_embeddings=True),
    "qwen2-0.5b": lambda: Qwen2Config(vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
                                      num_key_value_heads=2, max_position_embeddings=32768, tie_word_embeddings=True),
}
V5 = int(transformers.__version__.split(".")[0]) >= 5


def processor():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def random_pairs(model, depth):
    """Keys and values of unit scale [1, H, depth, D] for each layer."""
    generator = torch.Generator().manual_seed(0)
    return [tuple(torch.randn(1, layer["kv_heads"], depth, layer["head_dim_k"], generator=generator).to(model.dtype) for _ in range(2))
            for layer in kvern.layers_of(model.config)]


def filled(cache, pairs):
    for index, (k, v) in enumerate(pairs):
        cache.update(k, v, index, {"cache_position": torch.arange(k.shape[2])})
    return cache


def static_cache(model, length):
    from transformers import StaticCache
    if V5:
        return StaticCache(config=model.config, max_cache_len=length)
    return StaticCache(config=model.config, batch_size=1, max_cache_len=length, dtype=model.dtype)


def quanto_cache(model):
    if V5:
        from transformers import QuantizedCache
        return QuantizedCache(backend="quanto", config=model.config, nbits=4, axis_key=0, axis_value=0, q_group_size=64, residual_length=128)
    from transformers import QuantizedCacheConfig
    from transformers.cache_utils import QuantoQuantizedCache
    return QuantoQuantizedCache(QuantizedCacheConfig(backend="quanto", nbits=4, q_group_size=64, residual_length=128, compute_dtype=model.dtype))


def contestants(model, attending, pairs, depth, new, peers):
    """{name: (model, cache, bytes or None)}."""
    made = {"DynamicCache": (model, filled(DynamicCache(), pairs), None)}
    if "static" in peers:
        made["StaticCache"] = (model, filled(static_cache(model, depth + new + 1), pairs), None)
    if "quanto" in peers:
        made["Quanto 4 bits"] = (model, filled(quanto_cache(model), pairs), None)
    for name, options in (("dynamic", {}), ("quantized", {"nbits": 4})):
        for mode, of in (("update", model), ("attend", attending)):
            if of is not None:
                cache = kvern.Cache(of, name, max_tokens=depth + new + 1, **options).fill(pairs)
                made[f"kvern {name}, {mode}"] = (of, cache, cache.info()["bytes_used"])
    return made


def step(model, cache, token, position, clock):
    start = clock()
    model(token, past_key_values=cache, use_cache=True, position_ids=torch.tensor([[position]]),
          **({} if V5 else {"cache_position": torch.tensor([position])}))
    return clock() - start


def measure(shape, dtype, depth, new, clock, peers):
    torch.manual_seed(0)
    config = SHAPES[shape]()
    model = AutoModelForCausalLM.from_config(config, torch_dtype=dtype).eval()
    attending = None
    if V5:
        attending = AutoModelForCausalLM.from_config(SHAPES[shape](), torch_dtype=dtype).eval()
        attending.load_state_dict(model.state_dict(), assign=True)
        kvern.use_attention(attending)
    made = contestants(model, attending, random_pairs(model, depth), depth, new, peers)
    times = {name: [] for name in made}
    token = torch.tensor([[7]])
    for i in range(new):
        for name, (of, cache, _) in made.items():
            times[name].append(step(of, cache, token, depth + i, clock))
    return [{"shape": shape, "dtype": str(dtype).split(".")[1], "depth": depth, "cache": name, "bytes": made[name][2],
             "ms_median": statistics.median(t[2:]) * 1e3, "ms_best": min(t[2:]) * 1e3} for name, t in times.items()]


def peers_here():
    return "static,quanto" if importlib.util.find_spec("optimum") and importlib.util.find_spec("optimum.quanto") else "static"


def bridge_share(clock, layers=30, steps=200):
    """Microseconds of a step of `layers` layers on a cache of one token, so that hardly anything is computed: attend, and update with
    the description of its keys that masks are made from."""
    config = LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=1, head_dim=64)
    k, shares = torch.randn(1, 1, 1, 64), {}
    for mode in ("attend", "update"):
        native = kvern.Cache(config, "dynamic")._steps.native
        out = torch.empty(1, 1, 1, 64)
        seconds = []
        for _ in range(steps):
            native.reset()
            start = clock()
            native.begin([0], 1)
            if mode == "update":
                native.view(0)
            for layer in range(layers):
                if mode == "attend":
                    native.attend(layer, k, k, k, out, 0.125)
                else:
                    native.update(layer, k, k)
            native.end(1)
            seconds.append(clock() - start)
        shares[mode] = statistics.median(seconds) * 1e6
    return shares


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="llama-135m")
    parser.add_argument("--dtypes", default="float32")
    parser.add_argument("--depths", default="512,4096,16384")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--new", type=int, default=12)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--peers", default=peers_here(), help="caches of transformers beside DynamicCache: static,quanto (default: %(default)s)")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    clock = time.process_time if arguments.clock == "cpu" else time.perf_counter
    torch.set_num_threads(arguments.threads)
    result = {"processor": processor(), "threads": arguments.threads, "clock": arguments.clock, "torch": torch.__version__, "transformers": transformers.__version__, "rows": []}
    with torch.no_grad():
        kvern.set_threads(arguments.threads)
        result["bridge_us_30_layers"] = bridge_share(clock)
        for shape in arguments.shapes.split(","):
            for dtype in arguments.dtypes.split(","):
                for depth in map(int, arguments.depths.split(",")):
                    rows = measure(shape, getattr(torch, dtype), depth, arguments.new, clock, arguments.peers.split(","))
                    base = rows[0]["ms_median"]
                    for row in rows:
                        row["times_faster_than_dynamic_cache"] = base / row["ms_median"]
                        print(f"{shape:12} {dtype:9} {depth:6} {row['cache']:26} {row['ms_median']:8.1f} ms  "
                              f"{row['times_faster_than_dynamic_cache']:5.2f}x  {(row['bytes'] or 0) / 1e6:7.1f} MB", flush=True)
                    result["rows"] += rows
    print("bridge, 30 layers, us:", result["bridge_us_30_layers"])
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
