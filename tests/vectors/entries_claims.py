"""Cases for claims: good ones, and one mutation each."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ledger.wire.batch import BatchBody
from ledger.wire.claim import BUILT_KINDS, CLAIM_SIZE, Claim, Kind
from ledger.wire.erasure import EraseRecord
from ledger.wire.ids import ZERO_HASH, Hash
from tests.vectors.entries_changes import enrol_body, revoke_body, trust_body
from tests.vectors.entries_epoch import epoch_of
from tests.vectors.entries_registry import genesis_body, succession_body
from tests.vectors.entries_world import (
    CLINIC,
    DAY_MS,
    GOVERNOR,
    LOG_CHAIN,
    ORIGIN_HASH,
    PERSON,
    START_MS,
    cases,
    entry_id,
    patched,
)
from tests.vectors.tree_keys import seed

LOG: Final = Hash(seed("claim: log"))
MEMBER: Final = bytes([2])
RECORD: Final = Claim(
    Kind.RECORD,
    LOG,
    PERSON,
    CLINIC.id,
    entry_id(START_MS, "claim"),
    START_MS - DAY_MS,
    Hash(seed("claim: blob")),
    1024,
)


def _body(kind: Kind) -> bytes:
    if kind is Kind.GENESIS:
        return genesis_body()
    if kind is Kind.ACTOR:
        return enrol_body()
    if kind is Kind.TRUST:
        return trust_body()
    if kind is Kind.SUCCESSION:
        return succession_body()
    if kind is Kind.ERASURE:
        return EraseRecord().encode()
    if kind is Kind.BATCH:
        return BatchBody(Kind.RECORD, 3, Hash(seed("claim: root"))).encode()
    if kind is Kind.EPOCH:
        return epoch_of(300).encode()
    return b""


def good_claims() -> dict[str, bytes]:
    """A claim of every kind that is read now, and the edges of the fields."""
    amended = Hash(seed("claim: amended"))
    amend = replace(RECORD, kind=Kind.AMEND, amended=amended)
    bare = replace(RECORD, blob_hash=ZERO_HASH, blob_size=0)
    genesis = replace(bare, kind=Kind.GENESIS, log=ORIGIN_HASH, chain=LOG_CHAIN, author=GOVERNOR.id)
    claims = {
        "record": RECORD,
        "genesis": replace(genesis, body=_body(Kind.GENESIS)),
        "enrol": replace(bare, kind=Kind.ACTOR, author=GOVERNOR.id, body=enrol_body()),
        "enrol-with-name": replace(RECORD, kind=Kind.ACTOR, author=GOVERNOR.id, body=enrol_body()),
        "revoke": replace(bare, kind=Kind.ACTOR, author=GOVERNOR.id, body=revoke_body()),
        "trust": replace(genesis, kind=Kind.TRUST, log=LOG, body=_body(Kind.TRUST)),
        "succession": replace(genesis, kind=Kind.SUCCESSION, body=_body(Kind.SUCCESSION)),
        "erasure": replace(bare, kind=Kind.ERASURE, body=_body(Kind.ERASURE)),
        "erasure-with-reason": replace(RECORD, kind=Kind.ERASURE, body=_body(Kind.ERASURE)),
        "unlink": replace(amend, kind=Kind.UNLINK),
        "open": replace(RECORD, kind=Kind.OPEN),
        "amend": amend,
        "retract": replace(amend, kind=Kind.RETRACT),
        "link": replace(RECORD, kind=Kind.LINK),
        "access": replace(RECORD, kind=Kind.ACCESS),
        "batch": replace(bare, kind=Kind.BATCH, body=_body(Kind.BATCH)),
        "epoch": replace(bare, kind=Kind.EPOCH, body=_body(Kind.EPOCH)),
        "authored-0": replace(RECORD, authored_ms=0),
        "authored-2-to-the-53-less-1": replace(RECORD, authored_ms=2**53 - 1),
        "expires": replace(RECORD, expires_ms=START_MS + DAY_MS),
        "blob-of-1-byte": replace(RECORD, blob_size=1),
        "blob-of-17-mib": replace(RECORD, blob_size=17 * 1024 * 1024),
        "entry-id-of-the-year-10889": replace(RECORD, entry_id=entry_id(2**48 - 1, "claim")),
    }
    return {name: claim.encode() for name, claim in claims.items()}


def bad_claims() -> dict[str, bytes]:
    """One mutation each."""
    good = good_claims()
    record, batch, actor = good["record"], good["batch"], good["enrol"]
    kinds = {0, *range(20, 22), 255} | {kind for kind in Kind if kind not in BUILT_KINDS}
    with_kind = {f"kind-{int(kind)}": patched(record, 1, bytes([kind])) for kind in sorted(kinds)}
    without_blob = {
        f"{name}-without-blob": patched(good[name], 90, bytes(40))
        for name in ("open", "record", "amend", "retract", "link", "unlink", "access")
    }
    with_amended = {
        f"{name}-with-amended": patched(good[name], 138, seed("claim: amended"))
        for name in _NEVER_AMENDING
    }
    with_body = {
        f"{name}-with-body": good[name] + b"\x00"
        for name in ("open", "record", "amend", "retract", "link", "unlink", "access")
    }
    without_body = {
        f"{name}-without-body": good[name][:CLAIM_SIZE]
        for name in ("genesis", "succession", "trust", "enrol", "erasure", "batch", "epoch")
    }
    blob = record[90:130]
    return {
        "empty": b"",
        "last-byte-missing": record[:-1],
        "version-0": patched(record, 0, b"\x00"),
        "version-2": patched(record, 0, b"\x02"),
        **with_kind,
        "entry-id-version-4": patched(record, 72, bytes([record[72] & 0x0F | 0x40])),
        "entry-id-variant-0": patched(record, 74, bytes([record[74] & 0x3F])),
        "entry-id-variant-3": patched(record, 74, bytes([record[74] | 0xC0])),
        "entry-id-zero": patched(record, 66, bytes(16)),
        "authored-2-to-the-53": patched(record, 82, (2**53).to_bytes(8, "big")),
        "authored-2-to-the-64-less-1": patched(record, 82, b"\xff" * 8),
        "expires-2-to-the-53": patched(record, 130, (2**53).to_bytes(8, "big")),
        "blob-hash-without-size": patched(record, 122, bytes(8)),
        "blob-size-without-hash": patched(record, 90, bytes(32)),
        "blob-of-17-mib-and-1": patched(record, 122, (17 * 1024 * 1024 + 1).to_bytes(8, "big")),
        "blob-of-2-to-the-63": patched(record, 122, (2**63).to_bytes(8, "big")),
        **without_blob,
        "genesis-with-blob": patched(good["genesis"], 90, blob),
        "succession-with-blob": patched(good["succession"], 90, blob),
        "trust-with-blob": patched(good["trust"], 90, blob),
        "batch-with-blob": patched(batch, 90, blob),
        "epoch-with-blob": patched(good["epoch"], 90, blob),
        "unlink-without-amended": patched(good["unlink"], 138, bytes(32)),
        "amend-without-amended": patched(good["amend"], 138, bytes(32)),
        "retract-without-amended": patched(good["retract"], 138, bytes(32)),
        **with_amended,
        **with_body,
        **without_body,
        "actor-as-record": patched(actor, 1, bytes([Kind.RECORD])),
    }


_NEVER_AMENDING: Final = (
    *("genesis", "succession", "trust", "enrol", "open", "record", "link", "access"),
    *("erasure", "batch", "epoch"),
)


def claim_vectors() -> dict[str, object]:
    """Claims by themselves."""
    return {
        "about": "claims in hex; valid: one claim alone breaks no rule (its body is not looked at)",
        "cases": cases("claim", good_claims(), bad_claims()),
    }
