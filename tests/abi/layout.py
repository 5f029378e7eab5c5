"""The layout of the contract's structs: reads the headers, and prints by a C program the size of each struct, and offset and size of each
field. usage: layout.py INCLUDE_FOLDER [COMPILER]"""
import pathlib
import re
import subprocess
import sys
import tempfile



def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def declared_names(declaration):
    """ "int64_t rows, n_new" and "kvern_status (*end)(kvern_cache *cache, ...)" """
    pointer = re.search(r"\(\*(\w+)\)\s*\(", declaration)
    if pointer:
        return [pointer.group(1)]
    return [re.search(r"(\w+)\s*(?:\[[^\]]*\])?\s*$", part).group(1) for part in declaration.split(",")]


def structs(text):
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\}\s*(\w+);", without_comments(text), flags=re.S):
        fields = [field for declaration in body.split(";") if declaration.strip()
                  for field in declared_names(declaration.strip())]
        yield name, fields


def program(folder):
    headers = sorted((pathlib.Path(folder) / "kvern" / "abi").glob("*.h"))
    lines = ["#include <stddef.h>", "#include <stdio.h>"] + [f"#include <kvern/abi/{h.name}>" for h in headers]
    lines.append("int main(void) {")
    for header in headers:
        for name, fields in structs(header.read_text()):
            lines.append(f'  printf("{name} %zu\\n", sizeof({name}));')
            for field in fields:
                lines.append(f'  printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), '
                             f'sizeof((({name} *)0)->{field}));')
    return "\n".join(lines + ["  return 0;", "}", ""])


def layout(folder, compiler="cc"):
    with tempfile.TemporaryDirectory() as work:
        source, binary = f"{work}/layout.c", f"{work}/layout"
        pathlib.Path(source).write_text(program(folder))
        subprocess.run([compiler, "-std=c11", f"-I{folder}", source, "-o", binary], check=True)
        return subprocess.run([binary], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.stdout.write(layout(*sys.argv[1:]))
