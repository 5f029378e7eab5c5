"""Which rows are measured at which depths, with programs that only count."""
import argparse
import contextlib
import io
import pathlib
import tempfile
import unittest

import machine
import parts
import settings
import testing
from programs import Failed
from shapes import Shape, read_bytes

CONFIG = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64,
          "max_position_embeddings": 32768}
EMBEDDING, HEAD = ("F32", [100, 64]), ("F32", [100, 64])


class Counter:
    """Notes what it is asked; prefill takes `seconds` a token."""

    def __init__(self, name, seconds=1.0, refuses=""):
        self.name, self.seconds, self.refuses, self.asked = name, seconds, refuses, []

    def decode(self, setting, threads, tokens, limit, depths):
        if setting.name == self.refuses:
            raise Failed("cannot")
        self.asked.append((setting.name, threads, depths))
        return [{"depth": d, "steps_ms": [1.0]} for d in depths]

    def prefill(self, setting, threads, length):
        self.asked.append((setting.name, length))
        return length * self.seconds

    def batch(self, setting, threads, tokens, sequences, depth):
        self.asked.append((setting.name, threads, sequences, depth))
        return {"steps_ms": [1.0] * tokens}

    def generate(self, setting, threads, prompt, new):
        self.asked.append((setting.name, new))
        return new * self.seconds


def options(**more):
    return argparse.Namespace(**{"depths": [0, 4096], "line_depths": [1024], "threads": [1, 2], "prefill": [16, 64], "prefill_threads": [],
                                 "sequences": [2, 8], "sequences_depth": 512, "cache_dtype": "bfloat16", "generate": [100, 400],
                                 "none_up_to": 100, "rounds": 5,
                                 "seconds": 0.1, "full": True, "all": False, **more})


