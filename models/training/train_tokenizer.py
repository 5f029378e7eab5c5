"""Trains the byte-level BPE tokenizer of the demo model on generated stories and writes it in Hugging Face layout."""

import argparse
import json
import pathlib
import re

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from make_stories import story_of_length

SPECIALS = ["<pad>", "<s>", "</s>"]


def train(stories, vocab_size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=SPECIALS,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    # Digits are left out so that none of them merge: a number is read and copied digit by digit.
    texts = (re.sub(r"\d", "", story_of_length(seed, 300).text) for seed in range(stories))
    tokenizer.train_from_iterator(texts, trainer)
    bos = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", bos)])
    return tokenizer


def tokenizer_config():
    added = {str(i): {"content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
                      "special": True} for i, token in enumerate(SPECIALS)}
    return {"added_tokens_decoder": added, "bos_token": "<s>", "clean_up_tokenization_spaces": False,
            "eos_token": "</s>", "model_max_length": 1024, "pad_token": "<pad>",
            "tokenizer_class": "PreTrainedTokenizerFast"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "demo")
    parser.add_argument("--stories", type=int, default=20000)
    parser.add_argument("--vocab-size", type=int, default=1024)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    train(args.stories, args.vocab_size).save(str(args.out / "tokenizer.json"))
    (args.out / "tokenizer_config.json").write_text(json.dumps(tokenizer_config(), indent=2) + "\n")


if __name__ == "__main__":
    main()
