"""python -m kvern check PLUGIN ... | caches | paths"""
from __future__ import annotations

import sys


def main(arguments) -> int:
    from . import paths, program
    command = arguments[0] if arguments else ""
    if command == "check":
        try:
            return program.check(arguments[1:])
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 5
    if command == "caches":
        for cache in program.caches():
            print(f"{cache['name']:18} {cache.get('summary') or 'refused: ' + cache['error']}")
        return 0
    if command == "paths":
        print(f"library  {paths.bridge()}")
        for folder in paths.plugin_folders():
            print(f"plugins  {folder}")
        return 0
    print(f"usage: {__doc__}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
