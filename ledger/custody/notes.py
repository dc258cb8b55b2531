"""Notes: what a custodian has signed with one key, so that it never signs two histories.

    DIR/lock          held while a checkpoint is looked at and signed
    DIR/signed.json   {"key": vkey, "logs": {origin: the newest checkpoint that was signed}}
    DIR/audited/      the verifier's own, of what it has recomputed

Written and synced before a signature is handed out. A restored old copy of this directory is
dangerous and cannot be told from the newest one here: a signature of one's own on a larger
checkpoint tells it (``ledger.custody.cosign``).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger.errors import BadRequest, CounterfoilError, LedgerFault
from ledger.store.files import make_directory, open_random, replace
from ledger.wire.checkpoint import Checkpoint, parse_checkpoint
from ledger.wire.note import VerifierKey, parse_note

AUDITED: Final = "audited"
_FILE: Final = "signed.json"
_LOCK: Final = "lock"


class Notes:
    """The notes of one key. Use ``open_notes``."""

    def __init__(self, path: Path, vkey: VerifierKey, logs: dict[str, bytes]) -> None:
        self._path = path
        self._vkey = vkey
        self._logs = logs

    def newest(self, origin: str) -> bytes | None:
        """The largest checkpoint of a log that was signed, as it was published, if any was."""
        return self._logs.get(origin)

    def write(self, note: bytes) -> None:
        """Note down, durably, that a checkpoint is about to be signed. Raises BadRequest for one
        that would contradict the notes; OSError when it cannot be written.
        """
        checkpoint = opened(note)
        known = self.newest(checkpoint.origin)
        before = None if known is None else opened(known)
        if before is not None and (
            checkpoint.size < before.size
            or (checkpoint.size == before.size and checkpoint.root != before.root)
        ):
            raise BadRequest(
                f"the notes know a signature on {before.size} entries of this log",
                hint="sign nothing: compare both checkpoints with other custodians",
            )
        logs = self._logs | {checkpoint.origin: note}
        texts = {origin: one.decode() for origin, one in logs.items()}
        replace(self._path, _encode({"key": str(self._vkey), "logs": texts}))
        self._logs = logs


def opened(note: bytes) -> Checkpoint:
    """The checkpoint in a note; no signature is looked at."""
    return parse_checkpoint(parse_note(note).text)


@contextmanager
def open_notes(directory: Path, vkey: VerifierKey) -> Iterator[Notes]:
    """The notes of a key, which nobody else may use meanwhile; an empty or absent directory gives
    empty ones. Raises BadRequest for those of another key, LedgerFault for damaged ones.
    """
    if not directory.exists():
        make_directory(directory)
    handle = open_random(directory / _LOCK)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LedgerFault(
                "another process signs with these notes", hint="let it finish first"
            ) from error
        path = directory / _FILE
        yield Notes(path, vkey, _read(path, vkey) if path.exists() else {})
    finally:
        os.close(handle)


def _read(path: Path, vkey: VerifierKey) -> dict[str, bytes]:
    try:
        document = json.loads(path.read_bytes())
        key = document["key"]
        logs = {str(origin): text.encode() for origin, text in document["logs"].items()}
        sound = all(opened(note).origin == origin for origin, note in logs.items())
    except (OSError, ValueError, TypeError, KeyError, AttributeError, CounterfoilError):
        sound = False
    if not sound:
        raise LedgerFault(
            f"{path.name} cannot be read", hint="sign nothing before its newest copy is restored"
        )
    if key != str(vkey):
        raise BadRequest(
            "the notes are those of another key or name", hint="name the directory of this key"
        )
    return logs


def _encode(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
