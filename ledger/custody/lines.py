"""A custodian's or witness's line, put on the published checkpoint.

What a cosigner hands over is a note: the checkpoint's text and its line. The line is taken when it
is by a key that the registry has for cosigning, not ended at the checkpoint's size, and verifies.
A newer line of the same key replaces the one that is there.
"""

from __future__ import annotations

from typing import Final

from ledger.custody.cosigners import cosigned
from ledger.errors import BadEvidence, BadRequest
from ledger.identity import Registry
from ledger.identity.bodies import CUSTODIAN
from ledger.wire.checkpoint import checkpoint_verifier, parse_checkpoint
from ledger.wire.lines import encode_base64
from ledger.wire.note import MAX_SIGNATURES, Signature, line_prefix, parse_note

_FRESH: Final = "ask for a signature on the newest published checkpoint"


def is_on(cosignature: bytes, note: bytes) -> bool:
    """Whether a cosigner's note is on this checkpoint. Raises BadRequest."""
    return parse_note(cosignature).text == parse_note(note).text


def with_lines(note: bytes, cosignature: bytes, registry: Registry) -> bytes:
    """The published checkpoint with the lines of a cosigner's note. Raises BadRequest or
    BadEvidence.
    """
    ours, theirs = parse_note(note), parse_note(cosignature)
    if theirs.text != ours.text:
        raise BadRequest("the cosignature is on another checkpoint", hint=_FRESH)
    size = parse_checkpoint(ours.text).size
    lines = list(cosigned(registry, theirs.signatures))
    if not lines:
        raise BadRequest(
            "the cosignature is by no key that this log has registered for it",
            hint="enrol the cosigner with `counterfoil enrol DIR NAME --role custodian`",
        )
    for line in lines:
        if not line.stands_at(size):
            raise BadRequest(
                f"the key of {line.vkey.name} is not registered at {size} entries, or has ended",
                hint=_FRESH,
            )
        if not checkpoint_verifier(str(line.vkey)).verify(ours.text, line.signature.signature):
            raise BadEvidence(
                f"cosignature of {line.vkey.name}",
                expected="a signature on this checkpoint",
                found="one that does not verify",
            )
    new = {(line.signature.name, line.signature.key_id) for line in lines}
    if len(new) < len(lines):
        raise BadRequest("the cosignature has two lines of one key", hint=_FRESH)
    kept = [one for one in ours.signatures if (one.name, one.key_id) not in new]
    signatures = [*kept, *(line.signature for line in lines)]
    if len(signatures) > MAX_SIGNATURES:
        raise BadRequest(f"a checkpoint has at most {MAX_SIGNATURES} signature lines")
    return ours.text + b"\n" + b"".join(map(_rendered, signatures))


def custodian_signed(note: bytes, registry: Registry) -> bool:
    """Whether a checkpoint has a line by a custodian's key."""
    return any(cosigned(registry, parse_note(note).signatures, (CUSTODIAN,)))


def _rendered(signature: Signature) -> bytes:
    blob = encode_base64(signature.key_id + signature.signature)
    return line_prefix(signature.name) + blob + b"\n"
