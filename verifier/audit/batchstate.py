"""What a span says about batches that reach over its ends, as it stands in its record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from verifier.audit.spans import Record
from verifier.formats.bodies import Batch
from verifier.rules.batches import Lead, Members, Opened


def batches_to_json(lead: Lead, opened: Opened | None) -> dict[str, Any]:
    return {
        "lead": [
            [
                group.first,
                group.batch_index,
                group.position,
                group.received_ms,
                group.kind,
                group.author.hex(),
                len(group.hashes),
            ]
            for group in lead.groups
        ],
        "lead_ended_at": lead.ended_at,
        "opened": None
        if opened is None
        else [
            opened.index,
            opened.author.hex(),
            opened.received_ms,
            opened.batch.member_kind,
            opened.batch.count,
            opened.batch.root.hex(),
        ],
    }


def lead_of(record: Record) -> Lead:
    hashes = _hashes(record.section("lead"))
    lead = Lead(ended_at=record.header["lead_ended_at"])
    for first, batch_index, position, received_ms, kind, author, count in record.header["lead"]:
        group = Members(first, batch_index, position, received_ms, kind, bytes.fromhex(author))
        lead.groups.append(replace(group, hashes=hashes[:count]))
        del hashes[:count]
    return lead


def opened_of(record: Record) -> Opened | None:
    fields = record.header["opened"]
    if fields is None:
        return None
    index, author, received_ms, kind, count, root = fields
    batch = Batch(kind, count, bytes.fromhex(root))
    hashes = _hashes(record.section("opened"))
    return Opened(index, bytes.fromhex(author), received_ms, batch, hashes)


def _hashes(raw: bytes) -> list[bytes]:
    return [raw[at : at + 32] for at in range(0, len(raw), 32)]
