"""Batches of stories of like length: token ids and the weight of each token in the loss."""

import random

import torch

from make_stories import ANSWER, PROSE, VALUE, story_of_length

LENGTHS = [160, 256, 384, 512, 768, 960]
FIRST = 3  # the first token of a value, where it must be found; the others mostly follow from it
LOSS_WEIGHTS = {PROSE: 0.3, ANSWER: 0.6, VALUE: 2.0, FIRST: 8.0}
PAD, BOS, EOS = 0, 1, 2
LONGEST = 1024


def encode(tokenizer, story):
    """ids with bos and eos, and the kind of each."""
    encoding = tokenizer.encode(story.text)
    kinds = [PROSE] * len(encoding.ids)
    index = 0
    for start, end, kind in story.spans:
        while encoding.offsets[index][1] <= start:
            index += 1
        begin = index + (story.text[slice(*encoding.offsets[index])] == " ")  # a space of its own says nothing
        while index < len(kinds) and encoding.offsets[index][1] <= end:
            kinds[index] = FIRST if kind == VALUE and index == begin else kind
            index += 1
    return encoding.ids + [EOS], kinds + [PROSE]


def collate(rows):
    """(ids [B, T], kinds [B, T]); kind -1 is padding."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), longest), PAD)
    kinds = torch.full((len(rows), longest), -1)
    for row, (story_ids, story_kinds) in enumerate(rows):
        ids[row, :len(story_ids)] = torch.tensor(story_ids)
        kinds[row, :len(story_ids)] = torch.tensor(story_kinds)
    return ids, kinds


def loss_weights(kinds):
    weights = torch.zeros(kinds.shape)
    for kind, weight in LOSS_WEIGHTS.items():
        weights[kinds == kind] = weight
    return weights


def stream(tokenizer, seed, length_of, tokens_per_batch, pool=12):
    """Endless batches. `length_of(rng)` says how long the next stories shall be; a pool is sorted by length so that
    little is padding."""
    rng = random.Random(seed)
    while True:
        length = length_of(rng)
        rows = []
        while sum(len(ids) for ids, _ in rows) < pool * tokens_per_batch:
            row = encode(tokenizer, story_of_length(rng.getrandbits(60), length))
            if len(row[0]) <= LONGEST:
                rows.append(row)
        rows.sort(key=lambda row: len(row[0]))
        batches = [[]]
        for row in rows:
            if (len(batches[-1]) + 1) * len(row[0]) > tokens_per_batch:
                batches.append([])
            batches[-1].append(row)
        rng.shuffle(batches)
        for batch in batches:
            yield length, collate(batch)
