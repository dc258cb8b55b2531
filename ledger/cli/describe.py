"""What an entry says about itself, in words and as JSON: never its content."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.cli.terminal import Json, when
from ledger.heads import ChainType
from ledger.merkle import leaf_hash
from ledger.reader import Entry
from ledger.wire.ids import ZERO_HASH, ActorId, Position


def as_object(entry: Entry, known: Mapping[ActorId, str]) -> dict[str, Json]:
    """For a program."""
    leaf, claim = entry.leaf, entry.leaf.claim
    return {
        "index": entry.index,
        "back": entry.back,
        "kind": claim.kind.name.lower(),
        "chain": claim.chain.hex(),
        "seq": leaf.seq,
        "prev_index": leaf.prev_index if leaf.seq else None,
        "author": claim.author.hex(),
        "author_name": known.get(claim.author),
        "entry_id": claim.entry_id.hex(),
        "authored_ms": claim.authored_ms,
        "received_ms": leaf.received_ms,
        "expires_ms": claim.expires_ms or None,
        "amended": None if claim.amended == ZERO_HASH else claim.amended.hex(),
        "batch_index": leaf.batch_index if leaf.is_member else None,
        "leaf_bytes": len(entry.raw),
        "leaf_hash": leaf_hash(entry.raw).hex(),
        "sealed_bytes": claim.blob_size,
        "sealed_hash": claim.blob_hash.hex() if claim.blob_size else None,
    }


def place_fields(place: Position) -> dict[str, Json]:
    """Where an entry stands, as two fields."""
    return {"index": place.at, "back": place.back}


def _previous(entry: Entry) -> str:
    before = f"entry {entry.leaf.prev_index}"
    return f"{before} of an earlier log" if entry.leaf.continues else before


def as_lines(
    entry: Entry,
    kind: ChainType,
    known: Mapping[ActorId, str],
    contested_since: Position | None = None,
) -> list[str]:
    """For a person."""
    leaf, claim = entry.leaf, entry.leaf.claim
    author = known.get(claim.author)
    rows = [
        ("index", str(entry.position)),
        ("kind", claim.kind.name.lower()),
        ("chain", f"{claim.chain.hex()} ({kind.name.lower()})"),
        ("seq", f"{leaf.seq}" + (f", after {_previous(entry)}" if leaf.seq else "")),
        ("author", claim.author.hex() + (f" ({author})" if author else "")),
        ("authored", f"{when(claim.authored_ms)} (the author's word)"),
        ("received", f"{when(leaf.received_ms)} (the log's word)"),
        ("leaf", f"{len(entry.raw)} bytes, hash {leaf_hash(entry.raw).hex()}"),
    ]
    if leaf.is_member:
        rows.append(("batch", f"entry {leaf.batch_index}, position {leaf.position}"))
    if claim.amended != ZERO_HASH:
        rows.append(("amends", f"the entry with hash {claim.amended.hex()}"))
    if claim.blob_size:
        rows.append(("sealed", f"{claim.blob_size} bytes, hash {claim.blob_hash.hex()}"))
    if contested_since is not None:
        rows.append(("contested", f"since entry {contested_since}: who signed this is in doubt"))
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {text}" for name, text in rows]
