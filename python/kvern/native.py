"""The C bridge by ctypes: caches over borrowed torch tensors, without copies."""
from __future__ import annotations

import ctypes as C
import json
import threading

import torch

from . import paths
from .errors import UNSUPPORTED, error_of

I64, I32, P, S = C.c_int64, C.c_int32, C.c_void_p, C.c_char_p
NINE = I64 * 9
TENTATIVE, IMPORT = 1, 2  # KVERN_STEP_*
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Memory(C.Array):
    """Bytes at an address, however many: one type, since ctypes keeps every type that it makes. ``owner`` lives as long as they are used."""

    _type_, _length_ = C.c_uint8, 1 << 46


class Info(C.Structure):
    """kvern_info"""

    _fields_ = [("struct_size", C.c_uint32), ("reserved", C.c_uint32)] + [
        (name, I64)
        for name in ("tokens", "capacity", "max_new", "rollback", "bytes_device", "bytes_host", "rows", "bytes_used")
    ]


class Attention(C.Structure):
    """kvb_attention"""

    _fields_ = [(name, P) for name in ("q", "k", "v", "out", "bias", "sinks")] + [
        ("scale", C.c_float), ("softcap", C.c_float), ("window", I32), ("by_cache", I32)]


SIGNATURES = {  # name: (result, arguments)
    "kvb_status": (I32, []), "kvb_kind": (I32, []), "kvb_message": (S, []),
    "kvb_embed": (I32, [S, S]), "kvb_set_threads": (I32, [I64]), "kvb_threads": (I32, []),
    "kvb_list": (P, [S]), "kvb_read_config": (P, [S]), "kvb_free": (None, [P]),
    "kvb_open": (P, [S, S, S]), "kvb_close": (None, [P]), "kvb_dtype": (S, [P]), "kvb_name": (S, [P]),
    "kvb_begin": (I32, [P, I64, I64, P, C.c_uint32]), "kvb_view": (I32, [P, I32, P]),
    "kvb_update": (I32, [P, I32, P, P, P, P]), "kvb_attend": (I32, [P, I32, P]), "kvb_end": (I32, [P, I64]),
    "kvb_reset": (I32, [P]), "kvb_gather": (I32, [P, P, I64]), "kvb_append": (I32, [P, P]),
    "kvb_truncate": (I32, [P, P, I64]), "kvb_clone": (P, [P]), "kvb_empty_like": (P, [P]),
    "kvb_info": (I32, [P, I32, P]), "kvb_save": (P, [P, P]), "kvb_load": (I32, [P, S, I64]),
    "kvb_offers": (I32, [P, S]),
}

_lock = threading.Lock()
_library = None


def library() -> C.CDLL:
    """The bridge, loaded once: with the plugin folders of this environment, and as many threads as torch computes with."""
    global _library
    with _lock:
        if _library is None:
            lib = C.CDLL(str(paths.bridge()))
            for name, (result, arguments) in SIGNATURES.items():
                function = getattr(lib, name)
                function.restype, function.argtypes = result, arguments
            build = f"torch={torch.__version__.split('+')[0]};cxx11abi={int(torch.compiled_with_cxx11_abi())}"
            _check(lib, lib.kvb_embed(":".join(paths.plugin_folders()).encode(), build.encode()))
            _check(lib, lib.kvb_set_threads(torch.get_num_threads()))
            _library = lib
    return _library


def _check(lib, failed) -> None:
    if failed:
        raise error_of(lib.kvb_message().decode(errors="replace"), lib.kvb_status(), lib.kvb_kind())


def _made(lib, pointer):
    if not pointer:
        _check(lib, True)
    return pointer


def set_threads(threads: int) -> None:
    """Sets the number of kvern's compute threads; 0 = one per processor. At first it is torch's. Not while a cache is at work."""
    lib = library()
    _check(lib, lib.kvb_set_threads(threads))


def threads() -> int:
    """The number of kvern's compute threads."""
    return library().kvb_threads()


def _take_json(lib, pointer) -> dict:
    text = C.string_at(_made(lib, pointer)).decode()
    lib.kvb_free(pointer)
    return json.loads(text)


def list_plugins(plugin_path=()) -> list:
    lib = library()
    return _take_json(lib, lib.kvb_list(":".join(map(str, plugin_path)).encode()))["caches"]


def read_config(file) -> dict:
    """The tree of a configuration file (TOML or JSON)."""
    lib = library()
    return _take_json(lib, lib.kvb_read_config(str(file).encode()))


def _nine(t):
    return NINE(t.data_ptr(), *t.shape, *t.stride())


