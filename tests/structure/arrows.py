"""Reads the #includes of all sources and the table "Folders" of HACKING.md, and finds the arrows that the table does not allow.

    python3 tests/structure/arrows.py      # lists them, the size of core, and files that are too long
"""
import collections
import pathlib
import re
import sys

SOURCES = ("kernels", "devices", "core", "check", "sdk", "plugins", "runtime", "python", "tests", "bench")
SUFFIXES = {".hpp", ".cpp", ".h", ".c", ".inl"}
MAX_CORE_LINES = 10500
MAX_FILE_LINES = 500
ROOTS = ("core/include/", "sdk/include/")  # of <kvern/...>

Finding = collections.namedtuple("Finding", "file line text")


def read_table(text):
    """{folder: allowed folders} from the rows `| `folder/` | holds | may include |` of a Markdown text; "all" allows everything."""
    table = {}
    rows = re.findall(r"^\| (`[^|]+) \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    for names, allowed in rows:
        folders = [name.rstrip("/") for name in re.findall(r"`([^`]+)`", names)]
        folders = [re.sub(r"/<\w+>", "/*", folder) for folder in folders]
        if allowed.strip() == "all":
            targets = ["all"]
        else:
            targets = [name.rstrip("/") for name in re.findall(r"`([^`]+)`", allowed)]
            targets += [folder for folder in folders if "itself" in allowed and "*" not in folder]
        table.update({folder: targets for folder in folders})
    return table


def holds(folder, path):
    """Whether a path lies in a folder of the table; a `*` stands for one level."""
    pattern = "/".join("[^/]+" if part == "*" else re.escape(part) for part in folder.split("/"))
    return re.match(pattern + r"(/|$)", path) is not None


def row_of(table, path):
    """The most exact folder of the table that holds a path, or None."""
    return max((folder for folder in table if holds(folder, path)), key=len, default=None)


def is_test(path):
    """Tests and their tools, wherever they are: the row of `tests` is theirs."""
    name = path.rsplit("/", 1)[-1]
    return "_test." in name or "/testing/" in path or "/tests/" in path or name.startswith("test_") or path.startswith("tests/")


def sources(root):
    for folder in SOURCES:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path.relative_to(root).as_posix()


def resolve(root, file, name):
    """The path that an include means, or None for one that is not of this project."""
    if name.startswith("kvern/"):
        candidates = [top + name for top in ROOTS]
    else:
        candidates = [name, (pathlib.PurePosixPath(file).parent / name).as_posix()]
    for candidate in candidates:
        if (root / candidate).is_file():
            return candidate
    return "(none) " + name if name.startswith(tuple(f"{s}/" for s in SOURCES) + ("kvern/",)) else None


def may_include(table, file, target):
    row = row_of(table, file)
    if row is None:
        return False
    inside = holds(row, target) and "/".join(target.split("/")[:row.count("/") + 1]) == "/".join(file.split("/")[:row.count("/") + 1])
    if inside and row_of(table, target) == row:
        return True
    allowed = table["tests"] if is_test(file) and "tests" in table else table[row]
    return any(name == "all" or holds(name, target) for name in allowed)


def includes_of(root, file):
    text = (root / file).read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if found:
            yield number, found.group(1)


def bad_arrows(root, table):
    findings = []
    for file in sources(root):
        for number, name in includes_of(root, file):
            target = resolve(root, file, name)
            if target and not may_include(table, file, target):
                findings.append(Finding(file, number, f"{row_of(table, file)} may not include {target}"))
    return findings


def lines_of(root, file):
    return (root / file).read_text(encoding="utf-8", errors="replace").count("\n")


def core_lines(root):
    return sum(lines_of(root, file) for file in sources(root) if file.startswith("core/") and not is_test(file))


def long_files(root):
    return [Finding(file, lines_of(root, file), f"more than {MAX_FILE_LINES} lines") for file in sources(root)
            if lines_of(root, file) > MAX_FILE_LINES]


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    findings = bad_arrows(root, read_table((root / "HACKING.md").read_text(encoding="utf-8"))) + long_files(root)
    for finding in findings:
        print(f"{finding.file}:{finding.line}: {finding.text}")
    print(f"core: {core_lines(root)} lines without tests (at most {MAX_CORE_LINES})")
    return 1 if findings or core_lines(root) > MAX_CORE_LINES else 0


if __name__ == "__main__":
    sys.exit(main())
