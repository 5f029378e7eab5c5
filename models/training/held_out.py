"""The 200 unseen stories that the demo model is measured on: each ends in one question whose fact was told once, 200 or
more tokens earlier. Always the same stories; their seeds are above every seed that training draws."""

import dataclasses
import random

from make_stories import make_story

FIRST_SEED = 1 << 62
COUNT = 200
MIN_DISTANCE = 200
LONGEST_PROMPT = 980


@dataclasses.dataclass
class Item:
    prompt: str
    input_ids: list
    answer: str
    answer_ids: list
    value: str
    kind: str
    distance: int  # tokens between the end of the fact's sentence and the question
    choices: int  # how many values were equally likely


def _item(tokenizer, seed):
    """The item of a seed, or None where the story has no fact that was told once and long ago."""
    rng = random.Random(seed)
    story = make_story(seed, rng.randint(5, 9), rng.randint(2, 7), rng.randint(0, 2))
    told_once = [told for told in story.questions if story.text.count(told.fact.stem) == 1
                 and story.text.count(told.fact.value) == 1]
    rng.shuffle(told_once)
    for told in told_once:
        question = f"\nQuestion: {told.fact.question}\nAnswer:"
        encoding = tokenizer.encode(story.text + question)
        fact_end = told.start + len(told.fact.sentence)
        distance = sum(1 for start, end in encoding.offsets if start >= fact_end and end <= len(story.text) and end > start)
        if distance >= MIN_DISTANCE and len(encoding.ids) <= LONGEST_PROMPT:
            answer = " " + told.fact.sentence
            answer_ids = tokenizer.encode(answer, add_special_tokens=False).ids
            return Item(story.text + question, encoding.ids, answer, answer_ids, told.fact.value, told.fact.kind, distance,
                        told.fact.choices)
    return None


def items(tokenizer, count=COUNT):
    found, seed = [], FIRST_SEED
    while len(found) < count:
        item = _item(tokenizer, seed)
        seed += 1
        if item:
            found.append(item)
    return found
