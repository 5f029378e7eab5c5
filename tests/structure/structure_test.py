"""The project's includes, the size of core and of all files; and that the checks find what is planted."""
import pathlib
import tempfile
import unittest

import arrows

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = """
| folder | holds | may include |
|---|---|---|
| `core/include/kvern/abi/` | contract | nothing of kvern |
| `core/` | the rest | itself, `kernels` |
| `kernels/` | kernels | itself |
| `plugins/<name>/` | one cache each | `sdk` |
| `sdk/` | the SDK | itself, `core/include/kvern/abi` |
| `configs/` | files | |
| `tests/` | tests | all |
"""


class Tree:
    """A project of the files that are given, with the table above."""

    def __init__(self, files):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)

    def findings(self):
        with self.folder:
            return self.list_findings()

    def list_findings(self):
        return [f.file + ": " + f.text for f in arrows.bad_arrows(self.root, arrows.read_table(TABLE))]


class ThisProject(unittest.TestCase):
    def test_includes_follow_the_table_of_hacking_md(self):
        table = arrows.read_table((ROOT / "HACKING.md").read_text(encoding="utf-8"))
        for folder in ("core", "core/include/kvern/abi", "kernels", "devices", "sdk", "plugins/*", "runtime", "tests"):
            self.assertIn(folder, table)
        self.assertGreater(len(list(arrows.sources(ROOT))), 300)
        self.assertEqual(arrows.bad_arrows(ROOT, table), [])

    def test_core_is_small(self):
        self.assertGreater(arrows.core_lines(ROOT), 1000)
        self.assertLessEqual(arrows.core_lines(ROOT), arrows.MAX_CORE_LINES)

    def test_no_file_is_long(self):
        self.assertEqual(arrows.long_files(ROOT), [])


class Planted(unittest.TestCase):
    FILES = {
        "core/include/kvern/abi/cache.h": "#include <stdint.h>\n",
        "core/include/kvern/error.hpp": "",
        "core/host/host.cpp": "#include <kvern/error.hpp>\n#include \"kernels/a.hpp\"\n#include <vector>\n",
        "kernels/a.hpp": "",
        "kernels/b.cpp": '#include "a.hpp"\n#  include "kernels/a.hpp"\n',
        "sdk/include/kvern/sdk/layer.hpp": "#include <kvern/abi/cache.h>\n",
        "plugins/one/one.cpp": '#include <kvern/sdk/layer.hpp>\n#include "plugins/one/own.hpp"\n',
        "plugins/one/own.hpp": "",
        "plugins/two/two.hpp": "",
        "core/host/host_test.cpp": '#include "tests/support/test.hpp"\n#include "plugins/two/two.hpp"\n',
        "tests/support/test.hpp": "",
    }

    def bad(self, name, text):
        return Tree({**self.FILES, name: text}).findings()

    def test_what_the_table_allows_is_no_finding(self):
        self.assertEqual(Tree(self.FILES).findings(), [])

    def test_an_arrow_that_the_table_does_not_allow(self):
        self.assertEqual(self.bad("kernels/c.cpp", "#include <kvern/error.hpp>\n"),
                         ["kernels/c.cpp: kernels may not include core/include/kvern/error.hpp"])
        self.assertEqual(self.bad("core/c.cpp", '#include "plugins/one/own.hpp"\n'),
                         ["core/c.cpp: core may not include plugins/one/own.hpp"])

    def test_the_contract_includes_nothing_of_the_folder_around_it(self):
        self.assertEqual(self.bad("core/include/kvern/abi/bad.h", "#include <kvern/error.hpp>\n"),
                         ["core/include/kvern/abi/bad.h: core/include/kvern/abi may not include core/include/kvern/error.hpp"])

    def test_a_cache_includes_neither_another_one_nor_the_core(self):
        self.assertEqual(len(self.bad("plugins/one/bad.cpp", '#include "plugins/two/two.hpp"\n#include <kvern/error.hpp>\n')), 2)

    def test_a_header_that_is_not_there(self):
        self.assertEqual(self.bad("kernels/c.cpp", '#include "kernels/gone.hpp"\n'),
                         ["kernels/c.cpp: kernels may not include (none) kernels/gone.hpp"])

    def test_a_folder_without_a_row(self):
        self.assertEqual(len(self.bad("runtime/a.cpp", '#include "kernels/a.hpp"\n')), 1)

    def test_a_file_that_is_too_long(self):
        tree = Tree({"core/a.cpp": "\n" * 501, "core/b.cpp": "\n" * 500, "core/c_test.cpp": "\n" * 10})
        with tree.folder:
            self.assertEqual([f.file for f in arrows.long_files(tree.root)], ["core/a.cpp"])
            self.assertEqual(arrows.core_lines(tree.root), 1001)


if __name__ == "__main__":
    unittest.main()