class Measuring(unittest.TestCase):
    def setUp(self):
        self.bandwidth, parts.bandwidth = parts.bandwidth, lambda bench, threads, number: []
        self.folder = tempfile.TemporaryDirectory()
        self.model = pathlib.Path(self.folder.name) / "small-f32"

    def tearDown(self):
        parts.bandwidth = self.bandwidth
        self.folder.cleanup()

    def measure(self, what, programs, **more):
        testing.write_model(self.model, {**CONFIG, **more.pop("config", {})}, {"model.embed_tokens.weight": EMBEDDING})
        rows = settings.of_kvern("float32", "bfloat16")
        for program in programs[1:]:
            rows += settings.of_peer(program.name, "float32")
        bench = parts.Bench(Shape(self.model), {p.name: p for p in programs}, rows, options(**more))
        with contextlib.redirect_stderr(io.StringIO()):
            return what(bench), bench

    def test_programs_take_turns_and_the_second_number_of_threads_has_only_the_main_rows(self):
        kvern, llama = Counter("kvern"), Counter("llama.cpp")
        records, _ = self.measure(parts.decode, [kvern, llama])
        self.assertEqual([r["program"] for r in records if r["depth"] == 0][:4], ["kvern", "llama.cpp"] * 2)
        self.assertEqual({name for name, threads, _ in kvern.asked if threads == 2}, {"dynamic bfloat16", "quantized 4 bits"})
        self.assertEqual(kvern.asked[0][2], [0, 1024, 4096])
        self.assertEqual(llama.asked[0][2], [0, 4096])

    def test_a_row_that_a_program_refuses_is_asked_for_once_and_its_reason_kept(self):
        kvern = Counter("kvern", refuses="quantized 4 bits")
        records, bench = self.measure(parts.decode, [kvern])
        self.assertEqual(bench.refused, {("kvern", "quantized 4 bits"): "cannot"})
        self.assertNotIn("quantized 4 bits", {r["cache"] for r in records})

    def test_depths_end_where_the_model_has_no_positions(self):
        kvern = Counter("kvern")
        self.measure(parts.decode, [kvern], config={"max_position_embeddings": 1024})
        self.assertEqual(kvern.asked[0][2], [0, 250, 750, 1000])

    def test_longer_prompts_are_measured_only_with_the_best_setting_of_each_peer(self):
        old, new = Counter("transformers 4.47.1", 2.0), Counter("transformers 5.0", 1.0)
        self.measure(parts.prefill, [Counter("kvern"), old, new])
        self.assertEqual({length for _, length in old.asked}, {16})
        self.assertEqual({length for _, length in new.asked}, {16, 64})

    def test_prompts_are_measured_with_as_many_threads_as_asked_for(self):
        records, _ = self.measure(parts.prefill, [Counter("kvern")], prefill_threads=[1, 2])
        self.assertEqual({(r["threads"], r["tokens"]) for r in records}, {(1, 16), (1, 64), (2, 16), (2, 64)})

    def test_prompts_and_batches_use_the_caches_that_suit_a_peer_where_many_tokens_meet(self):
        ik, openvino = Counter("ik_llama.cpp"), Counter("OpenVINO 2026.4.1")
        records, _ = self.measure(parts.prefill, [Counter("kvern"), ik, openvino])
        self.assertEqual({name for name, length in ik.asked if length == 16}, {"q8_0, flash attention", "f16, flash attention"})
        self.assertEqual({name for name, length in openvino.asked if length == 16}, {"16 bits", "u8"})

    def test_sequences_are_decoded_at_once_with_every_number_of_threads_in_turn(self):
        kvern, openvino = Counter("kvern"), Counter("OpenVINO 2026.4.1")
        records, _ = self.measure(parts.batch, [kvern, openvino], rounds=2)
        self.assertEqual([(r["program"], r["cache"]) for r in records[:6]],
                         [("kvern", "dynamic bfloat16"), ("kvern", "quantized 4 bits"), ("kvern", "paged bfloat16"),
                          ("OpenVINO 2026.4.1", "16 bits"), ("OpenVINO 2026.4.1", "u8"), ("kvern", "dynamic bfloat16")])
        self.assertEqual({(r["threads"], r["round"], r["sequences"]) for r in records},
                         {(t, n, s) for t in (1, 2) for n in (0, 1) for s in (2, 8)})
        self.assertEqual(openvino.asked[0], ("16 bits", 1, 2, 512))

    def test_generations_have_all_rounds_with_a_cache_but_long_ones_three_and_without_one_the_short_is_run_once(self):
        kvern, old, new = Counter("kvern"), Counter("transformers 4.47.1", 2.0), Counter("transformers 5.0", 1.0)
        records, _ = self.measure(parts.generate, [kvern, old, new])
        self.assertEqual(kvern.asked[:8], [("dynamic float32", 100)] * 5 + [("dynamic float32", 400)] * 3)
        self.assertEqual(kvern.asked[8:], [("none", 100), ("none", 1, [8, 58, 108, 208, 408])])
        self.assertEqual(old.asked, [("dynamic", 100)] * 5)
        self.assertEqual(new.asked, [("dynamic", 100)] * 5 + [("dynamic", 400)] * 3)
        self.assertEqual([r["depth"] for r in records if r["part"] == "none"], [8, 58, 108, 208, 408])

    def test_a_step_reads_no_embedding_where_the_output_has_weights_of_its_own(self):
        testing.write_model(self.model, CONFIG, {"model.embed_tokens.weight": EMBEDDING, "lm_head.weight": HEAD})
        shape = Shape(self.model)
        self.assertEqual((shape.name, shape.dtype, shape.weight_bytes, shape.read_bytes), ("small", "float32", 51200, 25600))
        self.assertEqual(shape.numbers_per_position, 2 * 2 * 2 * 16)

    def test_packed_weights_are_read_instead_of_the_table_that_they_were_made_of(self):
        testing.write_model(self.model, CONFIG, {"model.embed_tokens.weight": EMBEDDING})
        packed = self.model.with_name("small-f32-4bit")
        testing.write_model(packed, CONFIG, {"model.embed_tokens.weight": EMBEDDING, "model.embed_tokens.weight.codes": ("U8", [100, 32]),
                                             "model.embed_tokens.weight.scales": ("U16", [100, 2])})
        shape = Shape(self.model, "4")
        self.assertEqual((shape.folder, shape.name, shape.dtype, shape.read_bytes), (packed, "small", "float32", 3200 + 400))

    def test_a_step_reads_the_experts_that_a_token_goes_through(self):
        config = {**CONFIG, "num_local_experts": 4, "num_experts_per_tok": 1}
        experts = {f"model.layers.0.mlp.experts.{i}.up_proj.weight": HEAD for i in range(4)}
        testing.write_model(self.model, config, {"model.embed_tokens.weight": EMBEDDING, **experts})
        shape = Shape(self.model)
        self.assertEqual(shape.weight_bytes - shape.read_bytes, 3 * 25600)

    def test_a_model_without_heads_has_bytes_too(self):
        testing.write_model(self.model, {"model_type": "mamba", "num_hidden_layers": 1}, {"backbone.embeddings.weight": EMBEDDING})
        self.assertEqual(read_bytes(self.model), 25600)

    def test_memory_is_as_fast_as_its_fastest_median(self):
        speeds = {"threads_1_streams_1": {"best": 9e9, "median": 1e9}, "threads_1_streams_4": {"best": 3e9, "median": 2e9},
                  "threads_2_streams_1": {"best": 9e9, "median": 8e9}}
        self.assertEqual((machine.fastest_read(speeds), machine.fastest_read(speeds, 2)), (2e9, 8e9))


if __name__ == "__main__":
    unittest.main()
