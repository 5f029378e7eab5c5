"""That runpath.py finds empty and relative entries."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import runpath


def section(paths):
    return f" 0x000000000000001d (RUNPATH)            Library runpath: [{paths}]\n 0x0c (INIT)  0x1000\n"


class Entries(unittest.TestCase):
    def test_absolute_paths_and_origin_are_good(self):
        self.assertEqual(runpath.bad_entries(section("/usr/lib:$ORIGIN/../lib:/opt/torch/lib")), [])
        self.assertEqual(runpath.bad_entries(" 0x0c (INIT)  0x1000\n"), [])

    def test_an_empty_entry_at_the_end_in_the_middle_or_alone_is_found(self):
        self.assertEqual(runpath.bad_entries(section("/usr/lib:")), [""])
        self.assertEqual(runpath.bad_entries(section("/a::/b")), [""])
        self.assertEqual(runpath.bad_entries(section("")), [""])

    def test_relative_entries_are_found(self):
        self.assertEqual(runpath.bad_entries(section("lib:./lib:/a:$ORIGINAL")), ["lib", "./lib", "$ORIGINAL"])

    def test_a_program_with_an_empty_entry_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "a.c"
            source.write_text("int main(void) { return 0; }\n")
            program = pathlib.Path(folder) / "a"
            made = subprocess.run(["cc", "-Wl,--enable-new-dtags", "-Wl,-rpath,/usr/lib:", "-o", program, source])
            self.assertEqual(made.returncode, 0)
            script = pathlib.Path(runpath.__file__)
            checked = subprocess.run([sys.executable, script, folder], capture_output=True, text=True)
            self.assertEqual(checked.returncode, 1, checked.stdout)
            self.assertIn("/a: ''", checked.stdout)

    def test_a_folder_without_programs_is_an_error(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(runpath.main([folder]), 1)


if __name__ == "__main__":
    unittest.main()
