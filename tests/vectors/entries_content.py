"""Sealed headers, and contents of links, as maps: nothing of ``ledger.record`` is used."""

from __future__ import annotations

from typing import Final

from ledger.wire import cbor
from tests.vectors.tree_keys import seed

_TYPE: Final[dict[str, cbor.Value]] = {"type": "text/plain"}
_ACTOR: Final = seed("content: actor")[:16]
_LEAF: Final = seed("content: leaf")
_RECORD: Final = seed("content: record")[:16]

_GOOD_HEADERS: Final[dict[str, dict[str, cbor.Value]]] = {
    "type-only": _TYPE,
    "draft": {**_TYPE, "state": "unapproved", "approve-after": 86_400_000, "machine": "scribe 2.1"},
    "approval": {"type": "application/cbor", "content": "kept", "state": "approved"},
    "sharing": {"type": "application/cbor", "content": "kept", "shared": 1},
    "amendment": {**_TYPE, "reason": "two digits were exchanged", "on-behalf-of": _ACTOR},
    "deliberation": {**_TYPE, "kind": "deliberation", "shared": 0, "labels": ["ward", "病棟"]},
    "device": {**_TYPE, "kind": "person-obtained", "source": "device"},
    "moved": {**_TYPE, "moved-from": _LEAF, "first-author": _ACTOR, "file": "a.ndjson line 3"},
    "moved-away": {"type": "application/cbor", "reason": "another patient", "moved-away": 1},
    "access": {"type": "application/cbor", "purpose": "TREAT", "entries": [_LEAF]},
    "a-field-of-later": {**_TYPE, "later": [1]},
}
_BAD_HEADERS: Final[dict[str, dict[str, cbor.Value]]] = {
    "no-type": {"reason": "x"},
    "empty-reason": {**_TYPE, "reason": ""},
    "long-reason": {**_TYPE, "reason": "x" * 2_001},
    "actor-of-15-bytes": {**_TYPE, "on-behalf-of": _ACTOR[:15]},
    "unknown-source": {**_TYPE, "source": "rumour"},
    "unknown-kind": {**_TYPE, "kind": "record"},
    "unknown-state": {**_TYPE, "state": "final"},
    "unknown-content": {**_TYPE, "content": "new"},
    "approve-after-without-state": {**_TYPE, "approve-after": 1},
    "approve-after-of-an-approved-one": {**_TYPE, "state": "approved", "approve-after": 1},
    "approve-after-0": {**_TYPE, "state": "unapproved", "approve-after": 0},
    "shared-2": {**_TYPE, "shared": 2},
    "moved-away-0": {**_TYPE, "moved-away": 0},
    "first-author-alone": {**_TYPE, "first-author": _ACTOR},
    "label-twice": {**_TYPE, "labels": ["a", "a"]},
    "33-labels": {**_TYPE, "labels": [str(number) for number in range(33)]},
    "label-of-101-bytes": {**_TYPE, "labels": ["x" * 101]},
    "no-labels": {**_TYPE, "labels": []},
    "no-entries": {**_TYPE, "entries": []},
    "entry-of-31-bytes": {**_TYPE, "entries": [_LEAF[:31]]},
}
_GOOD_LINKS: Final[dict[str, dict[str, cbor.Value]]] = {
    "identifier": {"system": "urn:oid:1.2.392.100495.20.3.51.1310000001", "value": "12345"},
    "record": {"record": _RECORD},
}
_BAD_LINKS: Final[dict[str, dict[str, cbor.Value]]] = {
    "nothing": {},
    "no-value": {"system": "urn:x"},
    "value-is-a-number": {"system": "urn:x", "value": 1},
    "record-of-15-bytes": {"record": _RECORD[:15]},
    "both": {"system": "urn:x", "value": "1", "record": _RECORD},
    "one-field-more": {"record": _RECORD, "note": "x"},
}


def content_vectors() -> dict[str, object]:
    """``headers`` and ``links``, each a list of cases."""
    return {
        "about": "CBOR in hex: headers of sealed blobs, contents of link and unlink entries",
        "headers": _cases(_GOOD_HEADERS, _BAD_HEADERS),
        "links": _cases(_GOOD_LINKS, _BAD_LINKS),
    }


def _cases(
    good: dict[str, dict[str, cbor.Value]], bad: dict[str, dict[str, cbor.Value]]
) -> list[dict[str, object]]:
    return [
        {"name": name, "cbor": cbor.encode(fields).hex(), "valid": valid}
        for valid, cases in ((True, good), (False, bad))
        for name, fields in cases.items()
    ]
