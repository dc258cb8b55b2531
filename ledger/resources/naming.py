"""Public ids of resources: where the first entry of a document stands.

    id = the first 8 hex digits of the log's id ‖ "-" ‖ index        1a2b3c4d-34

So every document of a log has an id, whoever brought it in, and no table of ids is kept. It names
no person; that it tells how large the log was is no secret (checkpoints are public).
"""

from __future__ import annotations

import re
from typing import Final

from ledger.reader import Reader
from ledger.wire.ids import Position

_FORM: Final = re.compile(r"([0-9a-f]{8})-(0|[1-9][0-9]{0,15})", re.ASCII)


def public_id(reader: Reader, place: Position) -> str:
    """The id of the document that begins there."""
    return f"{_prefix(reader.log_at(place.back))}-{place.at}"


def is_public_id(text: str) -> bool:
    """Whether it has the form of one."""
    return _FORM.fullmatch(text) is not None


def place_of(reader: Reader, identity: str) -> Position | None:
    """Where the entry stands that an id names; None where there is none."""
    match = _FORM.fullmatch(identity)
    if match is None:
        return None
    log: Reader | None = reader
    back = 0
    while log is not None:
        if _prefix(log) == match[1]:
            at = int(match[2])
            return Position(at, back) if at < log.checkpoint.size else None
        log, back = log.predecessor, back + 1
    return None


def _prefix(log: Reader) -> str:
    return log.registry.log.hex()[:8]