def _borrow(nine, dtype, owner):
    """A tensor on the cache's memory, which lives as long as the tensor: its contents hold until a call names another layer, or end."""
    address, b, h, t, d, sb, sh, st, sd = nine
    if not (b and h and t and d):
        return torch.empty((b, h, t, d), dtype=dtype)
    memory = Memory.from_address(address)
    memory.owner = owner
    elements = 1 + (b - 1) * sb + (h - 1) * sh + (t - 1) * st + (d - 1) * sd
    return torch.frombuffer(memory, dtype=dtype, count=elements).as_strided((b, h, t, d), (sb, sh, st, sd))


def _array(numbers):
    return (I64 * len(numbers))(*numbers)


class NativeCache:
    """One cache of the bridge. Tensors are ``[B, H, T, D]``, of ``dtype`` unless said otherwise, with a last stride of 1."""

    def __init__(self, pointer):
        self._lib, self._c = library(), pointer
        self.dtype = DTYPES[self._lib.kvb_dtype(pointer).decode()]
        self.name = self._lib.kvb_name(pointer).decode()

    @classmethod
    def open(cls, run: str, file: str | None, request: dict) -> NativeCache:
        """run: JSON, or the text of the configuration file `file`."""
        lib = library()
        return cls(_made(lib, lib.kvb_open(run.encode(), file and file.encode(), json.dumps(request).encode())))

    def __del__(self):
        if getattr(self, "_c", None):
            self._lib.kvb_close(self._c)
            self._c = None

    def begin(self, row_pos, n_new, flags=0):
        _check(self._lib, self._lib.kvb_begin(self._c, len(row_pos), n_new, _array(row_pos), flags))

    def begin_tentative(self, row_pos, n_new) -> bool:
        """False, and nothing has happened, if the cache cannot keep a part of a step."""
        if not self._lib.kvb_begin(self._c, len(row_pos), n_new, _array(row_pos), TENTATIVE):
            return True
        if self._lib.kvb_status() != UNSUPPORTED:
            _check(self._lib, True)
        return False

    def view(self, layer):
        """kv_len, and how many positions the first key of each row lies before the row's first new token."""
        out = (I64 * 2)()
        _check(self._lib, self._lib.kvb_view(self._c, layer, out))
        return tuple(out)

    def update(self, layer, k, v):
        out_k, out_v = NINE(), NINE()
        _check(self._lib, self._lib.kvb_update(self._c, layer, _nine(k), _nine(v), out_k, out_v))
        return _borrow(out_k, self.dtype, self), _borrow(out_v, self.dtype, self)

    def store(self, layer, k, v):
        _check(self._lib, self._lib.kvb_update(self._c, layer, _nine(k), _nine(v), None, None))

    def read(self, layer):
        out_k, out_v = NINE(), NINE()
        _check(self._lib, self._lib.kvb_update(self._c, layer, None, None, out_k, out_v))
        return _borrow(out_k, self.dtype, self), _borrow(out_v, self.dtype, self)

    def attend(self, layer, q, k, v, out, scale, softcap=0.0, window=0, bias=None, sinks=None) -> bool:
        """q, out, bias, sinks: float32. Whether the cache attended on its own storage."""
        tensors = [None if t is None else _nine(t) for t in (q, k, v, out, bias)]
        addresses = [None if t is None else C.addressof(t) for t in tensors]
        request = Attention(*addresses, None if sinks is None else sinks.data_ptr(), scale, softcap, window, 0)
        _check(self._lib, self._lib.kvb_attend(self._c, layer, C.byref(request)))
        return bool(request.by_cache)

    def end(self, n_keep):
        _check(self._lib, self._lib.kvb_end(self._c, n_keep))

    def reset(self):
        _check(self._lib, self._lib.kvb_reset(self._c))

    def gather(self, rows):
        _check(self._lib, self._lib.kvb_gather(self._c, _array(rows), len(rows)))

    def append(self, other: NativeCache):
        _check(self._lib, self._lib.kvb_append(self._c, other._c))

    def truncate(self, row_pos):
        _check(self._lib, self._lib.kvb_truncate(self._c, _array(row_pos), len(row_pos)))

    def clone(self) -> NativeCache:
        return NativeCache(_made(self._lib, self._lib.kvb_clone(self._c)))

    def empty_like(self) -> NativeCache:
        return NativeCache(_made(self._lib, self._lib.kvb_empty_like(self._c)))

    def info(self, layer=-1) -> dict:
        info = Info(struct_size=C.sizeof(Info))
        _check(self._lib, self._lib.kvb_info(self._c, layer, C.byref(info)))
        return {name: getattr(info, name) for name, _ in Info._fields_[2:]}

    def save(self) -> bytes:
        size = I64()
        data = _made(self._lib, self._lib.kvb_save(self._c, C.byref(size)))
        try:
            return C.string_at(data, size.value)
        finally:
            self._lib.kvb_free(data)

    def load(self, data: bytes):
        _check(self._lib, self._lib.kvb_load(self._c, data, len(data)))

    def offers(self, verb: str) -> bool:
        return bool(self._lib.kvb_offers(self._c, verb.encode()))

