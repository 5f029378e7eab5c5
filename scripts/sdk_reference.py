#!/usr/bin/env python3
"""Writes docs/sdk-reference.md: what the headers of the SDK say of themselves. scripts/sdk_reference.py [--print]"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "sdk" / "include"
PAGE = ROOT / "docs" / "sdk-reference.md"
HEAD = """# Reference of the SDK

Made by `scripts/sdk_reference.py` from the comments of the headers in `sdk/include`; [write-a-cache.md](write-a-cache.md) says how they are used.
"""


def summary(lines):
    """The comment at the beginning of a header."""
    text = []
    for line in lines:
        if line.startswith("/*"):
            return " ".join(part.strip(" */") for part in "\n".join(lines).split("*/")[0].splitlines()).strip()
        if not line.startswith("//"):
            break
        text.append(line[2:].strip())
    return " ".join(text)


def declaration(lines):
    """The first lines of what a comment stands before, without its body."""
    text = ""
    for line in lines:
        text += " " + line.strip()
        if re.search(r"[{;]\s*(//.*)?$", line) or (line.startswith("#define") and not line.endswith("\\")):
            break
    text = re.sub(r"\s*(\{.*|;.*|\\)$", "", text.strip())
    return re.sub(r"\) : .*$", ")", text)


def entries(lines):
    """Pairs of a declaration and its comment."""
    at = 0
    while at < len(lines):
        if not lines[at].strip().startswith("/// "):
            at += 1
            continue
        comment = []
        while at < len(lines) and lines[at].strip().startswith("///"):
            comment.append(lines[at].strip()[3:])
            at += 1
        yield declaration(lines[at:at + 12]), comment


def as_text(comment):
    """Lists, which are indented, stay as they are."""
    parts, paragraph = [], []
    for line in comment + [""]:
        listed = line.startswith("   ") or not line.strip()
        if listed and paragraph:
            parts.append(" ".join(paragraph))
            paragraph = []
        if listed and line.strip():
            parts.append("    " + line.strip())
        elif not listed:
            paragraph.append(line.strip())
    text = ""
    for i, part in enumerate(parts):
        code = part.startswith("    ")
        text += ("\n" if i and code and parts[i - 1].startswith("    ") else "\n\n" if i else "") + part
    return text


def page():
    text = HEAD
    for header in sorted(FOLDER.rglob("*.h*")):
        lines = header.read_text().splitlines()
        text += f"\n## {header.relative_to(FOLDER)}\n\n{summary(lines)}\n"
        for what, comment in entries(lines):
            text += f"\n`{what}`\n\n{as_text(comment)}\n"
    return text


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(page())
    else:
        PAGE.write_text(page())
