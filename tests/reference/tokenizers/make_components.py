#!/usr/bin/env python3
"""Writes tokenizer.json folders for components that the trained tokenizers here don't use.

Every folder has a byte-pair model without merges that knows each character of texts.json twice, inside and at the end of
a piece: its ids show what the normalizer made of the text and where the pre-tokenizer cut it. The rest are the models
WordLevel, WordPiece and Unigram with byte fallback. Then run record.py.
"""
import json
import os
import unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = json.load(open(os.path.join(HERE, "texts.json"), encoding="utf-8"))


def characters():
    seen = {chr(c) for c in range(256)} | {"▁", "Ġ"} | {chr(256 + i) for i in range(68)}
    for text in TEXTS:
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            seen |= set(unicodedata.normalize(form, text)) | set(unicodedata.normalize(form, text.lower()))
    return sorted(seen)


def spelling_model():
    vocab = {"<unk>": 0}
    for c in characters():
        vocab[c] = len(vocab)
        vocab[c + "</w>"] = len(vocab)
    return {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
            "end_of_word_suffix": "</w>", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": vocab, "merges": []}


def words(extra=()):
    found = dict.fromkeys(extra)
    for text in TEXTS[:60]:
        found.update(dict.fromkeys(text.lower().split()))
    return {word: i for i, word in enumerate(found)}


def added(content, id, **flags):
    return {"id": id, "content": content, **{k: flags.get(k, False) for k in
            ("single_word", "lstrip", "rstrip", "normalized", "special")}}


def write(name, model, added_tokens=(), config=None, **parts):
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    data = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(added_tokens), "normalizer": None,
            "pre_tokenizer": None, "post_processor": None, "decoder": None, **parts, "model": model}
    with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as out:
        json.dump(data, out, ensure_ascii=False, separators=(",", ":"))
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as out:
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast", **(config or {})}, out, indent=1)


def sequence(key, *items):
    return {"type": "Sequence", key: list(items)}


def split(kind, text, behavior, invert=False):
    return {"type": "Split", "pattern": {kind: text}, "behavior": behavior, "invert": invert}


def main():
    spell = spelling_model()
    plain = {"type": "WhitespaceSplit"}
    write("norm_accents", spell, normalizer=sequence("normalizers", {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}),
          pre_tokenizer={"type": "Whitespace"}, decoder={"type": "BPEDecoder", "suffix": "</w>"})
    write("norm_nmt", spell, normalizer=sequence("normalizers", {"type": "Nmt"}, {"type": "NFKD"}, {"type": "Strip", "strip_left": True, "strip_right": True}),
          pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True},
          decoder={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True})
    write("norm_replace", spell, normalizer=sequence("normalizers", {"type": "Replace", "pattern": {"Regex": r"\s{2,}|\d(?=\d)"}, "content": "_"},
          {"type": "Prepend", "prepend": "▁"}, {"type": "NFKC"}),
          pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True},
          decoder=sequence("decoders", {"type": "Replace", "pattern": {"Regex": "</w>|▁"}, "content": " "}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}))
    write("norm_byte_level", spell, normalizer={"type": "ByteLevel"}, pre_tokenizer=split("Regex", "Ġ+", "MergedWithNext"),
          decoder={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True})
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        write("split_" + behavior.lower(), spell, pre_tokenizer=sequence(
            "pretokenizers", split("Regex", r"[^\w\s]|\b\d", behavior), split("String", "a", behavior, invert=True),
            {"type": "Punctuation", "behavior": behavior}))
    write("split_scripts", spell, pre_tokenizer=sequence("pretokenizers", {"type": "UnicodeScripts"}, {"type": "Digits", "individual_digits": False}))
    write("split_fixed", spell, pre_tokenizer=sequence("pretokenizers", {"type": "CharDelimiterSplit", "delimiter": "e"}, {"type": "FixedLength", "length": 3}))
    write("split_ruby_syntax", spell, pre_tokenizer=split("Regex", r"(?m:a.b)|\h{2,4}+|\p{Upper}{,2}x|[[:punct:]]+|^ |\w$|(?<=t)h", "Isolated"))
    write("word_level", {"type": "WordLevel", "vocab": words(["<unk>", "[A]", "[B]"]), "unk_token": "<unk>"}, pre_tokenizer=plain,
          normalizer={"type": "Lowercase"}, added_tokens=[added("<unk>", 0, special=True), added("cat", 9000, single_word=True)],
          post_processor=sequence("processors", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
                                  {"type": "BertProcessing", "sep": ["[B]", 2], "cls": ["[A]", 1]}))
    pieces = words(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    for c in characters():
        pieces.setdefault(c, len(pieces))
        pieces.setdefault("##" + c, len(pieces))
    specials = [added(t, i, special=True, lstrip=t == "[MASK]") for i, t in enumerate(list(pieces)[:5])]
    bert = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    write("bert", {"type": "WordPiece", "vocab": pieces, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 20},
          added_tokens=specials, normalizer=bert, pre_tokenizer={"type": "BertPreTokenizer"}, decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
          post_processor={"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
          config={"tokenizer_class": "BertTokenizer", "clean_up_tokenization_spaces": True, "cls_token": "[CLS]", "sep_token": "[SEP]",
                  "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"})
    write("roberta", {**spell, "end_of_word_suffix": None, "continuing_subword_prefix": "##", "unk_token": None, "vocab": pieces},
          added_tokens=specials, pre_tokenizer={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
          decoder={"type": "CTC", "pad_token": "##", "word_delimiter_token": "Ġ", "cleanup": True},
          post_processor={"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2], "trim_offsets": True, "add_prefix_space": True},
          config={"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": True, "pad_token": "[PAD]", "padding_side": "left"})
    scores = [["<unk>", 0.0], ["▁", -2.0], *([f"<0x{b:02X}>", -20.0] for b in range(256)), ["the", -3.5], ["▁the", -3.0], ["th", -4.0],
              *([c, -5.0 - i % 7] for i, c in enumerate("etaoinshrdlucmfwypvbgkqjxz")), ["日本", -3.0], ["\u0301", -6.0], ["xx", -30.0]]
    write("unigram_bytes", {"type": "Unigram", "unk_id": 0, "vocab": scores, "byte_fallback": True}, added_tokens=[added("<unk>", 0, special=True)],
          pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False},
          decoder=sequence("decoders", {"type": "ByteFallback"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}))


main()
