"""Which peers are started, and what is said of those that are not, with programs that only answer."""
import argparse
import contextlib
import io
import pathlib
import subprocess
import sys
import tempfile
import unittest

import peers
from programs import STORED, Failed, Worker, gguf_of, openvino_of, packed_of

HERE = pathlib.Path(__file__).resolve().parent
ANSWERS = ("import json, sys\nprint(json.dumps({'program': 'echo'}), flush=True)\nfor line in sys.stdin:\n"
           "    if line.startswith('die'): sys.exit('out of luck')\n    print(json.dumps({'said': line.strip()}), flush=True)\n")


def options(**more):
    return argparse.Namespace(**{"peers": list(peers.PEERS), "llama_prefix": None, "ik_prefix": None, "openvino": None,
                                 "transformers": [], **more})


def shape(folder, weights):
    return argparse.Namespace(stored=pathlib.Path(folder) / "small-bf16", weights=weights, dtype="bfloat16")


def said(what):
    """What the function writes to standard error."""
    out = io.StringIO()
    with contextlib.redirect_stderr(out):
        what()
    return out.getvalue()


class Peers(unittest.TestCase):
    def test_a_peer_that_was_not_given_is_named_with_its_option(self):
        self.assertEqual(peers.not_given(options(transformers=["python3"], peers=["ik_llama.cpp", "OpenVINO", "transformers"])),
                         [("ik_llama.cpp", "--ik-prefix"), ("OpenVINO", "--openvino")])

    def test_a_peer_without_the_model_is_skipped_with_the_script_that_makes_it(self):
        text = said(lambda: peers.start_peers(options(openvino=sys.executable), shape("/nowhere", "8"), {"ik_llama.cpp": "worker"}))
        self.assertIn("skipped: ik_llama.cpp: no /nowhere/gguf/small-bf16-8bit.gguf; peers/make_gguf.py --weights 8 makes it", text)
        self.assertIn("skipped: OpenVINO: no /nowhere/openvino/small-bf16-8bit; peers/make_openvino.py --weights 8 makes it", text)

    def test_a_prefix_without_the_library_is_named(self):
        text = said(lambda: self.assertEqual(peers.llama_workers_of(options(ik_prefix=pathlib.Path("/nowhere")), "/tmp"), {}))
        self.assertIn("skipped: ik_llama.cpp: no lib/libllama.so in /nowhere", text)

    def test_transformers_take_part_only_with_weights_as_stored(self):
        def command(weights):
            return next(c for _, c in peers.commands_of(options(transformers=["python3"]), shape("/nowhere", weights), {}))
        self.assertEqual(command(STORED)()[-2:], [pathlib.Path("/nowhere/small-bf16"), "bfloat16"])
        self.assertRaisesRegex(Failed, "--weights stored", command("4"))

    def test_packed_models_lie_beside_those_that_they_were_made_of(self):
        folder = pathlib.Path("models/small-0.5b-bf16")
        self.assertEqual(str(packed_of(folder, "4")), "models/small-0.5b-bf16-4bit")
        self.assertEqual(str(gguf_of(folder)), "models/gguf/small-0.5b-bf16.gguf")
        self.assertEqual(str(openvino_of(folder, "8")), "models/openvino/small-0.5b-bf16-8bit")

    def test_an_unknown_peer_is_refused_with_those_that_there_are(self):
        done = subprocess.run([sys.executable, HERE, "--models", "x", "--peers", "torch"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no peer torch; there are llama.cpp, ik_llama.cpp, OpenVINO, transformers", done.stderr)


class Workers(unittest.TestCase):
    def test_a_program_that_died_is_started_again_and_its_last_words_are_told(self):
        worker = Worker([sys.executable, "-c", ANSWERS])
        with self.assertRaisesRegex(Failed, "ended with code 1: out of luck"):
            worker.ask("die")
        self.assertEqual(worker.ask("decode", 1), {"said": "decode 1"})
        worker.stop()

    def test_a_program_that_does_not_start_is_told(self):
        with self.assertRaisesRegex(Failed, "ended with code 1: ModuleNotFoundError: No module named 'no_such'"):
            Worker([sys.executable, "-c", "import no_such"])


if __name__ == "__main__":
    unittest.main()
