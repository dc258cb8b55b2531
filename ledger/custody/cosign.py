"""Whether a custodian signs a checkpoint (docs/spec/custody.md), and the note it hands out.

The verifier has checked the whole log (1). What is left is here: the log continues what this key
signed before (2), its newest epoch is not far behind (3), the key is registered for it (4). The
size and root are written down and synced before the signature exists outside this process.
"""

from __future__ import annotations

from typing import Final

from ledger.custody.audited import Audited, Source
from ledger.custody.cosigners import Cosigner
from ledger.custody.notes import Notes, opened
from ledger.errors import BadEvidence, BadRequest
from ledger.wire.checkpoint import Checkpoint

EPOCH_LEAVES: Final = 8_192
EPOCH_MS: Final = 600_000


def cosign(
    source: Source, cosigner: Cosigner, notes: Notes, unix_seconds: int, *, begin: bool = False
) -> tuple[Checkpoint, bytes]:
    """Verify a log and sign its checkpoint: the checkpoint's text with this custodian's line.

    ``begin``: the notes know nothing of this log because nothing of it was signed yet. Raises
    BadRequest or BadEvidence for a checkpoint that is not signed; then nothing was written.
    """
    audited = source.audit()
    checkpoint, known = audited.checkpoint, notes.newest(audited.checkpoint.origin)
    check_begin(begin, known)
    check_notes(checkpoint, known, cosigner.vkey.name in audited.signed)
    if known is not None:
        source.check_continues(known, audited)
    check_epoch(audited)
    if cosigner.vkey.public_key not in audited.custodians:
        raise BadRequest(
            "the log has not registered this key for use custodian, or it has ended",
            hint="the governors enrol a custodian with `counterfoil enrol --role custodian`",
        )
    notes.write(audited.note)
    return checkpoint, checkpoint.text() + b"\n" + cosigner.line(checkpoint, unix_seconds)


def check_begin(begin: bool, known: bytes | None) -> None:
    """Whether the notes are those of this log. Raises BadRequest."""
    if begin and known is not None:
        raise BadRequest("the notes know this log already", hint="leave --begin out")
    if not begin and known is None:
        raise BadRequest(
            "the notes know nothing of this log",
            hint="name the directory with the notes; add --begin if this key never signed this log",
        )


def check_notes(checkpoint: Checkpoint, known: bytes | None, signed: bool) -> None:
    """Whether the notes are the newest, and the log is no older than they are. Raises BadRequest or
    BadEvidence.
    """
    before = None if known is None else opened(known)
    size = 0 if before is None else before.size
    if signed and size < checkpoint.size:
        # Our own signature is proof of what we signed; notes that do not know it are an old copy.
        raise BadRequest(
            f"this key has signed {checkpoint.size} entries already, and the notes know of {size}",
            hint="the notes are stale: restore their newest copy, or have a new key enrolled",
        )
    if checkpoint.size < size:
        raise BadRequest(
            f"this key has signed {size} entries, and the log shows {checkpoint.size}",
            hint="it is an old copy, or was rolled back: compare with other custodians",
        )
    if before is not None and checkpoint.size == size and checkpoint.root != before.root:
        raise BadEvidence(
            f"root at size {size}",
            expected=before.root.hex(),
            found=checkpoint.root.hex(),
            hint="the log was forked: keep both checkpoints",
        )


def check_epoch(audited: Audited) -> None:
    """Whether the newest epoch is not far behind. Raises BadRequest."""
    behind = audited.checkpoint.size - audited.epoch_upto
    age = audited.newest_ms - audited.epoch_ms
    if behind > EPOCH_LEAVES and age >= EPOCH_MS:
        raise BadRequest(
            f"the newest epoch leaves out the last {behind} entries, and is {age // 1000} s older "
            "than the newest",
            hint="the log is to make an epoch: `counterfoil checkpoint DIR` there",
        )
