"""Cases for the bodies of erasures."""

from __future__ import annotations

from ledger.wire import cbor
from ledger.wire.erasure import Attest, EraseEntries, EraseRecord
from ledger.wire.ids import Hash
from tests.vectors.entries_world import cases
from tests.vectors.tree_keys import seed


def erasure_vectors() -> dict[str, object]:
    """Orders and attestations by themselves."""
    hashes = sorted(Hash(seed(f"erasure: leaf {at}")) for at in range(257))
    order: dict[str, cbor.Value] = {"op": "order", "scope": "entries", "entries": hashes[:2]}
    good = {
        "order": EraseEntries(tuple(hashes[:2])).encode(),
        "order-of-one": EraseEntries((hashes[0],)).encode(),
        "order-of-256": EraseEntries(tuple(hashes[:256])).encode(),
        "order-record": EraseRecord().encode(),
        "attest": Attest(hashes[0]).encode(),
    }
    attest: dict[str, cbor.Value] = {"op": "attest", "order": hashes[0]}
    bad = {
        "empty": b"",
        "no-map": cbor.encode([1]),
        "byte-added": good["order"] + b"\x00",
        "last-byte-missing": good["order"][:-1],
        "op-missing": cbor.encode({"scope": "record"}),
        "op-another": cbor.encode({**order, "op": "destroy"}),
        "op-as-bytes": cbor.encode({**order, "op": b"order"}),
        "scope-missing": cbor.encode({"op": "order"}),
        "scope-another": cbor.encode({"op": "order", "scope": "log"}),
        "scope-entries-without-entries": cbor.encode({"op": "order", "scope": "entries"}),
        "scope-record-with-entries": cbor.encode({**order, "scope": "record"}),
        "order-with-reason": cbor.encode({**order, "reason": "court"}),
        "entries-none": cbor.encode({**order, "entries": []}),
        "entries-257": cbor.encode({**order, "entries": hashes}),
        "entries-unordered": cbor.encode({**order, "entries": hashes[1::-1]}),
        "entries-twice": cbor.encode({**order, "entries": [hashes[0], hashes[0]]}),
        "entries-no-list": cbor.encode({**order, "entries": hashes[0]}),
        "entries-as-text": cbor.encode({**order, "entries": [hashes[0].hex()]}),
        "entry-of-31-bytes": cbor.encode({**order, "entries": [hashes[0][:31]]}),
        "attest-without-order": cbor.encode({"op": "attest"}),
        "attest-of-31-bytes": cbor.encode({**attest, "order": hashes[0][:31]}),
        "attest-as-text": cbor.encode({**attest, "order": hashes[0].hex()}),
        "attest-of-two": cbor.encode({**attest, "order": hashes[:2]}),
        "attest-with-scope": cbor.encode({**attest, "scope": "record"}),
    }
    return {
        "about": "bodies of erasures in hex; valid: one body alone breaks no rule",
        "cases": cases("body", good, bad),
    }
