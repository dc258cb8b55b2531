"""The view sets identity, version, time and references, and leaves every other byte alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.fhir import SourceItem, jsontext, read_file, validate
from ledger.fhir.view import view

DEMO = Path(__file__).parents[2] / "docs" / "demo"
MS = 1_795_222_800_123
WHEN = "2026-11-21T01:00:00.123Z"
META = f'"meta":{{"versionId":"3","lastUpdated":"{WHEN}"}}'


def minted(reference: str) -> str | None:
    return "Patient/m-9" if reference in ("Patient/7", "Patient/m-9") else None


def shown(text: str) -> str:
    return view(text.encode(), "m-1", 3, MS, minted).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", f'{{"id":"m-1",{META}}}'),
        ("{ \n }", f'{{"id":"m-1",{META} \n }}'),
        ('{"x":1}', f'{{"id":"m-1",{META},"x":1}}'),
        ('{"resourceType":"Basic"}', f'{{"resourceType":"Basic","id":"m-1",{META}}}'),
        (
            ' { "a" : 1.50 , "resourceType" : "Basic" , "b" : -0 } \n',
            f' {{ "a" : 1.50 , "resourceType" : "Basic","id":"m-1",{META} , "b" : -0 }} \n',
        ),
        ('{"id":"old"}', f'{{{META},"id":"m-1"}}'),
        (
            r'{"\u0069d" : "x\"y", "m\u0065ta" : {"source":"\u0041"}}',
            f'{{"\\u0069d" : "m-1", "m\\u0065ta" : {META[7:-1]},"source":"\\u0041"}}}}',
        ),
        (
            '{"id":"1","meta":{}}',
            f'{{"id":"m-1",{META}}}',
        ),
        (
            '{"id":"1","meta":{"lastUpdated" : "2000-01-01T00:00:00Z", "tag":[{"code":"t"}]}}',
            '{"id":"m-1","meta":{"versionId":"3","lastUpdated" : "'
            + WHEN
            + '", "tag":[{"code":"t"}]}}',
        ),
        ('{"id":null,"meta":null}', f'{{"id":"m-1",{META}}}'),
        ('{"meta":[{"id":"x"}],"id":"1"}', f'{{{META},"id":"m-1"}}'),
    ],
)
def test_identity(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ('"s":{"reference":"Patient/7"}', '"s":{"reference":"Patient/m-9"}'),
        ('"s":{"reference" :\t"Patient\\/7"}', '"s":{"reference" :\t"Patient/m-9"}'),
        (
            '"s":{"ref\\u0065r\\u0065nce":"Patient/7"}',
            '"s":{"ref\\u0065r\\u0065nce":"Patient/m-9"}',
        ),
        ('"s":{"\\u0072eference":"Patient/7"}', '"s":{"\\u0072eference":"Patient/m-9"}'),
        (
            '"contained":[{"id":"c","s":[{"reference":"Patient/7"}]}]',
            '"contained":[{"id":"c","s":[{"reference":"Patient/m-9"}]}]',
        ),
    ],
)
def test_references(member: str, expected: str) -> None:
    head = f'{{"resourceType":"Basic","id":"m-1",{META}'
    assert shown(f'{{"resourceType":"Basic",{member}}}') == f"{head},{expected}}}"


@pytest.mark.parametrize(
    "member",
    [
        '"s":{"reference":"#Patient/7"}',
        '"s":{"reference":"Patient\\/8"}',
        '"s":{"reference":["Patient/7"]}',
        '"s":{"Reference":"Patient/7"}',
        '"s":{"preference":"Patient/7"}',
        r'"s":{"\"reference":"Patient/7"}',
        r'"s":{"\\\"reference":"Patient/7"}',
        r'"s":"\"reference\":\"Patient/7\""',
        '"s":["reference","Patient/7"]',
        '"reference ":"Patient/7"',
    ],
)
def test_what_only_looks_like_a_reference_stays(member: str) -> None:
    assert f",{member}}}" in shown(f'{{"resourceType":"Basic",{member}}}')


def test_contained_resources_keep_their_ids_and_meta() -> None:
    contained = '"contained":[{"resourceType":"Patient","id":"p","meta":{"versionId":"8"}}]'
    assert contained in shown(f'{{"resourceType":"Basic",{contained}}}')


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b'{"id":"1","id":"2"}',
        b'{"id":"1","\\u0069d":"2"}',
        b'{"meta":{"versionId":"1","versionId":"2"}}',
        b'{"a":1} {}',
        b'{"meta":',
        b'{"meta"',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}",
    ],
)
def test_what_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        view(text, "m-1", 3, MS, minted)
    assert caught.value.hint


def expected_value(value: Any, *, top: bool = True) -> Any:
    """The slow and obvious form, over parsed values."""
    if isinstance(value, list):
        return [expected_value(item, top=False) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: expected_value(item, top=False) for name, item in value.items()}
    reference = found.get("reference")
    if isinstance(reference, str) and not reference.startswith("#"):
        found["reference"] = minted(reference) or reference
    if top:
        old = found["meta"] if isinstance(found.get("meta"), dict) else {}
        found |= {"id": "m-1", "meta": {**old, "versionId": "3", "lastUpdated": WHEN}}
    return found


NAMES = st.sampled_from(["id", "meta", "reference", "versionId", "resourceType", "x", '"', "\\"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["Patient/7", "Patient/8", "#p", '"reference":"Patient/7"', "\\", '"'])
    | st.text(max_size=4)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner), max_leaves=9
)
OBJECTS = st.dictionaries(NAMES, VALUES)


def with_escapes(text: str, draw: st.DataObject) -> str:
    """The same JSON with some letters of its strings written as escapes."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', text)
    return "".join(
        f'"{escaped_inside(part[1:-1], draw)}"' if part.startswith('"') else part for part in parts
    )


