"""What scripts/ say of a tool that fails: that it failed. Tools are stood in for."""
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_counts(last_line, code):
    with tempfile.NamedTemporaryFile("w") as log:
        log.write(f"..........\n{last_line}\n")
        log.flush()
        script = '. "$1/scripts/common.sh"; pytest_counts "$2" "$3"'
        done = subprocess.run(["bash", "-c", script, "bash", ROOT, log.name, str(code)], check=True, capture_output=True, text=True)
    return tuple(map(int, done.stdout.split()))


class Pytest(unittest.TestCase):
    def test_errors_are_failures(self):
        self.assertEqual(pytest_counts("7 passed, 2 errors in 3.05s", 1), (7, 2))
        self.assertEqual(pytest_counts("1 failed, 7 passed, 3 skipped, 1 error in 63.05s (0:01:03)", 1), (7, 2))
        self.assertEqual(pytest_counts("1 error in 0.31s", 2), (0, 1))

    def test_a_run_that_passes_has_no_failure(self):
        self.assertEqual(pytest_counts("12 passed, 3 skipped, 1 xfailed, 2 warnings in 1.00s", 0), (12, 0))

    def test_a_run_without_tests_or_with_a_bad_end_is_a_failure(self):
        self.assertEqual(pytest_counts("no tests ran in 0.01s", 5), (0, 1))
        self.assertEqual(pytest_counts("3 skipped in 0.01s", 0), (0, 1))
        self.assertEqual(pytest_counts("Segmentation fault", 139), (0, 1))
        self.assertEqual(pytest_counts("9 passed in 0.01s", 134), (9, 1))


class Environment(unittest.TestCase):
    def test_an_environment_that_cannot_be_made_is_a_counted_failure(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "scripts").mkdir()
            (root / "python/tests").mkdir(parents=True)
            (root / "bin").mkdir()
            for name in ("common.sh", "test.sh"):
                (root / "scripts" / name).write_text((ROOT / "scripts" / name).read_text())
            for name, text in (("scripts/setup.sh", ""), ("bin/cmake", ""), ("bin/python3", "exit 1"), ("python/build_wheel.sh", "exit 1")):
                (root / name).write_text(f"#!/bin/sh\n{text}\n")
                (root / name).chmod(0o755)
            done = subprocess.run(["bash", root / "scripts/test.sh", "--only", "python"], capture_output=True, text=True,
                                  env={**os.environ, "PATH": f"{root / 'bin'}:{os.environ['PATH']}"})
        self.assertIn("0 passed, 3 failed", done.stdout)
        self.assertIn("failed: environment of transformers 5.24.0", done.stdout)
        self.assertIn("failed: build of the Python package's wheel", done.stdout)
        self.assertEqual(done.returncode, 1)


class Abidiff(unittest.TestCase):
    def check(self, code):
        """The exit code and output of scripts/abi.sh check with an abidiff that ends with `code`."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("abidiff", f"exit {code}"), ("gcc", "exit 0"), ("python3", "exit 0")):
                tool = pathlib.Path(folder) / name
                tool.write_text(f"#!/bin/sh\n{text}\n")
                tool.chmod(0o755)
            return subprocess.run(["bash", ROOT / "scripts/abi.sh", "check"], capture_output=True, text=True,
                                  env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})

    def test_only_no_change_and_a_compatible_one_are_accepted(self):
        for code in (0, 4):
            self.assertEqual(self.check(code).returncode, 0)
        for code in (1, 2, 3, 5, 8, 12, 127):
            done = self.check(code)
            self.assertEqual(done.returncode, 1, code)
            self.assertIn("incompatible" if code in (8, 12) else "were not compared", done.stdout)


if __name__ == "__main__":
    unittest.main()
