"""Where programs and libraries look for their libraries: every entry of RPATH and RUNPATH is absolute or begins with $ORIGIN. An
empty or relative entry means the working directory, so that `kvern --model .` would run code out of a downloaded folder.

    python3 tests/structure/runpath.py FOLDER...    # all ELF files below; reads them by readelf
"""
import pathlib
import re
import subprocess
import sys


def bad_entries(dynamic_section):
    """The entries of a `readelf -d` that are neither absolute nor relative to the file itself."""
    bad = []
    for paths in re.findall(r"\((?:RPATH|RUNPATH)\)[^\[]*\[(.*)\]", dynamic_section):
        bad += [entry for entry in paths.split(":") if not re.match(r"/|\$ORIGIN(/|$)|\$\{ORIGIN\}(/|$)", entry)]
    return bad


def elf_files(folder):
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".o", ".a"):
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def main(folders):
    count, findings = 0, []
    for folder in folders:
        for path in elf_files(folder):
            count += 1
            section = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=True).stdout
            findings += [f"{path}: '{entry}'" for entry in bad_entries(section)]
    print("\n".join(findings + [f"{count} programs and libraries, {len(findings)} entries that are no absolute path"]))
    return 1 if findings or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
