"""That what was recorded of the contract's structs still holds: every field where it was and as large, no struct smaller.
usage: layout_test.py RECORDED INCLUDE_FOLDER [COMPILER]"""
import pathlib
import sys

from layout import layout


def entries(text):
    return {words[0]: tuple(map(int, words[1:])) for words in (line.split() for line in text.splitlines())}


def broken(recorded, now):
    """Sentences about what does not hold. A struct may have grown at its end."""
    for name, values in recorded.items():
        if name not in now:
            yield f"{name} is gone"
        elif len(values) == 2 and now[name] != values:
            yield f"{name} was at {values[0]} with {values[1]} bytes, and is at {now[name][0]} with {now[name][1]}"
        elif len(values) == 1 and now[name][0] < values[0]:
            yield f"{name} had {values[0]} bytes, and has {now[name][0]}"


def check_the_check():
    old = {"s": (16,), "s.a": (0, 8), "s.b": (8, 8)}
    assert not list(broken(old, {**old, "s": (24,), "s.c": (16, 8)}))
    assert len(list(broken(old, {"s": (8,), "s.a": (0, 4)}))) == 3


if __name__ == "__main__":
    check_the_check()
    recorded = entries(pathlib.Path(sys.argv[1]).read_text())
    sentences = list(broken(recorded, entries(layout(*sys.argv[2:]))))
    print("\n".join(sentences) or f"{len(recorded)} structs and fields are as recorded")
    sys.exit(1 if sentences else 0)
