"""The Markdown page of one model: what was measured, as tables. The records beside it hold every step."""
import statistics

import fits
import rates
import records as store
from figures import Figures
from pieces import cell, table, title_of, weights_of

EIGHT = 8  # address streams


def compose(records, image):
    """The whole page; sections without records are left out."""
    sections = [heading(records)]
    for threads in sorted({r["threads"] for r in store.select(records, part="decode")}):
        figures = Figures(records, threads)
        title = title_of(threads)
        sections += [times(figures, title), fractions(figures, title), ratios(figures, title), lines(figures, title)]
    if image:
        sections.append(f"![time per token over depth]({image})\n")
    sections += [rates.prefill(records), rates.batch(records), steps(records), generated(records), memory(records), overhead(records), skipped(records)]
    return "\n".join(section for section in sections if section)


def heading(records):
    shape = next(iter(store.select(records, part="shape")), {})
    text = f"# {shape.get('model', '')}, weights {weights_of(shape)}\n\n"
    for m in store.select(records, part="machine"):
        text += (f"{m['date']}, {m['processor']} ({', '.join(m['instruction_sets'])}), {m['processors']} processors, "
                 f"load {m['load']:.1f} before and {m.get('load_after', m['load']):.1f} after.\n")
    text += "Random weights; caches filled with random keys and values. Medians over rounds in which the programs took turns.\n"
    if any(r["depth"] == shape.get("last_depth") for r in store.select(records, part="decode")):
        text += f"The model has {shape['positions']} positions, so depths end at {shape['last_depth']}.\n"
    rows = []
    for (threads, streams), group in store.grouped(store.select(records, part="bandwidth"), "threads", "streams").items():
        median = statistics.median(r["median"] for r in group)
        rows.append([str(threads), str(streams), cell(median / 1e9), cell(max(r["best"] for r in group) / 1e9)])
    return text + ("\n" + table(["threads", "streams", "memory read, GB/s, median", "best"], rows) if rows else "")


def by_depth(figures, text):
    """A table of text(row, depth)."""
    depths = figures.depths()
    return table(["program", "cache", *map(str, depths)], [[*key, *[text(key, d) for d in depths]] for key in figures.rows])


def times(figures, title):
    depths = figures.depths()
    rows = []
    for key in figures.rows:
        rows.append([*key, *[f"{figures.median(key, d):.1f} ({figures.best(key, d):.1f})" for d in depths],
                     cell(figures.bytes_per_position(key), 0)])
    text = f"## Decode, {title}\n\nMilliseconds per token, median (best), by depth; bytes that the cache keeps per position.\n\n"
    text += table(["program", "cache", *map(str, depths), "bytes"], rows)
    return text + "\nTokens per second.\n\n" + by_depth(figures, lambda key, d: cell(1e3 / figures.median(key, d)))


def both(figures, value):
    """A figure by the hardest bound, in brackets by that of 8 streams, which is what our aims are told in."""
    text = cell(value(figures.streams), 2)
    return f"{text} ({cell(value(EIGHT), 2)})" if EIGHT in figures.speeds and figures.streams != EIGHT else text


def bound_in_words(figures):
    text = (f"{figures.speeds[figures.streams] / 1e9:.1f} GB/s, the fastest that memory was read meanwhile, over "
            f"{figures.streams} address streams")
    if EIGHT in figures.speeds and figures.streams != EIGHT:
        text += f"; in brackets by the {figures.speeds[EIGHT] / 1e9:.1f} GB/s over {EIGHT}"
    return text + ".\n\n"


def fractions(figures, title):
    if not figures.streams:
        return ""
    text = f"### Fraction of the bound, {title}\n\nThe bound is (bytes of weights + bytes of this cache) / "
    return text + bound_in_words(figures) + by_depth(figures, lambda key, d: both(figures, lambda n: figures.fraction(key, d, n)))


def against(figures, key, shape):
    """(name, time by depth) of what a row of kvern is compared with."""
    half = 2 * shape["numbers_per_position"]
    for peer in ("llama.cpp", "ik_llama.cpp", "OpenVINO", "transformers"):
        yield f"{peer}, its best", lambda d, p=peer: figures.fastest(p, d)
    if key[1].startswith("quantized"):
        yield "llama.cpp q4_0", lambda d: figures.fastest("llama.cpp", d, "q4_0, flash attention")
        yield "transformers, quanto 4 bits", lambda d: figures.fastest("transformers", d, "quanto 4 bits")
        dynamic = next((k for k in figures.rows if k[1].startswith("dynamic") and k[0] == "kvern"), None)
        yield "kvern " + (dynamic or ("", "dynamic"))[1], lambda d: figures.median(dynamic, d)
        for streams in sorted({figures.streams, EIGHT} & set(figures.speeds)):
            yield f"the bound of a 16-bit cache, {streams} streams", lambda d, n=streams: figures.bound(half, d, n)


