"""The sealed header: what it may say, strictly."""

import pytest

from ledger.errors import BadRequest
from ledger.record.contents import LinkedIdentifier, LinkedRecord, decode_linked
from ledger.record.header import Header, RecordKind, Source, State, decode_header
from ledger.wire import cbor
from ledger.wire.ids import ActorId, ChainId, Hash

TYPE = {"type": "text/plain"}
FULL = Header(
    "text/plain",
    reason="訂正",
    on_behalf_of=ActorId(b"a" * 16),
    machine="scribe 2.1",
    source=Source.DEVICE,
    kind=RecordKind.DELIBERATION,
    labels=("home", "自宅"),
    state=State.UNAPPROVED,
    approve_after_ms=1,
    shared=False,
    keeps_content=True,
    moved_from=Hash(b"h" * 32),
    first_author=ActorId(b"f" * 16),
    moved_away=True,
    file="hospital.ndjson line 3",
    purpose="TREAT",
    entries=(Hash(b"e" * 32),),
    unknown={"later": 7},
)


@pytest.mark.parametrize("header", [FULL, Header("text/plain"), Header("a/b", shared=True)])
def test_a_header_comes_back_as_it_was(header: Header) -> None:
    encoded = cbor.encode(header.encode())
    assert decode_header(cbor.decode_map(encoded)) == header


def test_unknown_fields_are_kept_and_never_stand_for_known_ones() -> None:
    header = decode_header({**TYPE, "later": [1], "State": "approved"})
    assert header.unknown == {"later": [1], "State": "approved"}
    assert header.state is None
    assert (
        Header("a/b", unknown={"state": "approved"}).encode()
        == {
            "type": "a/b",
            "state": "approved",
        }
        or decode_header({"type": "a/b"}).state is None
    )


WRONG: dict[str, list[object]] = {
    "type": ["", 5],
    "reason": ["", b"bytes", "x" * 2_001, "あ" * 667],
    "on-behalf-of": [b"short", "x" * 16, b"x" * 17],
    "machine": ["", 1],
    "source": ["clinic", "CLINICAL", "", 1, [], {}],
    "kind": ["record", 0],
    "labels": [[], ["a", "a"], [""], ["x" * 101], [1], "a", [f"{n}" for n in range(33)]],
    "state": ["final", "automatically approved", 1],
    "approve-after": [0, -1, "1"],
    "shared": [2, -1, "1", b"\1"],
    "content": ["new", 1, ""],
    "moved-from": [b"h" * 31, "h" * 32],
    "first-author": [b"f" * 15],
    "moved-away": [0, 2, "1"],
    "file": ["", 3],
    "purpose": ["", 3],
    "entries": [[], [b"h" * 31], b"h" * 32, ["x"]],
    "request": ["", 3],
    "query": ["", b"code=x"],
    "denied": [0, 2, "1"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_known_field_is_strict(name: str, value: cbor.Decoded) -> None:
    fields: dict[str, cbor.Decoded] = {**TYPE, "state": "unapproved", "moved-from": b"h" * 32}
    with pytest.raises(BadRequest, match=f"header field {name} is malformed"):
        decode_header({**fields, name: value})


def test_fields_that_need_each_other() -> None:
    with pytest.raises(BadRequest, match="type is missing"):
        decode_header({})
    for state in ({}, {"state": "approved"}):
        with pytest.raises(BadRequest, match="approve-after"):
            decode_header({**TYPE, **state, "approve-after": 5})
    with pytest.raises(BadRequest, match="first-author"):
        decode_header({**TYPE, "first-author": b"f" * 16})
    with pytest.raises(BadRequest, match="approve-after"):
        Header("a/b", approve_after_ms=5).encode()


@pytest.mark.parametrize(
    "linked", [LinkedIdentifier("urn:x", "7"), LinkedRecord(ChainId(b"c" * 16))]
)
def test_contents_of_links(linked: LinkedIdentifier | LinkedRecord) -> None:
    assert decode_linked(linked.encode()) == linked


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"record": b"c" * 15},
        {"record": "c" * 16},
        {"system": "a"},
        {"system": "a", "value": 1},
        {"system": "a", "value": "b", "record": b"c" * 16},
        {"record": b"c" * 16, "more": 1},
    ],
)
def test_contents_of_links_are_strict(body: dict[str, cbor.Value]) -> None:
    with pytest.raises(BadRequest, match="neither an identifier nor a record"):
        decode_linked(cbor.encode(body))
