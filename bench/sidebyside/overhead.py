"""The share of a decode step that is not spent in kernels: `perf record` samples it, symbols tell which is which."""
import os
import re
import shutil
import tempfile

from parts import record, say
from programs import Failed, run

START_MS = 2000  # what is not decoding: loading, and the first steps
LINE = re.compile(r"^\s*([0-9.]+)%\s+\[(.)\]\s+(.*)$")


def shares(report):
    """(in kernels, elsewhere as {symbol: share}) of `perf report`'s text."""
    kernels, elsewhere = 0.0, {}
    for text in report.splitlines():
        found = LINE.match(text)
        if not found:
            continue
        share, symbol = float(found[1]) / 100, found[3].strip()
        if "kvern::kernels::" in symbol:
            kernels += share
        else:
            elsewhere[symbol] = elsewhere.get(symbol, 0) + share
    return kernels, elsewhere


def sample(bench, setting, threads, depth):
    tokens = int(8 / (bench.shape.read_bytes / 20e9)) + 50
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "perf.data")
        run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "1997", "-D", START_MS, "-o", data, bench.programs["kvern"].program,
             "bench", "--model", bench.shape.folder, "--threads", threads, "--prefill", "", "--depths", depth, "--new", tokens,
             *setting.arguments])
        return shares(run(["perf", "report", "-i", data, "--no-children", "--stdio", "-F", "overhead,symbol",
                           "--percent-limit", "0"]))


def overhead(bench):
    if not shutil.which("perf"):
        say("skipped: overhead: `perf` is not installed")
        return []
    records, threads = [], bench.options.threads[0]
    for setting in (s for s in bench.settings if s.program == "kvern" and s.main):
        for depth in (0, max(bench.depths())):
            say(f"overhead of {setting.name} at {depth}")
            try:
                kernels, elsewhere = sample(bench, setting, threads, depth)
            except Failed as failure:
                bench.refused[(setting.program, setting.name)] = str(failure)
                say(f"skipped: {setting.name}: {failure}")
                break
            top = sorted(elsewhere.items(), key=lambda item: -item[1])[:8]
            records.append(record("overhead", setting, threads, depth=depth, kernels=kernels, elsewhere=dict(top)))
    return records
