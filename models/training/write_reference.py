"""Writes tests/reference/demo: the held-out stories, and what transformers generates and computes with the demo model."""

import argparse
import json
import pathlib

import torch
from tokenizers import Tokenizer

import evaluate
import held_out

FREE_PROMPTS = ["Once upon a time", "Long ago, there lived a girl named Runa. Runa lived in the village of Torvik."]
FREE_TOKENS = 96
STORY_CASES = [0, 1, 2]
TOP = 5


def rounded(values):
    return [float(f"{value:.6g}") for value in values]


@torch.no_grad()
def greedy_case(model, tokenizer, name, prompt, new_tokens):
    """One greedy continuation with the logits of the last prompt token and the best few of each step."""
    ids = tokenizer.encode(prompt).ids
    out, steps, first = list(ids), [], None
    while len(out) - len(ids) < new_tokens:
        logits = model(torch.tensor([out])).logits[0, -1]
        first = rounded(logits.tolist()) if first is None else first
        best = logits.topk(TOP)
        steps.append({"ids": best.indices.tolist(), "logits": rounded(best.values.tolist())})
        out.append(best.indices[0].item())
        if out[-1] == model.config.eos_token_id:
            break
    return {"name": name, "prompt": prompt, "input_ids": ids, "max_new_tokens": new_tokens, "output_ids": out[len(ids):],
            "text": tokenizer.decode(out[len(ids):]), "prompt_logits": first, "top": steps}


def write_stories(path, items, result):
    whole, last, window = result.values()
    with path.open("w") as file:
        for index, item in enumerate(items):
            line = {"id": index, **vars(item), "right": whole[index], "right_last_64": last[index],
                    "right_window_64": window[index]}
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def write_expected(path, model, tokenizer, items, result, chance):
    cases = [greedy_case(model, tokenizer, f"free_{i}", prompt, FREE_TOKENS) for i, prompt in enumerate(FREE_PROMPTS)]
    cases += [greedy_case(model, tokenizer, f"story_{i}", items[i].prompt, len(items[i].answer_ids)) for i in STORY_CASES]
    shares = [sum(right) / len(right) for right in result.values()]
    measured = dict(zip(("share_right", "share_right_last_64", "share_right_window_64"), shares))
    document = {"made_with": "transformers, float32 from the bfloat16 weights",
                "stories": {"count": len(items), "chance": round(chance, 4), **measured}, "cases": cases}
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n")


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=pathlib.Path, default=here.parent / "demo")
    parser.add_argument("--out", type=pathlib.Path, default=here.parent.parent / "tests/reference/demo")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    model = evaluate.load(args.model)
    items = held_out.items(tokenizer)
    result, chance = evaluate.measure(model, items)
    evaluate.report(items, result, chance)
    write_stories(args.out / "stories.jsonl", items, result)
    write_expected(args.out / "expected.json", model, tokenizer, items, result, chance)


if __name__ == "__main__":
    main()
