"""Makes the little stories that the demo model learns from: names, places and facts, prose, and questions about the facts.
The same seed gives the same story. As a program it writes stories to standard output, separated by empty lines."""

import argparse
import dataclasses
import random
import re

import facts
import scenes
import words

PROSE, ANSWER, VALUE = 0, 1, 2  # what a piece of text is: weights of the loss differ
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_PRONOUNS = {"girl": ("she", "her", "her"), "boy": ("he", "his", "him")}


@dataclasses.dataclass
class Question:
    fact: facts.Fact
    start: int  # offset of the fact's sentence in the text


@dataclasses.dataclass
class Story:
    text: str
    spans: list  # (start, end, ANSWER or VALUE), in order
    questions: list = dataclasses.field(default_factory=list)  # facts that were told, with their offsets


class Writer:
    """Collects the text of one story and remembers which parts of it answer a question."""

    def __init__(self, rng):
        self.rng = rng
        self.text = ""
        self.spans = []
        self.told = []
        self.slots = {}

    def fill(self, template):
        while True:
            filled = _CHOICE.sub(lambda m: self.rng.choice(m.group(1).split("|")), template)
            if filled == template:
                return filled.format_map(self.slots)
            template = filled

    def say(self, template):
        self._space()
        self.text += self.fill(template)

    def paragraph(self):
        if self.text and not self.text.endswith("\n"):
            self.text += "\n"

    def tell(self, fact):
        self._space()
        self.told.append(Question(fact, len(self.text)))
        self.text += fact.sentence

    def answer(self, fact, before="", stop="."):
        """The fact's sentence as an answer that ends in `stop`."""
        self._mark(before + fact.stem, ANSWER)
        self._mark(fact.value, VALUE)
        self._mark(fact.tail[:-1] + stop, ANSWER)

    def _mark(self, piece, kind):
        self.spans.append((len(self.text), len(self.text) + len(piece), kind))
        self.text += piece

    def _space(self):
        if self.text and not self.text.endswith("\n"):
            self.text += " "


def _cast(writer):
    """Names and pronouns of the hero, the friend and a third person."""
    rng, slots = writer.rng, writer.slots
    used = []
    for role in ("H", "F", "T"):
        kid = rng.choice(("girl", "boy"))
        name = None
        while name is None or name in used:
            names = words.GIRLS if kid == "girl" else words.BOYS
            name = words.invented(rng) if rng.random() < 0.02 else rng.choice(names)
        used.append(name)
        slots[role] = name
        prefix = {"H": "", "F": "f", "T": "t"}[role]
        he, his, him = _PRONOUNS[kid]
        slots.update({prefix + "kid": kid, prefix + "he": he, prefix + "his": his, prefix + "him": him,
                      prefix + "He": he.capitalize(), prefix + "His": his.capitalize()})
    slots["fHe"] = slots["fhe"].capitalize()
    return used


def _plan_facts(rng, cast, count, one_of_a_kind=True):
    """Facts of different kinds; or of any kinds, where only their questions differ."""
    planned, asked = [], set()
    makers = rng.sample(facts.KINDS, min(count, len(facts.KINDS)))
    while len(planned) < (len(makers) if one_of_a_kind else count):
        who = rng.choice(cast)
        other = rng.choice([name for name in cast if name != who])
        fact = facts.make_fact(rng, makers[len(planned)] if one_of_a_kind else rng.choice(facts.KINDS), who, other)
        by_thing = fact.kind in ("hidden", "pet", "counted")
        key = (fact.kind, fact.thing if by_thing else who)
        if key not in asked:
            asked.add(key)
            planned.append(fact)
    return planned


def _ask_in_scene(writer, count):
    """A scene in which somebody asks for facts told so far."""
    rng = writer.rng
    before, asks, after = rng.choice(scenes.ASKERS)
    writer.paragraph()
    writer.say(before)
    for told in rng.sample(writer.told, min(count, len(writer.told))):
        who = next((role for role in rng.sample("HF", 2)
                    if writer.slots[role] not in told.fact.stem and role not in asks), "T")
        writer.say(f"\"{told.fact.question}\" {asks}. \"")
        writer.answer(told.fact, stop=",")
        writer.text += "\""
        writer.say("said {%s}." % who)
    writer.say(after)


