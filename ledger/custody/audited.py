"""What the verifier found out about a log, asked as a program of its own.

A custodian signs what was recomputed by code that shares nothing with the ledger's, so this runs
`counterfoil-verify` and reads its JSON. What is missing or of another type there counts as not
checked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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
    newest_ms: int
    """received_ms of the newest leaf."""
    epoch_upto: int
    """E of the newest epoch, and the time of its leaf."""
    epoch_ms: int
    custodians: frozenset[bytes]
    """Public keys that are registered for use custodian, and not ended."""
    signed: frozenset[str]
    """Names of the policy's custodians whose lines are on the checkpoint."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a log is read, and what lies beside it: as `counterfoil-verify log` takes them."""

    place: str
    predecessors: Sequence[str] = ()


def policy_with(text: str, vkey: VerifierKey) -> str:
    """A policy's text that names this custodian too, so that its line on the checkpoint counts."""
    line = f"custodian {vkey}\n"
    return text if line in text.splitlines(keepends=True) else text + line


def audit(source: Source, policy: str) -> Audited:
    """Verify a whole log under a policy's text. Raises BadEvidence when it is false, BadRequest
    when there is no verdict.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".policy", encoding="utf-8") as file:
        file.write(policy)
        file.flush()
        words = [*VERIFIER, "log", source.place, "--json", "--policy", file.name]
        for place in source.predecessors:
            words += ["--predecessor", place]
        ran = subprocess.run(words, capture_output=True, check=False)
    complaint = ran.stderr.decode(errors="replace").strip().splitlines()[:_MAX_LINES]
    if ran.returncode == _FALSE:
        raise BadEvidence(
            "the log is false: " + "; ".join(complaint),
            hint="sign nothing; keep a copy of it, and tell the other custodians",
        )
    if ran.returncode != _VERIFIED:
        raise BadRequest(
            "the log could not be verified: " + "; ".join(complaint),
            hint="this is no verdict: mend it and run the command again",
        )
    return _read(ran.stdout)


def _read(output: bytes) -> Audited:
    try:
        document = json.loads(output)
        epoch = document["epoch"]
        return Audited(
            Checkpoint(
                str(document["log"]),
                TreeSize(_number(document["size"])),
                Hash(bytes.fromhex(document["root"])),
            ),
            _number(document["newest_ms"]),
            _number(epoch["upto"]),
            _number(epoch["received_ms"]),
            frozenset(bytes.fromhex(key) for key in document["custodian_keys"]),
            frozenset(str(one["name"]) for one in document["custodians"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LedgerFault(
            "the verifier's report is not as this version expects it",
            hint="run both commands of one installation",
        ) from error


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no number")
    return value
