"""Which caches of which programs are measured. `main` ones are measured with every number of threads and for every model,
the others only where a full table is asked for."""
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Setting:
    program: str  # kvern, or the name that a peer gives itself, with its version where it has one
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


def of_ik_llama():
    """Its fastest cache is f16 without flash attention where there is little in it, a quantized one further on."""
    return [replace(s, program="ik_llama.cpp", main=s.name in ("f16", "q8_0, flash attention", "q4_0, flash attention"))
            for s in of_llama() if s.name != "q8_0/f16"]


def of_openvino(program):
    """16: what it takes by itself, of 16 bits; unpacked for each query head, its packed caches gain little."""
    return [Setting(program, "16 bits", ("16",), True), Setting(program, "u8", ("u8",), True), Setting(program, "u4", ("u4",))]


def of_transformers(program, dtype):
    size = 4 if dtype == "float32" else 2
    old = program.split()[1].startswith("4.")
    rows = [Setting(program, "dynamic", ("dynamic",), True, size), Setting(program, "static", ("static",), not old, size)]
    if old:
        # 4 bits, and a scale and a shift for 64 numbers
        rows.append(Setting(program, "quanto 4 bits", ("quanto4",), False, 0.5 + 2 * size / 64))
    return rows


def of_peer(program, dtype):
    families = {"llama.cpp": of_llama, "ik_llama.cpp": of_ik_llama}
    if program in families:
        return families[program]()
    return of_openvino(program) if program.startswith("OpenVINO") else of_transformers(program, dtype)


def paged(cache_dtype):
    """Measured with several sequences only, as the other flash attentions."""
    return Setting("kvern", f"paged {cache_dtype}", ("--cache", "paged", "--cache-dtype", cache_dtype))


NONE = Setting("kvern", "none", ("--cache", "none"))
FLASH = [Setting(program, "f16, flash attention", ("f16/f16/on",), False, 2) for program in ("llama.cpp", "ik_llama.cpp")]
