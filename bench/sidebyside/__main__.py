"""kvern beside llama.cpp, ik_llama.cpp, OpenVINO and transformers: measures, and writes tables and a plot. Usually started by
bench/compare.sh.

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
from peers import PEERS, llama_workers_of, not_given, start_peers
from programs import STORED, Kvern, gguf_of, openvino_of, packed_of, run
from shapes import Shape

HERE = pathlib.Path(__file__).resolve().parent.parent
ALL_PARTS = {**PARTS, "overhead": overhead}
WEIGHTS = (STORED, "8", "4")


def numbers(text):
    return [int(n) for n in text.split(",") if n]


def names(text):
    return [name for name in text.split(",") if name]


def parse(arguments):
    p = argparse.ArgumentParser(prog="compare.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--models", nargs="+", type=pathlib.Path, default=[], help="folders of make_models.py, NAME-f32 or NAME-bf16")
    p.add_argument("--parts", type=names, default=["decode", "prefill"], help=",".join(ALL_PARTS) + "; default decode,prefill")
    p.add_argument("--peers", type=names, default=list(PEERS), help=",".join(PEERS) + ": of these, those that are there")
    p.add_argument("--weights", type=names, default=[STORED],
                   help="stored,8,4: as the folders hold them; packed by kvern quantize beside Q8_0 and int8, Q4_0 and int4; each has "
                        "a page; default stored")
    p.add_argument("--depths", type=numbers, default=[0, 512, 4096, 16384])
    p.add_argument("--line-depths", type=numbers, default=[1024, 2048, 8192], help="kvern's own, for its slope")
    p.add_argument("--threads", type=numbers, default=[1, 2])
    p.add_argument("--prefill", type=numbers, default=[512, 2048], help="lengths of prompts")
    p.add_argument("--prefill-threads", type=numbers, default=[], help="without it the first of --threads")
    p.add_argument("--sequences", type=numbers, default=[2, 4, 8, 16, 32], help="decoded at once in the part `batch`")
    p.add_argument("--sequences-depth", type=int, default=512, help="how far they are into a text")
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
    p.add_argument("--llama-prefix", type=pathlib.Path, help="where llama.cpp is installed: include/llama.h, lib/libllama.so")
    p.add_argument("--ik-prefix", type=pathlib.Path, help="where ik_llama.cpp is installed, likewise")
    p.add_argument("--openvino", metavar="PYTHON", help="an interpreter that has openvino")
    p.add_argument("--transformers", nargs="*", default=[], help="interpreters that have torch and transformers")
    p.add_argument("--out", type=pathlib.Path, default=HERE / "results")
    p.add_argument("--from", dest="source", nargs="+", type=pathlib.Path, help="result files: make the tables again")
    options = p.parse_args(arguments)
    options.full, options.all = options.rows != "main", options.rows == "all"
    if options.quick:
        options.rounds, options.threads, options.depths, options.line_depths = 2, options.threads[:1], [0, 1024, 4096], []
        options.prefill = options.prefill[:1]
    for what, given, known in (("part", options.parts, ALL_PARTS), ("peer", options.peers, PEERS), ("weights", options.weights, WEIGHTS)):
        unknown = [name for name in given if name not in known]
        if unknown:
            p.error(f"no {what} {unknown[0]}; there are {', '.join(known)}")
    if not (options.models or options.source):
        p.error("--models is missing")
    return options


def start_kvern(options, shape):
    """The first to map the weights: the others read them into memory of their own, or have a file of their own."""
    others = (gguf_of(shape.stored, shape.weights), openvino_of(shape.stored, shape.weights) / "openvino_model.bin")
    for path in (*shape.folder.glob("*.safetensors"), *others):
        machine.forget(path)
    kvern = Kvern(options.build / "bin" / "kvern", shape.folder)
    kvern.bench(settings.NONE, 1, depths=0, new=1)
    return kvern


def pack(options, folder, weights):
    """The folder with packed weights is made once."""
    out = packed_of(folder, weights)
    if not out.exists():
        say(f"{out.name}: packing")
        run([options.build / "bin" / "kvern", "quantize", folder, out, "--bits", weights])


def settings_for(options, shape, peers):
    rows = settings.of_kvern(shape.dtype, options.cache_dtype)
    return rows + [row for peer in peers for row in settings.of_peer(peer.name, shape.dtype)]


def measure(options, folder, weights, llama_workers):
    if weights != STORED:
        pack(options, folder, weights)
    shape = Shape(folder, weights)
    say(f"{shape.folder.name}: starting the programs")
    kvern = start_kvern(options, shape)
    peers = start_peers(options, shape, llama_workers)
    try:
        programs = {p.name: p for p in [kvern, *peers]}
        bench = Bench(shape, programs, settings_for(options, shape, peers), options)
        new = [machine.describe(), shape.record()]
        for part in options.parts:
            new += ALL_PARTS[part](bench)
            new[0]["load_after"] = os.getloadavg()[0]
            skipped = [{"part": "skipped", "program": p, "cache": c, "why": why} for (p, c), why in bench.refused.items()]
            write(options.out / f"{datetime.date.today()}-{shape.folder.name}.jsonl", new + skipped)
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
    for name, option in not_given(options) if options.models else []:
        say(f"skipped: {name}: no {option}; bench/README.md says how to get it")
    with tempfile.TemporaryDirectory() as folder:
        workers = llama_workers_of(options, folder) if options.models else {}
        for model in options.models:
            for weights in options.weights:
                measure(options, model, weights, workers)


if __name__ == "__main__":
    main()
