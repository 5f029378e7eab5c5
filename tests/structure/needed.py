"""Libraries that a program must not load at its start, since each of them takes memory from every run (`ulimit -v`).

    python3 tests/structure/needed.py PROGRAM NAME...    # no NEEDED library begins with libNAME.so, read by ldd
"""
import re
import subprocess
import sys


def needed(ldd_output):
    """Names of all libraries of an `ldd`, those of libraries included."""
    return set(re.findall(r"^\s*(\S+) => ", ldd_output, re.M))


def main(program, names):
    loaded = needed(subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout)
    found = sorted(library for library in loaded for name in names if library.startswith(f"lib{name}.so"))
    print(f"{program}: {len(loaded)} libraries at the start, of them loaded too early: {', '.join(found) or 'none'}")
    return 1 if found or not loaded else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
