"""A line of ledgers, each of which took over from the one before, by commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import verifier.cli
from ledger.keyfiles import governor_key_path
from tests.cli.console import done, run


@dataclass
class Line:
    """Ledgers that took over from each other."""

    ledgers: list[Path]
    """The oldest first."""
    sizes: list[int] = field(default_factory=list)
    """Of all but the newest."""
    vkeys: list[str] = field(default_factory=list)
    """Of the newest."""

    def succeed(self, name: str) -> Path:
        """Let a new ledger take over."""
        old = self.ledgers[-1]
        new = old.with_name(name)
        key = governor_key_path(self.ledgers[0])
        words = ("--origin", f"test.example/{name}", "--governor-key", key, "--json")
        made = done("succeed", old, new, *words).json
        self.ledgers.append(new)
        self.sizes.append(made["predecessor"]["size"])
        self.vkeys = made["vkeys"]
        return new

    def in_one_log(self, shown: Any) -> Any:
        """JSON with every place counted from the first entry of the line."""
        count = len(self.sizes)
        return in_one_log(shown, [sum(self.sizes[: count - back]) for back in range(count + 1)])

    def check(self) -> None:
        """Both checkers find no fault."""
        newest = self.ledgers[-1]
        assert run("check", newest).code == 0
        done("checkpoint", newest)
        words: list[str | Path] = ["log"]
        for ledger in self.ledgers:
            export = ledger.with_name(f"{ledger.name}-export")
            done("export-tiles", ledger, export, "--with-entries")
            words += [export] if ledger == newest else ["--predecessor", export]
        for vkey in self.vkeys:
            words += ["--vkey", vkey]
        ran = run(*words, command=verifier.cli.main)
        assert ran.code == 0, ran.err + ran.text


def in_one_log(value: Any, begins: Sequence[int]) -> Any:
    """JSON with every place counted from the first entry of the line."""
    if isinstance(value, list):
        return [in_one_log(one, begins) for one in value]
    if not isinstance(value, dict):
        return value
    parts = {name: in_one_log(one, begins) for name, one in value.items()}
    if "back" in parts:
        parts["index"] += begins[parts.pop("back")]
    if parts.get("amends") is not None:
        at, _, back = str(parts["amends"]).partition("~")
        parts["amends"] = int(at) + begins[int(back or 0)]
    parts.pop("access_entries", None)
    return parts
