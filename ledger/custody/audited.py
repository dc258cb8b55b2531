"""What the verifier found out about a log, asked as a program of its own.

A custodian signs what was recomputed by code that shares nothing with the ledger's, so this runs
`counterfoil-verify` and reads its JSON: `log` for all that the log holds, `consistency` for that it
continues what was signed before.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ledger.errors import BadEvidence, BadRequest, LedgerFault
from ledger.wire.checkpoint import Checkpoint
from ledger.wire.ids import Hash, TreeSize
from ledger.wire.note import VerifierKey

VERIFIER: Final = (sys.executable, "-m", "verifier.cli")
MAX_POLICY: Final = 65_536
_VERIFIED, _FALSE = 0, 1
_MAX_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Audited:
    """A log that was verified whole."""

    checkpoint: Checkpoint
    note: bytes
    """The same as it was published."""
    newest_ms: int
    """When the newest leaf was received."""
    epoch_upto: int
    """E of the newest epoch."""
    epoch_ms: int
    """When its leaf was received."""
    custodians: frozenset[bytes]
    """Public keys that are registered for use custodian, and not ended."""
    signed: frozenset[str]
    """Names of the policy's custodians whose lines on the checkpoint count."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a log is read, as `counterfoil-verify` takes it, and who is believed."""

    place: str
    policy: str
    """A policy's text."""
    predecessors: Sequence[str] = ()
    bearer_file: Path | None = None
    """Holds the token for a server."""
    state: Path | None = None
    """Where the verifier keeps what it has recomputed: the next audit goes on from there."""

    @property
    def _token(self) -> tuple[str, ...]:
        return () if self.bearer_file is None else ("--bearer-file", str(self.bearer_file))

    def audit(self) -> Audited:
        """Verify the whole log. Raises BadEvidence when it is false, BadRequest when there is no
        verdict.
        """
        options = [word for place in self.predecessors for word in ("--predecessor", place)]
        if self.state is not None:
            options += ["--state", str(self.state)]
        with TemporaryDirectory() as directory:
            policy = _file(directory, "policy", self.policy.encode())
            report = _ask("log", self.place, *options, *self._token, "--policy", policy)
        return _read(report)

    def check_continues(self, before: bytes, audited: Audited) -> None:
        """Whether the log continues an older checkpoint. Raises as ``audit``."""
        with TemporaryDirectory() as directory:
            policy = _file(directory, "policy", self.policy.encode())
            old, new = _file(directory, "old", before), _file(directory, "new", audited.note)
            where = ("--source", self.place, *self._token)
            _ask("consistency", old, new, *where, "--policy", policy)


def policy_with(text: str, vkey: VerifierKey) -> str:
    """A policy's text that names this custodian too, so that its line on a checkpoint counts."""
    line = f"custodian {vkey}\n"
    return text if line in text.splitlines(keepends=True) else text + line


def _file(directory: str, name: str, data: bytes) -> str:
    path = Path(directory) / name
    path.write_bytes(data)
    return str(path)


def _ask(*words: str) -> dict[str, Any]:
    """The report of the verifier about something that it found true."""
    ran = subprocess.run([*VERIFIER, *words, "--json"], capture_output=True, check=False)
    said = ran.stderr.decode(errors="replace").splitlines()[:_MAX_LINES]
    complaint = "; ".join(" ".join(line.split()) for line in said)
    if ran.returncode == _FALSE:
        raise BadEvidence(
            f"the log is false: {complaint}",
            hint="sign nothing; keep a copy of it, and tell the other custodians",
        )
    if ran.returncode != _VERIFIED:
        raise BadRequest(
            f"the verifier gave no verdict: {complaint}", hint="mend it and run the command again"
        )
    try:
        report: dict[str, Any] = json.loads(ran.stdout)
    except ValueError as error:
        raise _not_understood() from error
    if report.get("verdict") != "verified":
        raise _not_understood()
    return report


def _read(report: dict[str, Any]) -> Audited:
    if report.get("epoch") is None:
        raise BadRequest(
            "the log has no epoch yet", hint="`counterfoil checkpoint DIR` there makes one"
        )
    try:
        if report["whole"] is not True:
            raise ValueError("not all of the log")
        epoch, size = report["epoch"], TreeSize(_number(report["size"]))
        return Audited(
            Checkpoint(str(report["log"]), size, Hash(bytes.fromhex(report["root"]))),
            str(report["checkpoint"]).encode(),
            _number(report["newest_ms"]),
            _number(epoch["covered"]),
            _number(epoch["received_ms"]),
            frozenset(bytes.fromhex(key) for key in report["custodian_keys"]),
            frozenset(map(str, report["custodians"])),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise _not_understood() from error


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no number")
    return value


def _not_understood() -> LedgerFault:
    return LedgerFault(
        "the verifier's report is not as this version expects it",
        hint="run both commands of one installation",
    )
