"""From records to figures: medians, bytes, the bound, and who is compared with whom."""
import statistics

import fits
import records as store
from shapes import NUMBER_BYTES


class Figures:
    """The decode figures of one number of threads."""

    def __init__(self, records, threads):
        self.shape = next(iter(store.select(records, part="shape")), None)
        self.threads = threads
        rows = store.select(records, part="decode", threads=threads)
        by_key = store.grouped(rows, "program", "cache")
        self.rows = {key: store.grouped(by_key[key], "depth") for key in sorted(by_key, key=lambda key: key[0])}
        reads = store.grouped(store.select(records, part="bandwidth", threads=threads), "streams")
        self.speeds = {streams: statistics.median(r["median"] for r in group) for streams, group in reads.items()}
        self.streams = max(self.speeds, key=self.speeds.get, default=None)  # with so many memory was read fastest

    def depths(self):
        """The depths that every program was measured at."""
        common = [set(by_depth) for by_depth in self.rows.values()]
        return sorted(set.intersection(*common)) if common else []

    def median(self, key, depth):
        rounds = [r["steps_ms"] for r in self.rows.get(key, {}).get(depth, [])]
        return fits.typical(rounds) if rounds else None

    def best(self, key, depth):
        return fits.best([r["steps_ms"] for r in self.rows[key][depth]])

    def line(self, key):
        return fits.line([(depth, self.median(key, depth)) for depth in sorted(self.rows[key])])

    def bytes_per_position(self, key):
        """As the cache counts, between the two greatest depths; of programs that do not, as their types say."""
        by_depth = self.rows[key]
        if not self.counts(key):
            return stated_bytes(key[1], self.shape) * self.shape["numbers_per_position"]
        if len(by_depth) < 2:
            return None
        low, high = sorted(by_depth)[-2:]
        return (by_depth[high][0]["cache_bytes"] - by_depth[low][0]["cache_bytes"]) / (high - low)

    def bound(self, bytes_per_position, depth, streams=None):
        """Milliseconds to read the weights and the cache once, at the fastest or over so many streams."""
        return (self.shape["read_bytes"] + bytes_per_position * depth) / self.speeds[streams or self.streams] * 1e3

    def counts(self, key):
        """Whether the program says how many bytes its cache holds."""
        return key[0] == "kvern" or any(r.get("cache_bytes") for group in self.rows[key].values() for r in group)

    def cache_bytes(self, key, depth):
        if self.counts(key):
            return self.rows[key][depth][0]["cache_bytes"]
        return self.bytes_per_position(key) * depth

    def fraction(self, key, depth, streams=None):
        """Of the bound: 1 = as fast as memory allows."""
        least = (self.shape["read_bytes"] + self.cache_bytes(key, depth)) / self.speeds[streams or self.streams] * 1e3
        return least / self.median(key, depth)

    def least_slope(self, key, streams=None):
        """Milliseconds to read the bytes of a position."""
        return self.bytes_per_position(key) / self.speeds[streams or self.streams] * 1e3

    def fastest(self, family, depth, cache=None):
        """The best median of a family of programs ("transformers"), of one cache or of all."""
        times = [self.median(key, depth) for key in self.rows
                 if key[0].split()[0] == family and cache in (None, key[1]) and depth in self.rows[key]]
        return min(times, default=None)


def stated_bytes(cache, shape):
    """Bytes per number of a peer's cache, from its name."""
    if cache.startswith("quanto"):
        return 0.5 + 2 * NUMBER_BYTES[shape["dtype"]] / 64  # a scale and a shift for 64 numbers
    kinds = cache.split(",")[0].split("/")
    if kinds[0] in NUMBER_BYTES:
        return statistics.fmean(NUMBER_BYTES[kind] for kind in kinds)
    return NUMBER_BYTES[shape["dtype"]]
