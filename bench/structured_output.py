"""Texts that the demo model samples under each schema and regular expression of the tests, held against jsonschema and re.

    pip install jsonschema && python bench/structured_output.py build/release/bin/kvern
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema

CASES = pathlib.Path(__file__).parent.parent / "tests" / "reference" / "constrained" / "cases.json"
SAMPLES, TOKENS = 5, 200
SCHEMA = tempfile.NamedTemporaryFile(suffix=".json")


def sampled(kvern, form, seed):
    """Texts and the reason why each ended."""
    if not form.startswith("regex:"):
        pathlib.Path(SCHEMA.name).write_text(form, encoding="utf-8")
        form = SCHEMA.name
    command = [kvern, "generate", "--prompt", "Once upon a time there was", "--response-format", form, "--output", "json"]
    command += ["--do-sample", "--temperature", "1", "--top-k", "0", "--num-return-sequences", str(SAMPLES), "--seed", str(seed)]
    command += ["--max-new-tokens", str(TOKENS)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise SystemExit(f"{form}: {ran.stderr}")
    return [(s["text"], s["finish_reason"]) for s in json.loads(ran.stdout)["sequences"]]


def meets(schema, text):
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    try:
        return jsonschema.Draft202012Validator(schema, format_checker=checker).is_valid(json.loads(text))
    except ValueError:
        return False


def main():
    kvern = sys.argv[1]
    cases = json.loads(CASES.read_text(encoding="utf-8"))
    forms = [(c["name"], json.dumps(c["schema"]), lambda t, s=c["schema"]: meets(s, t)) for c in cases["schemas"]]
    forms += [
        (c["pattern"], "regex:" + c["pattern"], lambda t, p=c["pattern"]: re.fullmatch(p, t) is not None)
        for c in cases["regexes"]
    ]
    total = {"ended": 0, "valid": 0, "cut": 0}
    for seed, (name, form, check) in enumerate(forms):
        texts = sampled(kvern, form, seed)
        ended = [text for text, reason in texts if reason == "stop"]
        valid = [text for text in ended if check(text)]
        total["ended"] += len(ended)
        total["valid"] += len(valid)
        total["cut"] += len(texts) - len(ended)
        example = json.dumps(min(ended, key=len, default=""), ensure_ascii=False)
        print(f"{len(valid)}/{len(ended)} valid, {len(texts) - len(ended)} cut  {name}  {example[:100]}")
    print(f"{len(forms)} forms, {SAMPLES} samples of at most {TOKENS} tokens each: {total['ended']} ended, {total['valid']} of them valid, {total['cut']} cut at the limit")
    raise SystemExit(total["ended"] != total["valid"])


if __name__ == "__main__":
    main()
