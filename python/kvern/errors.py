"""Exceptions: each message says what is wrong, where, and what would be right."""
from __future__ import annotations

INVALID_ARGUMENT, UNSUPPORTED, OUT_OF_CAPACITY, OUT_OF_MEMORY = 1, 2, 3, 4  # kvern_status
CONFIG_KINDS = (2, 3)  # kvern::ErrorKind: usage, config


class KvernError(RuntimeError):
    """Base of all. ``status`` is the ``kvern_status`` of the cache that failed, or 0."""

    def __init__(self, message: str, status: int = 0):
        super().__init__(message)
        self.status = status


class ConfigError(KvernError, ValueError):
    """A name, an option or a value that does not exist or does not suit."""


class PluginError(KvernError):
    """A cache plugin that is absent, refused, or breaks its contract."""


class CapacityError(KvernError):
    """The cache is full: it has a limit of its own (``max_cache_len``)."""


class CacheMemoryError(KvernError, MemoryError):
    """Memory, or ``memory_budget``, ran out. The cache is as before the pass."""


class UnsupportedError(KvernError, NotImplementedError):
    """What this cache, or kvern in Python, cannot serve; the message names what would."""


def error_of(message: str, status: int, kind: int) -> KvernError:
    """The exception for a status and a kind of the bridge."""
    if kind in CONFIG_KINDS or (status == INVALID_ARGUMENT and kind != 1):
        return ConfigError(message, status)
    by_status = {UNSUPPORTED: UnsupportedError, OUT_OF_CAPACITY: CapacityError, OUT_OF_MEMORY: CacheMemoryError}
    return by_status.get(status, PluginError)(message, status)