def ratios(figures, title):
    rows = []
    for key in (k for k in figures.rows if k[0] == "kvern"):
        for name, time in against(figures, key, figures.shape):
            values = [time(d) and time(d) / figures.median(key, d) for d in figures.depths()]
            if any(values):
                rows.append([key[1], name, *[cell(v, 2) for v in values]])
    if not rows:
        return ""
    return (f"### How many times as fast, {title}\n\n"
            + table(["kvern", "as", *map(str, figures.depths())], rows))


def lines(figures, title):
    rows = []
    for key in figures.rows:
        line = figures.line(key)
        if line is None:
            continue
        least, times = "", ""
        if figures.streams:
            least = both(figures, lambda n: figures.least_slope(key, n) * 1e3)
            times = both(figures, lambda n: line[0] / figures.least_slope(key, n))
        rows.append([*key, str(len(figures.rows[key])), cell(line[0] * 1e3, 2), least, times, cell(line[2], 4)])
    head = ["program", "cache", "depths", "ms per 1000 positions", "bytes over bandwidth", "times that", "R2"]
    return f"### Slope over depth, {title}\n\n" + table(head, rows) if rows else ""


def steps(records):
    """Each step counts with its faster run: what is slow in both is the cache's doing."""
    rows = []
    for cache, group in store.grouped(store.select(records, part="steps"), "cache").items():
        times = [min(step) for step in zip(*[r["steps_ms"] for r in group])]
        middle = statistics.median(times)
        rows.append([cache, str(group[0]["depth"]), str(len(times)), cell(middle, 2), cell(max(times), 2), cell(max(times) / middle, 2)])
    head = ["kvern", "from depth", "steps", "median ms", "slowest ms", "times the median"]
    return "## Slowest step\n\n" + table(head, rows) if rows else ""


def generated(records):
    runs = store.grouped(store.select(records, part="generate"), "program", "cache", "new")
    rows = [(new, program, cache, str(len(group)), statistics.median(r["seconds"] for r in group))
            for (program, cache, new), group in runs.items()]
    points = [(r["depth"], statistics.median(r["steps_ms"]) / 1e3) for r in store.select(records, part="none")]
    for new in sorted({row[0] for row in rows}) if points else []:
        seconds = fits.area(points, min(points)[0] + new)
        rows += [(new, "kvern", "none", "sum of sampled steps", seconds)] if seconds else []
    cached = {new: seconds for new, program, cache, _, seconds in rows if program == "kvern" and cache != "none"}
    head = ["program", "cache", "new tokens", "runs", "seconds", "times kvern with a cache"]
    cells = [[program, cache, str(new), runs, cell(seconds, 2), cell(new in cached and seconds / cached[new] or None, 2)]
             for new, program, cache, runs, seconds in sorted(rows, key=lambda row: row[:2])]
    return "## Greedy generation behind 8 tokens, 1 thread\n\n" + table(head, cells) if rows else ""


def memory(records):
    rows = []
    for r in store.select(records, part="memory"):
        rest = r["peak"] - r["weights"] - r["cache_bytes"] - r["program_bytes"]
        allowed = (r["weights"] + r["cache_bytes"]) * 1.1 + 150e6
        rows.append([r["cache"], str(r["depth"]), *[cell(n / 1e6, 0) for n in
                     (r["peak"], r["weights"], r["cache_bytes"], r["program_bytes"], rest, allowed)]])
    head = ["kvern", "depth", "peak MB", "weights", "cache", "program and libraries at start", "rest", "weights and cache + 10 % + 150 MB"]
    return "## Peak of resident memory, prefilled in pieces\n\n" + table(head, rows) if rows else ""


def overhead(records):
    rows = []
    for r in store.select(records, part="overhead"):
        top = ", ".join(f"`{name[:60]}` {100 * share:.1f}" for name, share in list(r["elsewhere"].items())[:5])
        rows.append([r["cache"], str(r["depth"]), cell(100 * (1 - r["kernels"])), top])
    head = ["kvern", "depth", "% outside kernels", "most of it"]
    text = "## Share of decoding outside kernels\n\nSamples of `perf` (cpu-clock) not in `kvern::kernels`.\n\n"
    return text + table(head, rows) if rows else ""


def skipped(records):
    rows = store.select(records, part="skipped")
    return "## Skipped\n\n" + "".join(f"- {r['program']}, {r['cache']}: {r['why'].splitlines()[-1]}\n" for r in rows) if rows else ""
