"""kvern beside llama.cpp and transformers: measures, and writes tables and a plot. Usually started by bench/compare.sh.

Every part is measured in rounds in which the programs take turns; a figure is the median over the rounds. A program that is
not there is skipped with a word. Each part replaces its own figures in the result file and leaves the others' as they are.
"""
import argparse
import datetime
import os
import pathlib
import sys
import tempfile

import machine
import plot
import records as store
import report
import settings
from overhead import overhead
from parts import PARTS, Bench, say
from programs import Failed, Kvern, Worker, compile_llama_worker, gguf_of
from shapes import Shape

HERE = pathlib.Path(__file__).resolve().parent.parent
ALL_PARTS = {**PARTS, "overhead": overhead}


def numbers(text):
    return [int(n) for n in text.split(",") if n]


def names(text):
    return [name for name in text.split(",") if name]


def parse(arguments):
    p = argparse.ArgumentParser(prog="compare.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--models", nargs="+", type=pathlib.Path, default=[], help="folders of make_models.py, NAME-f32 or NAME-bf16")
    p.add_argument("--parts", type=names, default=["decode", "prefill"], help=",".join(ALL_PARTS) + "; default decode,prefill")
    p.add_argument("--peers", type=names, default=["llama.cpp", "transformers"], help="of these, those that are there")
    p.add_argument("--depths", type=numbers, default=[0, 512, 4096, 16384])
    p.add_argument("--line-depths", type=numbers, default=[1024, 2048, 8192], help="kvern's own, for its slope")
    p.add_argument("--threads", type=numbers, default=[1, 2])
    p.add_argument("--prefill", type=numbers, default=[512, 2048], help="lengths of prompts")
    p.add_argument("--generate", type=numbers, default=[100, 300, 1000], help="new tokens")
    p.add_argument("--none-up-to", type=int, default=100, help="longest generation without a cache that is run, not only sampled")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=0.2, help="about the time of one row in one round")
    p.add_argument("--steps", type=int, default=280, help="steps of the part `steps`")
    p.add_argument("--rows", choices=["main", "full", "all"], default="full",
                   help="main: few caches; full: all with the first number of threads; all: with every one")
    p.add_argument("--cache-dtype", default="bfloat16", help="what a 16-bit cache of kvern holds")
    p.add_argument("--quick", action="store_true", help="a look: 2 rounds, 1 thread, few depths")
    p.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"), help="where kvern was built")
    p.add_argument("--llama-prefix", type=pathlib.Path, help="has include/llama.h and lib/libllama.so")
    p.add_argument("--transformers", nargs="*", default=[], help="interpreters that have torch and transformers")
    p.add_argument("--out", type=pathlib.Path, default=HERE / "results")
    p.add_argument("--from", dest="source", nargs="+", type=pathlib.Path, help="result files: make the tables again")
    options = p.parse_args(arguments)
    options.full, options.all = options.rows != "main", options.rows == "all"
    if options.quick:
        options.rounds, options.threads, options.depths, options.line_depths = 2, options.threads[:1], [0, 1024, 4096], []
        options.prefill = options.prefill[:1]
    unknown = [part for part in options.parts if part not in ALL_PARTS]
    if unknown or not (options.models or options.source):
        p.error(f"no part {unknown[0]}; parts are {', '.join(ALL_PARTS)}" if unknown else "--models is missing")
    return options


def attempt(what, start):
    try:
        return start()
    except (Failed, OSError) as failure:
        say(f"skipped: {what}: {failure}")
        return None


def start_kvern(options, folder):
    """The first to map the weights: the others read them into memory of their own, or have a file of their own."""
    for path in (*folder.glob("*.safetensors"), gguf_of(folder)):
        machine.forget(path)
    kvern = Kvern(options.build / "bin" / "kvern", folder)
    kvern.bench(settings.NONE, 1, depths=0, new=1)
    return kvern


def start_peers(options, shape, llama_worker):
    peers = []
    gguf = gguf_of(shape.folder)
    if llama_worker and not gguf.exists():
        say(f"skipped: llama.cpp: no {gguf}; peers/make_gguf.py makes it")
    elif llama_worker:
        peers.append(attempt("llama.cpp", lambda: Worker([llama_worker, gguf])))
    for python in options.transformers if "transformers" in options.peers else []:
        command = [python, HERE / "peers" / "transformers_worker.py", shape.folder, shape.dtype]
        peers.append(attempt(python, lambda: Worker(command)))
    return [peer for peer in peers if peer]


def settings_for(options, shape, peers):
    rows = settings.of_kvern(shape.dtype, options.cache_dtype)
    for peer in peers:
        rows += settings.of_llama() if peer.name == "llama.cpp" else settings.of_transformers(peer.name, shape.dtype)
    return rows


def measure(options, folder, llama_worker):
    shape = Shape(folder)
    say(f"{folder.name}: starting the programs")
    kvern = start_kvern(options, folder)
    peers = start_peers(options, shape, llama_worker)
    try:
        programs = {p.name: p for p in [kvern, *peers]}
        bench = Bench(shape, programs, settings_for(options, shape, peers), options)
        new = [machine.describe(), shape.record()]
        for part in options.parts:
            new += ALL_PARTS[part](bench)
            new[0]["load_after"] = os.getloadavg()[0]
            skipped = [{"part": "skipped", "program": p, "cache": c, "why": why} for (p, c), why in bench.refused.items()]
            write(options.out / f"{datetime.date.today()}-{folder.name}.jsonl", new + skipped)
    finally:
        for peer in peers:
            peer.stop()


def write(path, new=()):
    everything = store.replaced(store.load(path), list(new))
    if new:
        store.save(path, everything)
    image = path.with_suffix(".svg")
    drawn = plot.draw(everything)
    if drawn:
        image.write_text(drawn)
    path.with_suffix(".md").write_text(report.compose(everything, image.name if drawn else None))
    say(f"wrote {path.with_suffix('.md')}")


def main():
    options = parse(sys.argv[1:])
    for path in options.source or []:
        write(path)
    with tempfile.TemporaryDirectory() as folder:
        llama_worker = None
        if options.models and "llama.cpp" in options.peers:
            if options.llama_prefix:
                llama_worker = attempt("llama.cpp", lambda: compile_llama_worker(options.llama_prefix, folder))
            else:
                say("skipped: llama.cpp: no --llama-prefix")
        for model in options.models:
            measure(options, model, llama_worker)


if __name__ == "__main__":
    main()
