"""Sources: which bytes of which sender are in the log already."""

from __future__ import annotations

from typing import Final

from ledger.linkage.aliases import Tagger
from ledger.wire.ids import ActorId

SOURCE: Final = b"source"


def source_tag(tag: Tagger, author: ActorId, content: bytes) -> bytes:
    """HMAC(vault key, "source" ‖ author ‖ content): the same bytes of another are another entry."""
    return tag(SOURCE, author, content)
