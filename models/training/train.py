"""Trains the demo model on generated stories and writes it in Hugging Face layout. Stories start short and grow as soon as
the model answers the questions of the length it is at; after a third of the steps the learning rate goes down to nothing."""

import argparse
import json
import pathlib
import time

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer

from batches import FIRST, LENGTHS, collate, encode, loss_weights, stream
from make_stories import story_of_length
from model import CONFIG, Llama

HELD_OUT = 1 << 61  # seeds of training stories are below this
PROMOTE_AT = 0.8


class Curriculum:
    """Which lengths are in use: all up to `level`, the longest most often."""

    def __init__(self, level=0):
        self.level = level
        self.right = 0.0  # running share of right values at the longest length

    def draw(self, rng):
        if self.level == 0 or rng.random() < 0.6:
            return LENGTHS[self.level]
        return rng.choice(LENGTHS[max(0, self.level - 3):self.level])

    def note(self, length, share):
        if length != LENGTHS[self.level]:
            return
        self.right += 0.1 * (share - self.right)
        if self.right > PROMOTE_AT and self.level + 1 < len(LENGTHS):
            self.level += 1
            self.right = 0.0


def make_optimizers(model):
    """Muon for the matrices of the layers, AdamW for embedding and norms."""
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.dim() != 2 or "embed" in name]
    return [torch.optim.Muon(matrices, lr=1.0, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=1.0, betas=(0.9, 0.98), weight_decay=0.0)]


def learning_rate(step, steps, peak):
    return peak * min(1.0, (step + 1) / 40, max(0.0, (steps - step) / (0.65 * steps)))


def model_config(args):
    """The demo model's, or that of a draft for it: fewer and narrower layers, one key/value head."""
    if not args.draft:
        return CONFIG
    return CONFIG | {"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 2, "num_key_value_heads": 1,
                     "num_hidden_layers": 1}


def forward_loss(model, ids, kinds):
    """The weighted loss, and the share of values whose first token would be chosen."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids[:, :-1])
    logits, targets, kinds = logits.float(), ids[:, 1:], kinds[:, 1:]
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    weights = loss_weights(kinds).flatten()
    asked = kinds == FIRST
    share = (logits[asked].argmax(-1) == targets[asked]).float().mean() if asked.any() else torch.tensor(float("nan"))
    return (losses * weights).sum() / weights.sum(), share.item()


@torch.no_grad()
def held_out(model, tokenizer, count=12):
    """Share of right values on unseen stories, by length."""
    result = {}
    for length in LENGTHS[1::2]:
        rows = [encode(tokenizer, story_of_length(HELD_OUT + i, length)) for i in range(count)]
        ids, kinds = collate([row for row in rows if len(row[0]) <= 1024])
        result[length] = round(forward_loss(model, ids, kinds)[1], 3)
    return result


def export(model, folder):
    """The Hugging Face folder, weights in bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: p.detach().bfloat16().contiguous() for name, p in model.named_parameters()}
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    (folder / "config.json").write_text(json.dumps(model.config, indent=2) + "\n")
    generation = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "do_sample": False}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")


def save_state(path, model, optimizers, curriculum, step):
    state = {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "level": curriculum.level,
             "step": step}
    torch.save(state, str(path) + ".new")
    pathlib.Path(str(path) + ".new").rename(path)


def train(args):
    torch.manual_seed(args.seed)
    tokenizer = Tokenizer.from_file(str(args.out / "tokenizer.json"))
    model = Llama(model_config(args))
    optimizers, curriculum, first = make_optimizers(model), Curriculum(), 0
    if args.resume and args.state.exists():
        state = torch.load(args.state)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        curriculum, first = Curriculum(state["level"]), state["step"]
    batches = stream(tokenizer, args.seed + first, curriculum.draw, args.batch_tokens)
    begun, tokens = time.time(), 0
    for step in range(first, args.steps):
        length, (ids, kinds) = next(batches)
        loss, share = forward_loss(model, ids, kinds)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = learning_rate(step, args.steps, args.lr)
            optimizer.step()
            optimizer.zero_grad()
        curriculum.note(length, share) if share == share else None
        tokens += ids.numel()
        if step % 20 == 0:
            print(f"{step:5d} {time.time() - begun:6.0f} s {tokens / 1e6:6.2f} M tokens, length {length}, "
                  f"loss {loss.item():.3f}, values {share:.3f}", flush=True)
        if (step + 1) % args.every == 0 or step + 1 == args.steps:
            print("held out:", held_out(model, tokenizer), flush=True)
            export(model, args.out)
            save_state(args.state, model, optimizers, curriculum, step + 1)


def main():
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=here.parent / "demo", help="folder with tokenizer.json")
    parser.add_argument("--draft", action="store_true", help="a draft of one layer, for assisted decoding")
    parser.add_argument("--state", type=pathlib.Path, default=here / "state.pt", help="where training can go on from")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--batch-tokens", type=int, default=6144)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--every", type=int, default=100, help="steps between checkpoints")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(args)


if __name__ == "__main__":
    main()
