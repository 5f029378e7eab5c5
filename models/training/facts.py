"""The facts of a story. A fact is one sentence that ends in a value drawn uniformly from a list; its question is
answered by the same sentence, so that answering means finding the sentence again and copying the value."""

import dataclasses

import words

# What may be said before and after a fact of each kind: {N} is whom it is about, {O} the other, {X} the thing.
BEFORE = {
    "home": ["Not everybody was born here.", "{N} had a long way home."],
    "colour": ["{N} [loved colours|liked to paint]."],
    "pet": ["{N} had a little {X}, and everybody loved it.", "{N} [took care of|had found] a [small|funny|hungry] {X}."],
    "hidden": ["{N} had a treasure that nobody should find.", "{N} [looked around|waited until nobody was there]."],
    "gift": ["It was {O}'s birthday.", "{N} wanted to make {O} happy.", "{N} had a present for {O}."],
    "food": ["{N} was always hungry.", "The kitchen smelled wonderful."],
    "job": ["People asked what the children would be one day.", "{N} had a dream."],
    "instrument": ["There was [much|always] music in the house.", "{N} loved music."],
    "counted": ["{N} [could not sleep|had nothing to do|sat very still] and began to count."],
    "secret": ["{N} had a secret word.", "Friends need a secret word."],
}
AFTER = {
    "home": ["It was a village with [a stone well|one shop and two horses|a crooked church|friendly people]."],
    "colour": ["{N} never got tired of it.", "Nobody knew why."],
    "pet": ["It [followed {N} everywhere|slept all day|was very clever|liked to be scratched]."],
    "hidden": ["Nobody saw it.", "It was a good hiding place.", "Then {N} went home as if nothing had happened."],
    "gift": ["{O} was [very happy|speechless|full of joy].", "\"Thank you,\" said {O}."],
    "food": ["{N} could eat it every day.", "There was never enough of it."],
    "job": ["{N} [talked of nothing else|practised every day|was quite sure of it]."],
    "instrument": ["It sounded [lovely|a little strange|like rain on a window].", "Even the birds listened."],
    "counted": ["Then {N} [stopped counting|fell asleep|lost count].", "That was [a lot|more than last time]."],
    "secret": ["[Only friends knew it|Nobody else knew it].", "{N} whispered it."],
}


@dataclasses.dataclass
class Fact:
    kind: str
    question: str
    stem: str  # the sentence up to the value
    value: str  # begins with a space
    tail: str  # what follows the value, at least the full stop
    thing: str  # what a question is about besides a person: the animal, what was hidden, counted or has a number
    choices: int  # how many values were equally likely: chance level is 1 / choices
    slots: dict  # for BEFORE and AFTER

    @property
    def sentence(self):
        return self.stem + self.value + self.tail


def _maybe_invented(rng, names):
    return words.invented(rng) if rng.random() < 0.02 else rng.choice(names)


def home(rng, who, _):
    return f"What was the home of {who}?", f"The home of {who} was", _maybe_invented(rng, words.VILLAGES), words.VILLAGES


def colour(rng, who, _):
    return f"What was the favourite colour of {who}?", f"The favourite colour of {who} was", None, words.COLOURS


def pet(rng, who, _):
    animal = rng.choice(words.ANIMALS)
    name = _maybe_invented(rng, words.PET_NAMES)
    return f"What was the name of {who}'s {animal}?", f"The name of {who}'s {animal} was", name, words.PET_NAMES


def hidden(rng, who, _):
    thing = rng.choice(words.TREASURES)
    return f"Where did {who} hide the {thing}?", f"{who} hid the {thing}", None, words.HIDING_PLACES


def gift(rng, who, other):
    return f"What did {who} give {other}?", f"{who} gave {other} a", None, words.GIFTS


def food(rng, who, _):
    return f"What was the favourite dish of {who}?", f"The favourite dish of {who} was", None, words.FOODS


def job(rng, who, _):
    return f"What did {who} want to become?", f"{who} wanted to become a", None, words.JOBS


def instrument(rng, who, _):
    return f"Which instrument did {who} play?", f"{who} played the", None, words.INSTRUMENTS


def counted(rng, who, _):
    things = rng.choice(words.COUNTED)
    return f"How many {things} did {who} count?", f"{who} counted", None, words.NUMBERS, f" {things}."


def secret(rng, who, _):
    return f"What was the secret word of {who}?", f"The secret word of {who} was", None, words.SECRET_WORDS


KINDS = [home, colour, pet, hidden, gift, food, job, instrument, counted, secret]


def _thing(maker, question, stem):
    if maker is hidden:
        return stem.split()[-1]
    if maker is counted:
        return question.split()[2]
    return stem.split()[-2]


def make_fact(rng, maker, who, other):
    """One fact about `who`. The value is independent of everything else in the story."""
    question, stem, value, choices, *tail = maker(rng, who, other)
    value = value or rng.choice(choices)
    thing = _thing(maker, question, stem)
    slots = {"N": who, "O": other, "X": thing}
    return Fact(maker.__name__, question, stem, " " + value, tail[0] if tail else ".", thing, len(choices), slots)
