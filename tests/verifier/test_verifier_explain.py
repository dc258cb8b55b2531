"""`explain`: every kind of object, its kind found out, and where each field stands."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.evidencemaker import ENTRY, HISTORY, prove
from tests.verifier.evidenceworld import GUARD, World
from tests.verifier.formats import bundle
from tests.verifier.heads import claim_of
from tests.verifier.logmaker import new_governor
from verifier.cli import main
from verifier.errors import BadArgument, NotVerified
from verifier.explain import KINDS, explain
from verifier.explain.fields import Field

Capture = pytest.CaptureFixture[str]
WORLD = World(governors=3)
NEXT = WORLD.succeed("next", [new_governor("next")])
SIZE = len(WORLD.leaves)
POLICY = "".join(f"log {vkey}\n" for vkey in WORLD.vkeys) + f"# who\ncustodian {GUARD.ed_vkey}\n"

OBJECTS: dict[str, bytes] = {
    "evidence": prove([WORLD], HISTORY, WORLD.person, custodians=(GUARD,)).render(),
    "proof": WORLD.proof(5, extra=WORLD.leaves[5]),
    "succession": NEXT.succession_file(15, WORLD),
    "policy": POLICY.encode(),
    "vkey": WORLD.keys.ml_vkey.encode(),
    "checkpoint": WORLD.checkpoint() + GUARD.line("em", WORLD.origin, SIZE, WORLD.root()),
    "note": b"This is a note\n\n" + WORLD.keys.ed_line("This is a note\n").encode(),
    "leaf": WORLD.leaves[5],
    "statement": WORLD.leaves[WORLD.epoch][57:],
    "claim": claim_of(WORLD.leaves[5]),
    "bundle": bundle(WORLD.leaves),
    "epoch": claim_of(WORLD.leaves[WORLD.epoch])[170:],
    "tile": b"".join(WORLD.hashes),
}


def own(fields: list[Field], depth: int = 0) -> list[Field]:
    return [field for field in fields if field.depth == depth and not field.decoded]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_found_out(kind: str) -> None:
    raw = OBJECTS[kind]
    found, fields = explain(raw, None)
    assert found == kind
    assert explain(raw, kind) == (kind, fields)
    for field in fields:
        assert 0 <= field.start <= field.end
        assert field.decoded or field.end <= len(raw)


@pytest.mark.parametrize("kind", ["leaf", "statement", "claim", "bundle", "epoch", "tile"])
def test_fields_leave_no_gap(kind: str) -> None:
    for raw in [OBJECTS[kind]] if kind != "leaf" else [*WORLD.leaves, NEXT.leaves[0]]:
        fields = own(explain(raw, kind)[1])
        assert [field.start for field in fields] == [0, *(field.end for field in fields[:-1])]
        assert fields[-1].end == len(raw)


@pytest.mark.parametrize("raw", [*WORLD.leaves, *NEXT.leaves])
def test_what_is_in_a_leaf_stands_where_it_says(raw: bytes) -> None:
    fields = {field.name: field for field in explain(raw, "leaf")[1]}
    claim = claim_of(raw)
    for name, expected in (("log", claim[2:34]), ("chain", claim[34:50]), ("author", claim[50:66])):
        field = fields[name]
        assert raw[field.start : field.end] == expected
        assert field.value == expected.hex()


def test_an_evidence_file_of_all_shapes() -> None:
    file = prove([WORLD], ENTRY, WORLD.person, WORLD.members[0])
    file.disclosure = b"\x01" + bytes(32) + b"\0\0\0\x05" + b"12345"
    fields = explain(file.render(), None)[1]
    names = [field.name for field in fields]
    assert f"hashes to the root of batch {WORLD.members[0] - 1}" in names
    assert fields[-1].value == "5 bytes"
    leaves = [field for field in fields if field.name.startswith("leaf ")]
    raw = file.render()
    assert [raw[one.start : one.end] for one in leaves] == [
        leaf for _, leaf in file.parts[0].leaves
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-1], lambda raw: raw + b"\0" * 7, lambda raw: b"\xff" + raw[1:]]
)
def test_what_is_out_of_form_is_not_shown(kind: str, change: Callable[[bytes], bytes]) -> None:
    raw = change(OBJECTS[kind])
    if kind == "tile" and len(raw) % 32 == 0:
        return
    if kind == "policy" and raw.startswith(b"\xffog"):
        raw = b"L" + raw[1:]
    with pytest.raises(NotVerified):
        explain(raw, kind)


@given(st.binary(max_size=300), st.sampled_from([None, *KINDS]))
def test_any_bytes(raw: bytes, kind: str | None) -> None:
    with contextlib.suppress(NotVerified, BadArgument):
        assert explain(raw, kind)[1] is not None


def test_the_command(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "object"
    path.write_bytes(OBJECTS["checkpoint"])
    assert main(["explain", str(path)]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == f"not verified: checkpoint, {len(OBJECTS['checkpoint'])} bytes"
    assert second == '        0      19  origin: "log.example.com/one"'
    assert main(["explain", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["kind"]) == ("not verified", "checkpoint")
    assert said["fields"][1]["name"] == "size"
    assert main(["explain", str(path), "--as", "leaf"]) == 1
    out, err = capsys.readouterr()
    assert out == "false: this is no leaf\n"
    assert err.startswith("not verified: ")
    path.write_bytes(b"anything")
    assert main(["explain", str(path)]) == 2
    assert main(["explain", str(tmp_path / "nothing")]) == 3
