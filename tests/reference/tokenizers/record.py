#!/usr/bin/env python3
"""Records what tokenizers 0.21 and transformers 4.47 give for the texts of texts.json: record.py FOLDER...

For each folder with tokenizer.json (and tokenizer_config.json): encode.jsonl, pairs.jsonl, stream.jsonl. The fields:
ids, ids_special (add_special_tokens False, True), decode, decode_skip (of ids_special; skip_special_tokens False, True),
hf_* where AutoTokenizer gives something else; prefix_decodes (of ids[:k+1]) and stream_chunks (what DecodeStream gives for
ids[k]; null and stream_error where it fails), with _skip for skip_special_tokens.
"""
import json
import os
import random
import sys

from tokenizers import Tokenizer, decoders
from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = json.load(open(os.path.join(HERE, "texts.json"), encoding="utf-8"))


def write(folder, name, rows):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n" for row in rows)


def encode_row(backend, auto, text):
    special = backend.encode(text).ids
    row = {"text": text, "ids": backend.encode(text, add_special_tokens=False).ids, "ids_special": special,
           "decode": backend.decode(special, skip_special_tokens=False), "decode_skip": backend.decode(special)}
    ids = auto.encode(text)
    hf = {"ids": auto.encode(text, add_special_tokens=False), "ids_special": ids, "decode": auto.decode(ids),
          "decode_skip": auto.decode(ids, skip_special_tokens=True)}
    return {**row, **{"hf_" + key: value for key, value in hf.items() if value != row[key]}}


def pair_row(backend, a, b):
    pair = backend.encode(a, b)
    return {"a": a, "b": b, "ids": pair.ids, "type_ids": pair.type_ids, "special_tokens_mask": pair.special_tokens_mask}


def stream_row(backend, ids):
    row = {"ids": ids}
    for label, skip in (("", False), ("_skip", True)):
        row["prefix_decodes" + label] = [backend.decode(ids[: k + 1], skip_special_tokens=skip) for k in range(len(ids))]
        stream = decoders.DecodeStream(skip_special_tokens=skip)
        try:
            row["stream_chunks" + label] = [stream.step(backend, i) for i in ids]
        except Exception as error:
            row["stream_chunks" + label], row["stream_error" + label] = None, str(error)
    return row


def record(folder):
    rng = random.Random(os.path.basename(os.path.normpath(folder)))
    backend = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    auto = AutoTokenizer.from_pretrained(folder)
    specials = sorted(t.content for t in backend.get_added_tokens_decoder().values())[:8]
    texts = TEXTS + [form.replace("@", t) for t in specials for form in ("@", "a@ b", " x  @  \n@")]
    write(folder, "encode.jsonl", [encode_row(backend, auto, text) for text in texts])
    write(folder, "pairs.jsonl", [pair_row(backend, rng.choice(texts), rng.choice(texts)) for _ in range(8)])
    every = sorted(backend.get_vocab().values())
    low = [i for i in every if i < 300]
    streams = [backend.encode(text).ids for text in texts if 2 < len(text) < 30 and not text.isascii()][:20]
    streams += [[rng.choice(low if k % 2 else every) for _ in range(rng.randint(1, 10))] for k in range(16)]
    write(folder, "stream.jsonl", [stream_row(backend, ids) for ids in streams if ids])


for path in sys.argv[1:]:
    record(path)
