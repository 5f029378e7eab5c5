"""The contract's headers as the next minor version might have them: the minor number is one higher, and every struct that says its size
has grown at its end.
usage: next_minor.py INCLUDE_FOLDER OUT"""
import pathlib
import re
import sys

STRUCT = re.compile(r"(typedef struct \w+ \{\n(?:(?!^\}).*\n)*?  uint32_t struct_size\b(?:(?!^\}).*\n)*?)(^\} \w+;)", re.M)
MINOR = re.compile(r"(#define KVERN_ABI_MINOR )(\d+)u")


def next_minor(text):
    text = MINOR.sub(lambda found: f"{found[1]}{int(found[2]) + 1}u", text)
    return STRUCT.sub(r"\1  uint64_t of_the_next_minor[3];\n\2", text)


if __name__ == "__main__":
    folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    grown = 0
    for header in sorted((folder / "kvern/abi").glob("*.h")):
        text = header.read_text()
        changed = next_minor(text)
        assert changed.count("of_the_next_minor") == text.count("  uint32_t struct_size"), header
        grown += changed.count("of_the_next_minor")
        target = out / "kvern/abi" / header.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(changed)
    assert grown > 0
