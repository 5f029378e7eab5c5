"""The command line's functions with its JSON as dictionaries; they need the program ``kvern``."""
from __future__ import annotations

import json
import os
import shutil
import subprocess

from . import paths
from .errors import ConfigError, KvernError
from .native import list_plugins


def find() -> str:
    """The program: ``KVERN_PROGRAM``, that of ``KVERN_PYTHON_ROOT``, or the one on the PATH."""
    given = os.environ.get("KVERN_PROGRAM")
    folder = paths.root()
    candidates = [given] if given else [folder and str(folder / "bin/kvern"), shutil.which("kvern")]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    raise FileNotFoundError(f"the program kvern is not there{f' ({given})' if given else ''}: the wheel brings caches only; build kvern (README) and "
                            "put it on the PATH, or let KVERN_PROGRAM name it")


def _flags(options: dict) -> list:
    flags = []
    for key, value in options.items():
        name = "--" + key.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"{name}={'true' if value else 'false'}")
        elif isinstance(value, (list, tuple)) and any(isinstance(item, str) for item in value):
            flags += [part for item in value for part in (name, str(item))]
        elif isinstance(value, (list, tuple)):
            flags += [name, ",".join(map(str, value))]
        elif value is not None:
            flags += [name, str(value)]
    return flags


def run(command: str, arguments=(), options=None) -> dict:
    """What ``kvern COMMAND --output json`` prints. Raises KvernError with its message."""
    line = [find(), command, *map(str, arguments), *_flags(options or {}), "--output", "json"]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode:
        message = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"
        raise (ConfigError if done.returncode in (2, 3) else KvernError)(message)
    return json.loads(done.stdout)


def generate(prompt=None, *, model=None, cache=None, **options) -> dict:
    """``kvern generate``: keys as in docs/cli.md. Options are flags (``max_new_tokens=20``, ``input_ids=[1, 2]``)."""
    return run("generate", options={"prompt": prompt, "model": model, "cache": cache, **options})


def compare(*, model=None, cache=None, **options) -> dict:
    """``kvern compare``: what caches (``cache=["dynamic", "quantized{nbits = 4}"]``) do to a model's predictions of ``text_file``."""
    return run("compare", options={"model": model, "cache": cache, **options})


def caches(plugin_path=()) -> list:
    """The cache plugins that are found: dictionaries of ``name``, ``path``, ``version``, ``summary``, ``build`` and ``options`` with their
    defaults, or of ``name``, ``path`` and ``error`` for one that is refused. Needs no program."""
    return list_plugins([plugin_path] if isinstance(plugin_path, str) else plugin_path)


def check(arguments) -> int:
    """``kvern check``: its exit code; it prints as the program does. A name is looked for where the package looks."""
    environment = dict(os.environ)
    environment["KVERN_PLUGIN_PATH"] = ":".join(filter(None, [environment.get("KVERN_PLUGIN_PATH", ""), *paths.plugin_folders()]))
    return subprocess.run([find(), "check", *arguments], env=environment).returncode
