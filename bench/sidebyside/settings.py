"""Which caches of which programs are measured. `main` ones are measured with every number of threads and for every model,
the others only where a full table is asked for."""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Setting:
    program: str  # kvern, llama.cpp or transformers
    name: str
    arguments: tuple = field(default=())  # kvern: flags; others: the word a worker takes
    main: bool = False
    bytes_per_number: float = 0  # of keys and values; 0 = the program says how many bytes it holds


def quantized(bits, dtype, main=False):
    return Setting("kvern", f"quantized {bits} bits", ("--cache", "quantized", "--cache-dtype", dtype,
                                                      "--set", f"cache_config.nbits={bits}"), main)


def of_kvern(dtype, cache_dtype):
    """dtype: of the weights; cache_dtype: the 16-bit one."""
    def plain(kind, number, main=False):
        return Setting("kvern", f"{kind} {number}", ("--cache", kind, "--cache-dtype", number), main)
    rows = [plain("dynamic", cache_dtype, main=True)]
    if dtype == "float32":
        rows.append(plain("dynamic", "float32"))
    return rows + [plain("static", cache_dtype), quantized(8, cache_dtype), quantized(4, cache_dtype, main=True),
                   quantized(2, cache_dtype)]


def of_llama():
    def row(keys, values, flash, size, main=False):
        kind = keys if keys == values else f"{keys}/{values}"
        name = kind + (", flash attention" if flash == "on" else "")
        return Setting("llama.cpp", name, (f"{keys}/{values}/{flash}",), main, size)
    return [row("f16", "f16", "off", 2, main=True), row("q8_0", "f16", "off", (2 + 34 / 32) / 2, main=True),
            row("q8_0", "q8_0", "on", 34 / 32, main=True), row("q4_0", "q4_0", "on", 18 / 32), row("f32", "f32", "off", 4)]


def of_transformers(program, dtype):
    size = 4 if dtype == "float32" else 2
    old = program.split()[1].startswith("4.")
    rows = [Setting(program, "dynamic", ("dynamic",), True, size), Setting(program, "static", ("static",), not old, size)]
    if old:
        # 4 bits, and a scale and a shift for 64 numbers
        rows.append(Setting(program, "quanto 4 bits", ("quanto4",), False, 0.5 + 2 * size / 64))
    return rows


NONE = Setting("kvern", "none", ("--cache", "none"))
PREFILL_LLAMA = Setting("llama.cpp", "f16, flash attention", ("f16/f16/on",), False, 2)
