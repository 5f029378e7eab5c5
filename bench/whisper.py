#!/usr/bin/env python3
"""Transcription with a model of Whisper-tiny's shape: 30 s of sound, exactly 100 new tokens, log-mel features included.

    bench/whisper.py [--build build/release] [--transformers venv/bin/python] [--rounds 5] [--out FOLDER]

Weights are random (float32), one thread. kvern and transformers take turns, the order alternating; the figures are medians of the
rounds, on the clock (without loading the model) and of processor time, which a busy machine changes less: of kvern that of the whole
process, start and loading included, of transformers that of feature extractor and generate() alone. Needs numpy; transformers runs in
the Python that is named.
"""
import argparse
import json
import os
import pathlib
import statistics
import struct
import sys
import time
import wave

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "sidebyside"))

import machine  # noqa: E402
from programs import run, run_timed  # noqa: E402

NEW_TOKENS = 100
D, FF, HEADS, LAYERS, VOCAB, MELS, SOURCE, TARGET = 384, 1536, 6, 4, 51865, 80, 1500, 448
CONFIG = {
    "model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"], "vocab_size": VOCAB, "num_mel_bins": MELS,
    "d_model": D, "encoder_layers": LAYERS, "decoder_layers": LAYERS, "encoder_attention_heads": HEADS,
    "decoder_attention_heads": HEADS, "encoder_ffn_dim": FF, "decoder_ffn_dim": FF, "max_source_positions": SOURCE,
    "max_target_positions": TARGET, "is_encoder_decoder": True, "torch_dtype": "float32", "decoder_start_token_id": 50258,
    "eos_token_id": 50257, "bos_token_id": 50257, "pad_token_id": 50257, "activation_function": "gelu"}
GENERATION = {
    "decoder_start_token_id": 50258, "eos_token_id": 50257, "bos_token_id": 50257, "pad_token_id": 50257, "is_multilingual": True,
    "lang_to_id": {"<|en|>": 50259}, "task_to_id": {"transcribe": 50359, "translate": 50358}, "no_timestamps_token_id": 50363,
    "max_length": TARGET}
EXTRACTOR = {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": MELS, "sampling_rate": 16000, "n_fft": 400,
             "hop_length": 160, "chunk_length": 30, "n_samples": 480000, "nb_max_frames": 3000, "padding_value": 0.0}


def tensor_shapes():
    yield "model.encoder.conv1.weight", (D, MELS, 3)
    yield "model.encoder.conv1.bias", (D,)
    yield "model.encoder.conv2.weight", (D, D, 3)
    yield "model.encoder.conv2.bias", (D,)
    yield "model.encoder.embed_positions.weight", (SOURCE, D)
    yield "model.decoder.embed_positions.weight", (TARGET, D)
    yield "model.decoder.embed_tokens.weight", (VOCAB, D)
    for stack in ("encoder", "decoder"):
        yield from norm(f"model.{stack}.layer_norm")
        for i in range(LAYERS):
            layer = f"model.{stack}.layers.{i}."
            for attention in ("self_attn",) if stack == "encoder" else ("self_attn", "encoder_attn"):
                for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    yield f"{layer}{attention}.{part}.weight", (D, D)
                    if part != "k_proj":
                        yield f"{layer}{attention}.{part}.bias", (D,)
                yield from norm(f"{layer}{attention}_layer_norm")
            yield f"{layer}fc1.weight", (FF, D)
            yield f"{layer}fc1.bias", (FF,)
            yield f"{layer}fc2.weight", (D, FF)
            yield f"{layer}fc2.bias", (D,)
            yield from norm(f"{layer}final_layer_norm")


def norm(name):
    yield name + ".weight", (D,)
    yield name + ".bias", (D,)


def write_model(folder):
    import numpy
    random = numpy.random.default_rng(7)
    folder.mkdir(parents=True, exist_ok=True)
    header, parts, at = {}, [], 0
    for name, shape in tensor_shapes():
        values = random.standard_normal(shape, dtype=numpy.float32) * numpy.float32(0.02)
        if "norm.weight" in name:
            values += 1
        data = values.tobytes()
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
    for name, value in (("config", CONFIG), ("generation_config", GENERATION), ("preprocessor_config", EXTRACTOR)):
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")


def write_sound(path):
    import numpy
    t = numpy.arange(30 * 16000) / 16000
    sound = 0.3 * numpy.sin(2 * numpy.pi * (200 + 40 * t) * t) + 0.05 * numpy.random.default_rng(3).standard_normal(t.size)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes((numpy.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def run_kvern(build, folder, sound):
    command = [str(build / "bin/kvern"), "generate", "--model", str(folder), "--audio", str(sound), "--language", "en", "--threads",
               "1", "--min-new-tokens", str(NEW_TOKENS), "--max-new-tokens", str(NEW_TOKENS), "--cache", "encoder_decoder",
               "--output", "json"]
    text, processor = run_timed(command)
    result = json.loads(text)
    assert len(result["windows"]) == 1 and len(result["windows"][0]["output_ids"]) == NEW_TOKENS, result
    return result["timings"]["total_seconds"], processor


def run_transformers(python, folder, sound):
    environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    result = json.loads(run([python, __file__, "--worker", folder, sound], env=environment).splitlines()[-1])
    return result["seconds"], result["processor_seconds"]


def worker(folder, sound):
    import numpy
    import torch
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration
    torch.set_num_threads(1)
    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    model = WhisperForConditionalGeneration.from_pretrained(folder, torch_dtype=torch.float32).eval()
    with wave.open(sound) as file:
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(numpy.float32) / 32768
    seconds, processor = [], []
    with torch.inference_mode():
        for _ in range(3):
            start, processor_start = time.perf_counter(), time.process_time()
            features = extractor(samples, sampling_rate=16000, return_tensors="pt").input_features
            model.generate(features, language="en", task="transcribe", min_new_tokens=NEW_TOKENS, max_new_tokens=NEW_TOKENS)
            seconds.append(time.perf_counter() - start)
            processor.append(time.process_time() - processor_start)
    print(json.dumps({"seconds": min(seconds[1:]), "processor_seconds": min(processor[1:])}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--transformers", help="a Python with torch and transformers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("bench_models/whisper-tiny-f32"))
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return worker(*arguments.worker)
    sound = arguments.out / "sound.wav"
    if not sound.exists():
        write_model(arguments.out)
        write_sound(sound)
    programs = {"kvern": lambda: run_kvern(arguments.build, arguments.out, sound)}
    if arguments.transformers:
        programs["transformers"] = lambda: run_transformers(arguments.transformers, arguments.out, sound)
    figures = {name: [] for name in programs}
    for number in range(arguments.rounds):
        for name in list(programs) if number % 2 == 0 else list(programs)[::-1]:
            figures[name].append(programs[name]())
    print(f"{machine.processor()}, {arguments.rounds} rounds, load {os.getloadavg()[0]:.0f}")
    for index, kind in enumerate(("on the clock", "processor time")):
        of = {name: [pair[index] for pair in pairs] for name, pairs in figures.items()}
        for name, seconds in of.items():
            print(f"{name:14}{kind:16}median {statistics.median(seconds):.3f} s, best {min(seconds):.3f} s")
        if arguments.transformers:
            ratio = statistics.median(of["transformers"]) / statistics.median(of["kvern"])
            print(f"transformers / kvern, {kind}: {ratio:.2f}")


sys.exit(main())
