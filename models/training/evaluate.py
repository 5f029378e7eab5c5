"""Measures the demo model with transformers on the held-out stories: with the whole story in sight, with only the last
tokens before the answer, and with attention that sees only the last tokens at every layer."""

import argparse
import pathlib

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

import held_out

VISIBLE = 64  # tokens that a cache has that forgot the rest


def load(folder):
    """The model as float32, made from the bfloat16 weights."""
    return AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="sdpa").eval()


def band_mask(length, window):
    """[1, 1, T, T]: 0 where token i sees token j (the last `window` up to itself), else the lowest float."""
    i, j = torch.arange(length)[:, None], torch.arange(length)[None, :]
    seen = (j <= i) & (i - j < window)
    return torch.zeros(length, length).masked_fill(~seen, torch.finfo(torch.float32).min)[None, None]


@torch.no_grad()
def answers_right(model, prompt_ids, answer_ids, window=None):
    """Whether greedy decoding gives the answer: each of its tokens is the most likely one after those before."""
    ids = torch.tensor([prompt_ids + answer_ids])
    mask = None if window is None else band_mask(ids.shape[1], window)
    logits = model(ids, attention_mask=mask).logits[0]
    chosen = logits[len(prompt_ids) - 1:-1].argmax(-1)
    return bool((chosen == torch.tensor(answer_ids)).all())


def measure(model, items):
    """Shares of right answers and the chance level, by how much is visible."""
    rows = {"everything": lambda item: answers_right(model, item.input_ids, item.answer_ids),
            f"last {VISIBLE} tokens": lambda item: answers_right(model, item.input_ids[-VISIBLE:], item.answer_ids),
            f"window of {VISIBLE} at every layer": lambda item: answers_right(model, item.input_ids, item.answer_ids, VISIBLE)}
    result = {name: [check(item) for item in items] for name, check in rows.items()}
    return result, sum(1 / item.choices for item in items) / len(items)


def report(items, result, chance):
    for name, right in result.items():
        print(f"{name}: {sum(right)} of {len(right)} = {100 * sum(right) / len(right):.1f} %")
    print(f"chance: {100 * chance:.1f} %")
    whole = result["everything"]
    for low, high in ((200, 300), (300, 450), (450, 650), (650, 1024)):
        part = [ok for ok, item in zip(whole, items) if low <= item.distance < high]
        print(f"  distance {low} to {high}: {sum(part)} of {len(part)}")
    for kind in sorted({item.kind for item in items}):
        part = [ok for ok, item in zip(whole, items) if item.kind == kind]
        print(f"  {kind}: {sum(part)} of {len(part)}")


def main():
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=pathlib.Path, default=here.parent / "demo")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    items = held_out.items(Tokenizer.from_file(str(args.model / "tokenizer.json")))
    result, chance = measure(load(args.model), items)
    report(items, result, chance)


if __name__ == "__main__":
    main()