def ask(writer, fact):
    """A question of the final section, with its answer."""
    writer.paragraph()
    writer.text += f"Question: {fact.question}\nAnswer:"
    writer.answer(fact, before=" ")


def _told_in_turn(writer, planned, dressed):
    """The facts of one paragraph, some (a share of `dressed`) with a sentence before or after."""
    for fact in planned:
        writer.slots.update(fact.slots)
        if writer.rng.random() < dressed:
            writer.say(writer.rng.choice(facts.BEFORE[fact.kind]))
        writer.tell(fact)
        if writer.rng.random() < dressed:
            writer.say(writer.rng.choice(facts.AFTER[fact.kind]))


def _prose(writer, planned, scene_count, asked_per_scene):
    """Opening, friends, and scenes with the planned facts spread over them. Nobody is spoken of before they come in."""
    rng, hero = writer.rng, writer.slots["H"]
    dressed = 0.6 if scene_count else 0.1
    head = max(1, len(planned) // 2) if scene_count else len(planned)
    first, rest = planned[:head], planned[head:]
    alone = [fact for fact in first if hero in fact.stem and fact.kind != "gift"]
    alone = alone[:rng.randint(0, len(alone))]
    writer.say(rng.choice(scenes.OPENINGS))
    _told_in_turn(writer, alone, dressed)
    writer.paragraph()
    writer.say(rng.choice(scenes.FRIENDS))
    writer.say(rng.choice(scenes.THIRDS))
    _told_in_turn(writer, [fact for fact in first if fact not in alone], dressed)
    for scene in rng.sample(scenes.SCENES, min(scene_count, len(scenes.SCENES))):
        writer.paragraph()
        writer.say(scene)
        if rest and rng.random() < 0.7:
            _told_in_turn(writer, [rest.pop(0)], dressed)
        if rng.random() < asked_per_scene:
            _ask_in_scene(writer, rng.randint(1, 3))
    writer.paragraph()
    _told_in_turn(writer, rest, dressed)


def make_story(seed, fact_count, scene_count, question_count, asked_per_scene=0.25):
    """A story of about 60 + 28 * facts + 80 * scenes tokens, and up to `question_count` questions after it."""
    writer = Writer(random.Random(seed))
    cast = _cast(writer)
    _prose(writer, _plan_facts(writer.rng, cast, fact_count), scene_count, asked_per_scene)
    if scene_count:
        writer.say(writer.rng.choice(scenes.ENDINGS))
    writer.say("The end.")
    for told in writer.rng.sample(writer.told, min(question_count, len(writer.told))):
        ask(writer, told.fact)
    return Story(writer.text, writer.spans, writer.told)


def make_list(seed, fact_count):
    """Facts about three people without a story, about 36 tokens each with its question: what teaches to answer fastest."""
    writer = Writer(random.Random(seed))
    cast = _cast(writer)
    writer.say("This is about {H}, {F} and {T}.")
    planned = _plan_facts(writer.rng, cast, fact_count, one_of_a_kind=writer.rng.random() < 0.7)
    _told_in_turn(writer, planned, dressed=0.0)
    for told in writer.rng.sample(writer.told, len(writer.told)):
        ask(writer, told.fact)
    return Story(writer.text, writer.spans, writer.told)


def story_of_length(seed, tokens):
    """A text near a length in tokens: short ones are mostly lists, long ones mostly stories."""
    rng = random.Random(seed ^ 0x5EED)
    if rng.random() < (0.7 if tokens < 512 else 0.3):
        return make_list(seed, min(18, tokens // 36))
    facts_wanted = rng.randint(5, 11) if tokens > 384 else rng.randint(3, 7)
    questions = 0 if rng.random() < 0.15 else rng.randint(facts_wanted // 2, facts_wanted)
    room = tokens - 70 - 20 * facts_wanted - 26 * questions
    return make_story(seed, facts_wanted, max(1, round(room / 95)), questions)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for index in range(args.count):
        print(story_of_length(args.seed + index, args.tokens).text, end="\n\n")


if __name__ == "__main__":
    main()
