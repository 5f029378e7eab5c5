"""The parts of a table. Each measures in rounds, program after program (A B A B), and returns records."""
import json
import sys
import time

from programs import Failed, run
from settings import FLASH, NONE, paged

FEW_STEPS, MANY_STEPS = 2, 8
PROMPT = 8  # tokens, of a generation
# what peers are measured with where many tokens meet: the caches that were their best there
MANY_TOKENS = {"llama.cpp": ("f16", "f16, flash attention"), "ik_llama.cpp": ("q8_0, flash attention", "f16, flash attention"),
               "OpenVINO": ("16 bits", "u8")}
SHORT_RUN, LONG_ROUNDS = 300, 3  # longer generations are medians over many more steps, and take minutes


class Bench:
    """What the parts share: the programs that are there, the rows asked for, and how much of it."""

    def __init__(self, shape, programs, settings, options):
        self.shape, self.programs, self.settings, self.options = shape, programs, settings, options
        self.refused = {}  # (program, setting) -> why

    def rows(self, threads):
        """Settings to measure, the programs taking turns."""
        everything = self.options.all or (threads == self.options.threads[0] and self.options.full)
        wanted = [s for s in self.settings if s.main or everything]
        columns = [[s for s in wanted if s.program == name] for name in self.programs]
        longest = max(map(len, columns), default=0)
        return [column[i] for i in range(longest) for column in columns if i < len(column)]

    def attempt(self, setting, what, *arguments):
        """The program's answer, or None where it refused, now or before."""
        key = (setting.program, setting.name)
        if key in self.refused:
            return None
        try:
            return getattr(self.programs[setting.program], what)(setting, *arguments)
        except Failed as failure:
            self.refused[key] = str(failure)
            say(f"skipped: {setting.program}, {setting.name}: {failure}")
            return None

    def depths(self, extra=()):
        """What is asked for, as far as the model has positions; extra ones only if it has thousands of them."""
        last = self.shape.last_depth
        if self.shape.positions < 4096 and extra:
            extra = (last // 4, last * 3 // 4)
        return sorted({min(d, last) for d in (*self.options.depths, *extra)})


def say(text):
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def record(part, setting, threads, **more):
    return {"part": part, "program": setting.program, "cache": setting.name, "threads": threads, **more}


def bandwidth(bench, threads, number):
    speeds = json.loads(run([bench.options.build / "bin" / "kvern_bandwidth"]))
    return [{"part": "bandwidth", "threads": threads, "round": number, "streams": streams,
             **speeds[f"threads_{min(threads, 2)}_streams_{streams}"]} for streams in (1, 2, 4, 8)]


def decode(bench):
    """Time per token over depth; kvern at more depths, for its slope."""
    options, records = bench.options, []
    if max(options.depths) > bench.shape.last_depth:
        say(f"{bench.shape.name} has {bench.shape.positions} positions: depths end at {bench.shape.last_depth}")
    for threads in options.threads:
        extra = options.line_depths if threads == options.threads[0] else ()
        for number in range(options.rounds):
            say(f"decode, {threads} thread(s), round {number + 1} of {options.rounds}")
            records += bandwidth(bench, threads, number)
            for setting in bench.rows(threads):
                depths = bench.depths(extra if setting.program == "kvern" else ())
                answer = bench.attempt(setting, "decode", threads, tokens_for(bench), options.seconds, depths)
                records += [record("decode", setting, threads, round=number, **row) for row in answer or []]
    return records


def tokens_for(bench):
    """Steps of one row in one round: what fits in the time, guessed from the weights at 20 GB/s."""
    guess = bench.shape.read_bytes / 20e9
    return max(FEW_STEPS, min(MANY_STEPS, int(bench.options.seconds / guess)))


def prefill(bench):
    """Seconds of a prompt. At longer prompts other programs run only with what was their best at the shortest."""
    return [r for threads in bench.options.prefill_threads or bench.options.threads[:1] for r in prefill_by(bench, threads)]


def prefill_by(bench, threads):
    options, records, rows = bench.options, [], prefill_rows(bench)
    for length in options.prefill:
        if length > bench.shape.positions:
            continue
        measured = []
        for number in range(options.rounds):
            say(f"prefill of {length}, {threads} thread(s), round {number + 1} of {options.rounds}")
            for setting in rows:
                seconds = bench.attempt(setting, "prefill", threads, length)
                if seconds:
                    measured.append(record("prefill", setting, threads, round=number, tokens=length, seconds=seconds))
        records += measured
        rows = [s for s in rows if s.program == "kvern" or is_best(s, measured)]
    return records


def prefill_rows(bench):
    return many_token_rows(bench, [s for s in bench.settings if s.main and not s.name.startswith("static")])


def many_token_rows(bench, main):
    """The main ones of kvern and transformers, and of other peers those that are made for it."""
    rows = [s for s in main if family_of(s.program) not in MANY_TOKENS]
    flash = [s for s in FLASH if s.program in bench.programs]
    return rows + [s for s in (*bench.settings, *flash) if s.name in MANY_TOKENS.get(family_of(s.program), ())]


def family_of(program):
    """Without its version."""
    return program.split()[0]


def is_best(setting, measured):
    family = family_of(setting.program)
    rivals = [r for r in measured if family_of(r["program"]) == family]
    if not rivals:
        return False
    best = min(rivals, key=lambda r: r["seconds"])
    return (best["program"], best["cache"]) == (setting.program, setting.name)


def batch(bench):
    """Steps of several sequences at once, all of them as far into a text."""
    options, records = bench.options, []
    depth = min(options.sequences_depth, bench.shape.last_depth)
    kvern = [s for s in bench.settings if s.program == "kvern" and s.main] + [paged(options.cache_dtype)]
    others = [s for s in bench.settings if s.program != "kvern" and s.main and not s.name.startswith("static")]
    rows = many_token_rows(bench, kvern + others)
    for threads in options.threads:
        for number in range(options.rounds):
            say(f"batch, {threads} thread(s), round {number + 1} of {options.rounds}")
            for sequences in options.sequences:
                for setting in rows:
                    answer = bench.attempt(setting, "batch", threads, MANY_STEPS, sequences, depth)
                    if answer:
                        records.append(record("batch", setting, threads, round=number, sequences=sequences, depth=depth,
                                              steps_ms=answer["steps_ms"]))
    return records


def steps(bench):
    """Every step of a long run, twice, of kvern's caches: is one slow?"""
    records, threads = [], bench.options.threads[0]
    for number in range(2):
        say(f"steps, run {number + 1} of 2")
        for setting in (s for s in bench.settings if s.program == "kvern"):
            answer = bench.attempt(setting, "decode", threads, bench.options.steps, 0, [min(1024, bench.shape.positions // 2)])
            records += [record("steps", setting, threads, round=number, **row) for row in answer or []]
    return records


def memory(bench):
    """The most that was resident after a real prefill in pieces, by part."""
    records, threads = [], bench.options.threads[-1]
    depth = max(bench.depths())
    for setting in (s for s in bench.settings if s.program == "kvern" and s.main):
        say(f"memory of {setting.name}: a real prefill of {depth}")
        report = bench.attempt(setting, "bench_memory", threads, depth)
        if report:
            result = report["results"][0]
            records.append(record("memory", setting, threads, depth=depth, peak=result["peak_resident_bytes"],
                                  program_bytes=report["resident_bytes_at_start"], weights=result["weight_bytes"],
                                  cache_bytes=result["decode"][0]["cache_bytes"]))
    return records


def generate(bench):
    """Whole calls of greedy generation behind a short prompt, with a cache and without."""
    options, records, threads = bench.options, [], bench.options.threads[0]
    cached = [s for s in bench.settings if s.name in ("dynamic", "dynamic " + bench.shape.dtype) and s.program in bench.programs]
    for new in options.generate:
        measured = []
        for number in range(options.rounds if new <= SHORT_RUN else min(options.rounds, LONG_ROUNDS)):
            say(f"generate {new}, round {number + 1}")
            for setting in cached:
                seconds = bench.attempt(setting, "generate", threads, PROMPT, new)
                if seconds:
                    measured.append(record("generate", setting, threads, round=number, new=new, seconds=seconds))
        records += measured
        cached = [s for s in cached if s.program == "kvern" or is_best(s, measured)]
    return records + without_cache(bench, threads)


def without_cache(bench, threads):
    """Once where it is short; and for every length samples of steps, whose sum the page tells."""
    if "kvern" not in bench.programs:
        return []
    records, lengths = [], bench.options.generate
    for new in (n for n in lengths if n <= bench.options.none_up_to):
        say(f"generate {new} without a cache")
        seconds = bench.attempt(NONE, "generate", threads, PROMPT, new)
        if seconds:
            records.append(record("generate", NONE, threads, round=0, new=new, seconds=seconds))
    say("steps without a cache")
    depths = sorted({PROMPT + n for new in lengths for n in (0, new // 2, new)})
    answer = bench.attempt(NONE, "decode", threads, FEW_STEPS, 0, depths)
    return records + [record("none", NONE, threads, **row) for row in answer or []]


PARTS = {"decode": decode, "prefill": prefill, "batch": batch, "steps": steps, "memory": memory, "generate": generate}
