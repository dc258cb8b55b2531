"""Vector files: read, written anew, or compared with what a generator makes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent


def stored(name: str) -> dict[str, Any]:
    """What a vector file holds; nothing when it is not there yet."""
    path = FOLDER / name
    if not path.exists():
        return {}
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def render(value: object) -> str:
    """The text of a vector file."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def write_or_check(made: Mapping[str, object], arguments: list[str] | None = None) -> int:
    """Write the files, or with ``--check`` compare them; returns the exit code."""
    parser = argparse.ArgumentParser(description="make test vectors")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args(arguments).check
    differing = 0
    for name, value in made.items():
        path, text = FOLDER / name, render(value)
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{name} is not what the generator makes", file=sys.stderr)
            differing += 1
    return 1 if differing else 0
