#!/usr/bin/env python3
"""How fast the cache of a prefix is read from disk, beside reading the same file in order: each in turn, medians and ratios.

  prefix.py --kvern build/release/bin/kvern --model bench_models/wide-cache-f32 [--tokens 1100] [--caches dynamic,paged] [--rounds 5]
            [--folder DIR]

The prefix is made of random bytes until it has about that many tokens (of wide-cache-f32 a megabyte each). The page cache is dropped for the file before each reading. The
file is read in blocks of 4 MiB, told to be sequential; the time of kvern is that of the whole restoration: reading, checksums, filling the cache.
"""
import argparse
import json
import os
import random
import statistics
import subprocess
import tempfile
import time

BLOCK = 4 << 20


def drop(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def warm(size):
    """A virtual machine gets memory from its host when a page is first touched, and gives it back some seconds after it was freed: as much as
    the file's pages and a cache of that size take together is touched before each reading, so that neither is timed with it."""
    memory = b"\1" * (2 * size)
    del memory


def read_in_order(path):
    warm(os.path.getsize(path))
    drop(path)
    buffer, total = bytearray(BLOCK), 0
    start = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while n := file.readinto(buffer):
            total += n
    return total / (time.perf_counter() - start)


def generate(args, cache, text):
    command = [args.kvern, "generate", "--model", args.model, "--prefix-file", text, "--prefix-folder", args.folder, "--prompt", " x",
               "--max-new-tokens", "1", "--cache", cache, "--output", "json"]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(ran.stderr)
    return json.loads(ran.stdout)["prefix"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kvern", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", type=int, default=1100)
    parser.add_argument("--caches", default="dynamic,paged")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="where the files are; without it a temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        args.folder = args.folder or temporary
        rng = random.Random(3)
        text = os.path.join(temporary, "prefix.txt")
        with open(text, "w") as file:
            file.write("".join(chr(33 + rng.randrange(90)) for _ in range(2 * args.tokens)))
        print("| cache | file | in order, MB/s | restored, MB/s | of it |")
        print("|---|---|---|---|---|")
        for cache in args.caches.split(","):
            use = generate(args, cache, text)
            speeds, ratios = {"order": [], "restored": []}, []
            for _ in range(args.rounds):
                order = read_in_order(use["file"])
                warm(use["bytes"])
                drop(use["file"])
                now = generate(args, cache, text)
                assert now["restored"]
                restored = now["bytes"] / now["seconds"]
                speeds["order"].append(order), speeds["restored"].append(restored), ratios.append(restored / order)
            print(f"| `{cache}` | {use['tokens']} tokens, {use['bytes'] / 1e9:.2f} GB | {statistics.median(speeds['order']) / 1e6:.0f} | "
                  f"{statistics.median(speeds['restored']) / 1e6:.0f} | {statistics.median(ratios):.2f} |")
        print(f"\n{args.rounds} rounds, load {os.getloadavg()[0]:.0f}")


if __name__ == "__main__":
    main()