def escaped_inside(inside: str, draw: st.DataObject) -> str:
    chosen = draw.draw(st.sets(st.sampled_from("referncidmtap/7"), max_size=4))
    return re.sub(
        r"\\u....|\\.|.",
        lambda char: f"\\u{ord(char[0]):04X}" if char[0] in chosen else char[0],
        inside,
        flags=re.DOTALL,
    )


@settings(deadline=None, max_examples=400)
@given(OBJECTS, st.sampled_from([None, 1, "\t"]), st.booleans(), st.data())
def test_the_view_reads_as_the_text_but_for_what_is_set(
    value: dict[str, Any], indent: int | str | None, plain: bool, data: st.DataObject
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=not plain)
    text = with_escapes(text, data)
    assert json.loads(text) == value
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    once = view(raw, "m-1", 3, MS, minted)
    assert json.loads(once) == expected_value(value)
    assert view(once, "m-1", 3, MS, minted) == once


def test_with_the_places_cut_out_the_bytes_of_all_demo_resources_are_the_authors() -> None:
    seen = 0
    for path in sorted(DEMO.glob("*.ndjson")):
        for item in read_file(path):
            assert isinstance(item, SourceItem)
            raw = item.raw
            parsed = validate(raw).parsed
            asked: list[str] = []

            def rewrite(reference: str, asked: list[str] = asked) -> str:
                asked.append(reference)
                return f"Minted/{len(asked)}"

            after = view(raw, "m-1", 3, MS, rewrite)
            # Undone piece by piece, it is the author's text again.
            for number, reference in enumerate(asked, 1):
                after = after.replace(
                    f'"Minted/{number}"'.encode(), json.dumps(reference).encode(), 1
                )
            identity = json.dumps(parsed["id"]).encode()
            after = after.replace(b'"m-1"', identity, 1)
            after = after.replace(b"," + META.encode(), b"", 1)
            for name, value in (("versionId", "3"), ("lastUpdated", WHEN)):
                old = parsed.get("meta", {}).get(name)
                if old is None:
                    after = after.replace(f'"{name}":"{value}",'.encode(), b"", 1)
                else:
                    after = after.replace(f'"{value}"'.encode(), f'"{old}"'.encode(), 1)
            assert after == raw
            seen += len(asked)
    assert seen > 100


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_any_byte_changed_is_shown_or_refused(data: st.DataObject) -> None:
    raw = bytearray(
        rb'{"resourceType":"Basic","id":"x","meta":{"tag":[{}]},"s":{"r\u0065ference":"Patient/7"}}'
    )
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        after = view(bytes(raw), "m-1", 3, MS, minted)
    except BadRequest:
        return
    assert json.loads(after)["id"] == "m-1"


@settings(deadline=None)
@given(st.binary(max_size=40) | st.text('{}[]":,\\reference 7', max_size=60).map(str.encode))
def test_any_text_is_shown_or_refused(raw: bytes) -> None:
    try:
        after = view(raw, "m-1", 3, MS, minted)
    except BadRequest:
        return
    assert isinstance(jsontext.decode(after), str)
    assert json.loads(after)["meta"]["versionId"] == "3"
