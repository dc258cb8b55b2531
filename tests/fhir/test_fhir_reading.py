"""Files to items: the author's bytes exactly, and what is damaged by itself, not with the rest."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.fhir import BadItem, Item, SourceItem, read_document, read_file, read_ndjson, reading

DEMO = Path(__file__).parents[2] / "docs" / "demo"
ODD = b'{ "status":"final",\t"resourceType" :"Observation","code":{"text":"\\u4f53\\u91cd \\/ x"},'
ODD += b'"valueQuantity":{"value":1.50,"unit":"kg"} , "note":[{"text":"}],\\"resource\\":{"}]}'


def lines(data: bytes) -> list[Item]:
    return list(read_ndjson(io.BytesIO(data), "f.ndjson"))


def good(items: list[Item]) -> list[bytes]:
    return [item.raw for item in items if isinstance(item, SourceItem)]


def bad(items: list[Item]) -> list[tuple[str, str]]:
    return [(str(item.source), item.reason) for item in items if isinstance(item, BadItem)]


@pytest.mark.parametrize("name", ["hospital_a", "clinic_b", "pharmacy_c"])
def test_demo_lines_come_back_byte_for_byte(name: str) -> None:
    path = DEMO / f"{name}.ndjson"
    raws = good(list(read_file(path)))
    assert b"".join(raw + b"\n" for raw in raws) == path.read_bytes()


def test_ndjson_counts_blank_lines_and_keeps_space_and_drops_only_the_line_end() -> None:
    items = lines(b"\n  {} \r\n\t\n" + ODD)
    assert good(items) == [b"  {} ", ODD]
    assert [str(item.source) for item in items] == ["f.ndjson line 2", "f.ndjson line 4"]


def test_ndjson_bad_lines_do_not_stop_the_rest() -> None:
    items = lines(b'\xef\xbb\xbf{"a":1}\n{"b":2}\n\xff\xff\n{"c":3}\n')
    assert good(items) == [b'{"b":2}', b'{"c":3}']
    assert bad(items) == [
        ("f.ndjson line 1", "starts with a byte order mark"),
        ("f.ndjson line 3", "is not UTF-8"),
    ]


def test_ndjson_line_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_RESOURCE", 16)
    exact, over = b"{" + b" " * 14 + b"}", b"{" + b" " * 40 + b"}"
    items = lines(exact + b"\r\n" + over + b"\n" + exact + b"\n" + over)
    assert good(items) == [exact, exact]
    assert [source for source, _ in bad(items)] == ["f.ndjson line 2", "f.ndjson line 4"]


def test_utf16_is_one_refusal() -> None:
    assert bad(lines("{}\n{}\n".encode("utf-16"))) == [("f.ndjson", "is UTF-16")]


def bundle(*resources: bytes, kind: str = "collection") -> bytes:
    entries = b" , ".join(
        b'{"fullUrl":"urn:uuid:%d", "resource" : %s ,"request":{"method":"POST"}}' % (number, raw)
        for number, raw in enumerate(resources)
    )
    return b'{"type":"%s","entry" :[ %s\n],"resourceType":"Bundle"}' % (kind.encode(), entries)


@pytest.mark.parametrize("kind", sorted(reading.BUNDLE_TYPES))
def test_bundle_entries_are_exact_slices(kind: str) -> None:
    japanese = '{"resourceType":"Basic","x":"体重 😀"}'.encode()
    items = list(read_document(bundle(ODD, japanese, b"{}", kind=kind), "b.json"))
    assert good(items) == [ODD, japanese, b"{}"]
    assert [str(item.source) for item in items] == [f"b.json entry {n}" for n in (1, 2, 3)]
    assert [i.full_url for i in items if isinstance(i, SourceItem)] == [
        f"urn:uuid:{n}" for n in range(3)
    ]


def test_bundle_entry_without_resource_is_bad_and_the_rest_goes_in() -> None:
    data = b'{"resourceType":"Bundle","type":"batch","entry":[{},7,{"resource":{"a":1}}]}'
    items = list(read_document(data, "b.json"))
    assert good(items) == [b'{"a":1}']
    assert bad(items) == [
        ("b.json entry 1", "has no resource"),
        ("b.json entry 2", "has no resource"),
    ]


def test_what_is_wrong_inside_one_resource_is_left_to_its_validation() -> None:
    twice, nan, digits = b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":' + b"9" * 5000 + b"}"
    assert good(list(read_document(bundle(twice, ODD, nan, digits), "b"))) == [
        twice,
        ODD,
        nan,
        digits,
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bundle(ODD)[:-1], "ends in the middle of its JSON"),
        (bundle(ODD)[:60], "ends in the middle of its JSON"),
        (b'{"resourceType":"Bundle" "type":"batch"}', "is not JSON at character 26"),
        (b"", "ends in the middle of its JSON"),
        (b"[]", "is not a FHIR resource"),
        (b"{}", "is not a FHIR resource"),
        (bundle(kind="bogus"), "is a Bundle without a type that R4 knows"),
        (b'{"resourceType":"Bundle","type":["batch"]}', "is a Bundle without a type that R4 knows"),
        (
            b'{"resourceType":"Bundle","entry":[],"entry":[]}',
            "has the same name twice in one object",
        ),
        (b"\xef\xbb\xbf{}", "starts with a byte order mark"),
        (b"\xff\xfe{}", "is UTF-16"),
        (b"\x80", "is not UTF-8"),
        (
            b'{"resourceType":"Bundle","entry":[{"a":1,"a":1}]}',
            "has the same name twice in one object",
        ),
        (b'{"resourceType":"Bundle","entry":[1 2]}', "is not JSON at character 37"),
        (b'{"resourceType":"Bundle",5:1}', "is not JSON at character 26"),
        (b'{"resourceType":"Bundle","a" 1}', "is not JSON at character 30"),
        (b"{} {}", "has text after the end of its JSON"),
        (b'{"a":' * 40000, "is nested deeper than 64 levels"),
    ],
)
def test_damaged_documents_are_refused_whole(data: bytes, reason: str) -> None:
    items = list(read_document(data, "b.json"))
    assert bad(items) == [("b.json", reason)]
    assert all(isinstance(item, BadItem) and item.hint for item in items)


def test_bundle_type_of_another_shape_is_no_crash() -> None:
    assert good(list(read_document(b'{"resourceType":"Bundle","type":"batch"}', "b"))) == []
    odd = b'{"resourceType":"Bundle","type":"batch","entry":{"resource":{}}}'
    assert bad(list(read_document(odd, "b"))) == [("b", "has entries that are no list")]


def test_document_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_DOCUMENT", 64)
    assert [why for _, why in bad(list(read_document(b" " * 65, "b")))] == ["is larger than 0 MiB"]


def test_what_a_json_file_holds_is_seen_from_its_content(tmp_path: Path) -> None:
    pretty = json.dumps({"resourceType": "Basic", "code": {"text": "x"}}, indent=1).encode()
    path = tmp_path / "one.json"
    path.write_bytes(b"\n" + pretty + b"\n")
    assert good(list(read_file(path))) == [pretty]
    path.write_bytes(b'{"a":1}\n\n{"b":2}\n')
    assert good(list(read_file(path))) == [b'{"a":1}', b'{"b":2}']
    path.write_bytes(bundle(ODD))
    assert good(list(read_file(path))) == [ODD]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"x\.json: no such file"):
        list(read_file(tmp_path / "x.json"))
    with pytest.raises(BadRequest, match="is a directory"):
        list(read_file(tmp_path))


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", bundle(ODD), b'{"resourceType":"Bundle",']))
def test_any_bytes_give_items(noise: bytes, start: bytes) -> None:
    for data in (start + noise, noise + start):
        for item in (*lines(data), *read_document(data, "x")):
            assert isinstance(item, SourceItem) or (item.reason and item.hint)


@settings(deadline=None)
@given(st.data())
def test_mutated_bundles_never_yield_other_bytes(data: st.DataObject) -> None:
    text = bytearray(bundle(ODD, b'{"a":[1.50,"\\u00e9"]}'))
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255))
    for item in read_document(bytes(text), "x"):
        assert isinstance(item, BadItem) or item.raw in bytes(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=4), st.sampled_from([None, 2])
)
def test_spans_agree_with_a_json_reader(resources: list[dict[str, object]], indent: int) -> None:
    entries = [{"x": resources, "resource": each} for each in resources]
    value = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if any("\ud800" <= char <= "\udfff" for char in text) or "\\u00" in text or "\\b" in text:
        return
    items = list(read_document(text.encode(), "x"))
    if not any(isinstance(item, BadItem) for item in items):
        assert [json.loads(raw) for raw in good(items)] == resources
