"""What somebody holds when they are lied to, as files, and the verifier as they run it on them."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.cli.console import run
from tests.verifier.cosigners import Cosigner
from tests.verifier.evidencemaker import Maker
from tests.verifier.logmaker import Log, write
from verifier.cli import main

ASSERTED = "asserted by the operator"
_OWNED_UP = ("not_checked", "limits", "custodians_refused")


@dataclass(frozen=True)
class Verdict:
    code: int
    steps: tuple[str, ...]
    """In which it is false, each once, the first first."""
    said: tuple[str, ...]
    """What it did not check, its limits, and why custodians do not count."""
    complete: bool
    complaint: str
    """On stderr."""


class Hand:
    def __init__(self, place: Path) -> None:
        self.place = place

    def believe(
        self,
        log: Log,
        *custodians: Cosigner,
        witnesses: Sequence[Cosigner] = (),
        quorum: int | None = None,
        lines: Sequence[str] = (),
    ) -> None:
        """The policy: keys that somebody was given long before, on paper."""
        told = [f"log {vkey}" for vkey in log.vkeys]
        for word, signers in (("custodian", custodians), ("witness", witnesses)):
            for signer in signers:
                told += [f"{word} {signer.ed_vkey}", f"{word} {signer.ml_vkey}"]
        told += [f"quorum {quorum}"] if quorum is not None else []
        self.keep("policy", "".join(f"{line}\n" for line in (*told, *lines)).encode())

    def keep(self, name: str, raw: bytes) -> None:
        (self.place / name).write_bytes(raw)

    def export(
        self,
        log: Log,
        name: str = "export",
        size: int | None = None,
        signed_by: Sequence[Cosigner] = (),
        change: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        """A directory with the log; `change` replaces files in it by path."""
        checkpoint = cosigned(log, *signed_by, size=size)
        write({**log.files(size), "checkpoint": checkpoint, **change}, self.place / name)

    def evidence(self, file: Maker, name: str = "file.evidence") -> None:
        self.keep(name, file.render())

    def receipt(self, log: Log, index: int, name: str = "receipt") -> None:
        self.keep(name, log.proof(index, extra=log.leaves[index]))

    def watched(self, log: Log, state: str = "seen") -> None:
        """The victim has watched this log until now."""
        self.export(log, "watched")
        self.look("watched", state)

    def audited(self, log: Log) -> None:
        """The victim has audited this log, and kept what was found."""
        self.export(log, "audited-then")
        self._must_pass("log audited-then --state audited")

    def look(self, watched: str, state: str = "seen") -> None:
        self._must_pass(f"watch {watched} --state {state} --once")

    def _must_pass(self, command: str) -> None:
        verdict = self.run(command)
        if verdict.code:
            raise ValueError(f"a true log was called false: {verdict}")

    def run(self, command: str) -> Verdict:
        """A command of the verifier; one that begins with `counterfoil`, of the ledger."""
        if command.startswith("counterfoil "):
            with contextlib.chdir(self.place):
                ran = run(*command.split()[1:])
            return Verdict(ran.code, (), (), False, ran.err)
        out, err = io.StringIO(), io.StringIO()
        arguments = [*command.split(), "--policy", "policy", "--json"]
        streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
        with contextlib.chdir(self.place), streams[0], streams[1]:
            code = main(arguments)
        return _verdict(code, out.getvalue(), err.getvalue())


def _verdict(code: int, out: str, err: str) -> Verdict:
    if not out:
        return Verdict(code, (), (), False, err)
    found: dict[str, Any] = json.loads(out)
    problems = [found, *found.get("predecessors", ())]
    steps = dict.fromkeys(problem["step"] for one in problems for problem in one["problems"])
    said = [*(item for part in _OWNED_UP for item in found.get(part, ()))]
    completeness = found.get("completeness")
    said += [f"completeness {ASSERTED}"] if completeness == ASSERTED else []
    complete = completeness not in (None, ASSERTED)
    return Verdict(code, tuple(steps), tuple(said), complete, err)


def cosigned(log: Log, *signers: Cosigner, size: int | None = None) -> bytes:
    """The log's checkpoint with lines of others."""
    note = log.checkpoint(size)
    for signer in signers:
        note += signer.line("em", log.origin, size or len(log.leaves), log.root(size))
    return note
