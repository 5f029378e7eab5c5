"""run.py on the emulated device, and beside programs that are wrong."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

RUN = pathlib.Path(__file__).resolve().parent / "run.py"
BIN = pathlib.Path(os.environ["KVERN_BUILD_DIR"]) / "bin"


def run(folder, bin_folder, *words):
    done = subprocess.run([sys.executable, str(RUN), "--dry-run", "--out", folder, "--bin", str(bin_folder), *words], capture_output=True, text=True,
                          check=False)
    figures = [json.loads(line) for line in (pathlib.Path(folder) / "figures.jsonl").read_text().splitlines()]
    return done, figures, (pathlib.Path(folder) / "report.md").read_text()


class OnTheEmulatedDevice(unittest.TestCase):
    def test_every_step_runs_and_finds_the_results_of_the_cpu(self):
        with tempfile.TemporaryDirectory() as folder:
            done, figures, report = run(folder, BIN)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({f["step"] for f in figures}, {"card", "kernel", "text", "decode", "prefill"})
        self.assertTrue(all(f["same"] for f in figures if f["step"] == "text"))
        self.assertLess({"copy", "launch", "matvec", "matmul", "attention", "prompt attention"}, {f.get("kernel") for f in figures})
        self.assertIn("| demo | dynamic | 4 |", report)


class BesideProgramsThatAreWrong(unittest.TestCase):
    def test_a_text_that_differs_and_a_program_that_fails_are_named_and_the_rest_is_measured(self):
        with tempfile.TemporaryDirectory() as folder:
            wrong = pathlib.Path(folder) / "bin"
            wrong.mkdir()
            for name, text in {"kvern": "echo $*", "kvern_device_bench": "echo far off >&2; exit 1"}.items():
                (wrong / name).write_text(f"#!/bin/sh\n[ $1 != bench ] || exec {BIN}/kvern \"$@\"\n{text}\n")
                (wrong / name).chmod(0o755)
            done, figures, report = run(folder, wrong)
        self.assertEqual(done.returncode, 1)
        self.assertIn("- far off", report)
        self.assertIn("- paged: the device's text is not the CPU's", report)
        self.assertTrue(any(f["step"] == "decode" for f in figures))


if __name__ == "__main__":
    unittest.main()
