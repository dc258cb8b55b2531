"""Search requests are read strictly, and find what FHIR R4 says they find."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.fhir.routing import Identifier
from ledger.fhir.searching import extract, included, matches, parameters, parse_query, sort_key
from ledger.fhir.searching.parsing import MAX_LENGTH, MAX_PARAMETERS
from ledger.fhir.searching.table import TYPES
from ledger.fhir.searching.writing import divided, escaped, plain

BASE = "https://ledger.example/fhir"
LOINC = "http://loinc.org"
SYSTEM = "urn:oid:1.2.392.100495.20.3.51.1310000001"

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "m-3",
    "meta": {"versionId": "1", "lastUpdated": "2026-11-21T01:00:00.123Z"},
    "identifier": [{"system": "urn:x", "value": "A|1"}, {"value": "plain"}],
    "status": "final",
    "category": [
        {"coding": [{"system": "urn:cat", "code": "laboratory"}]},
        {"coding": [{"code": "local"}], "text": "free text"},
    ],
    "code": {"coding": [{"system": LOINC, "code": "718-7"}, {"system": "urn:jp", "code": "2A"}]},
    "subject": {"reference": "Patient/m-1/_history/2"},
    "encounter": {"reference": "Encounter/m-2", "identifier": {"system": "urn:e", "value": "E1"}},
    "effectiveDateTime": "2026-11-21T09:30:00+09:00",
    "performer": [{"reference": "Practitioner/m-8"}, {"reference": "#inside"}],
}
VALUES = extract("Observation", OBSERVATION)


def found(*pairs: tuple[str, str], values: Any = VALUES) -> bool:
    query = parse_query(values.resource_type, pairs, base=BASE)
    assert not query.unknown
    return matches(query, values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code", "718-7"),
        ("code", f"{LOINC}|718-7"),
        ("code", f"{LOINC}|"),
        ("code", "nothing,2A"),
        ("code:not", "nothing,718-8"),
        ("category", "|local"),
        ("category:not", "vital-signs"),
        ("status", "final"),
        ("status", "http://hl7.org/fhir/observation-status|final"),
        ("status", "http://hl7.org/fhir/observation-status|"),
        ("status", "|final"),
        ("status:not", "amended"),
        ("identifier", r"urn:x|A\|1"),
        ("identifier", r"A\|1"),
        ("identifier", "|plain"),
        ("_id", "m-3"),
        ("_lastUpdated", "2026-11-21T01:00:00.123Z"),
        ("_lastUpdated", "ge2026-11-21"),
        ("date", "2026-11-21"),
        ("date", "eq2026-11"),
        ("date", "2026-11-21T00:30:00Z"),
        ("date", "2026-11-21T09:30:00 09:00"),
        ("date", "lt2026-11-22"),
        ("date", "sa2026-11-20"),
        ("date", "2020,2026"),
        ("encounter", "m-2"),
        ("encounter", "Encounter/m-2"),
        ("encounter", "Encounter/m-2/_history/4"),
        ("encounter", f"{BASE}/Encounter/m-2"),
        ("encounter:Encounter", "m-2"),
        ("encounter:identifier", "urn:e|E1"),
        ("performer", "m-8"),
        ("performer:Practitioner", "m-8"),
        ("focus:missing", "true"),
        ("code:missing", "false"),
        ("value-concept:not", "anything"),
    ],
)
def test_found(name: str, value: str) -> None:
    assert found((name, value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code", "718"),
        ("code", "|718-7"),
        ("code", "urn:jp|718-7"),
        ("code:not", "nothing,718-7"),
        ("category", "free text"),
        ("category", "|laboratory"),
        ("status", "urn:other|final"),
        ("status", "FINAL"),
        ("identifier", "urn:x|plain"),
        ("_id", "m-1"),
        ("_lastUpdated", "lt2026-11-21"),
        ("date", "2026-11-22"),
        ("date", "gt2026-11-21"),
        ("date", "ne2026"),
        ("date", "eb2026-11-21"),
        ("encounter", "m-1"),
        ("encounter", "EpisodeOfCare/m-2"),
        ("encounter", "https://other.example/fhir/Encounter/m-2"),
        ("encounter:EpisodeOfCare", "m-2"),
        ("encounter:identifier", "E2"),
        ("performer", "inside"),
        ("performer:Organization", "m-8"),
        ("focus", "m-8"),
        ("focus:missing", "false"),
        ("code:missing", "true"),
        ("value-concept", "x"),
    ],
)
def test_not_found(name: str, value: str) -> None:
    assert not found((name, value))


def test_repeated_parameters_must_all_hold() -> None:
    assert found(("date", "ge2026"), ("date", "lt2027"), ("category", "local"))
    assert not found(("date", "ge2026"), ("date", "lt2026"))
    assert found(("category", "local"), ("category", "laboratory"))


def test_of_another_type_nothing_is_found() -> None:
    assert not matches(parse_query("Condition", [("code", "718-7")]), VALUES)


def test_dates_without_zone_are_of_the_zone_given() -> None:
    japan = timezone(timedelta(hours=9))
    values = extract("Condition", {"recordedDate": "2026-11-21"}, japan)
    pairs = [("recorded-date", "2026-11-21")]
    assert matches(parse_query("Condition", pairs, zone=japan), values)
    assert not matches(parse_query("Condition", pairs), values)


def test_periods_and_timings() -> None:
    period = {"start": "2026-11-20", "end": "2026-11-22"}
    encounter = extract("Encounter", {"period": period})
    assert found(("date", "2026-11"), values=encounter)
    assert not found(("date", "2026-11-21"), values=encounter)
    assert found(("date", "ge2026-11-21"), values=encounter)
    assert found(("date", "le2026-11-20"), values=encounter)
    assert not found(("date", "le2026-11-19"), values=encounter)
    assert found(("date", "ge2026-11-22"), values=encounter)
    assert not found(("date", "ge2026-11-23"), values=encounter)
    still_open = extract("Encounter", {"period": {"start": "2026-11-20"}})
    assert found(("date", "gt2090"), values=still_open)
    assert not found(("date", "lt2026-11-20"), values=still_open)
    timing = {"event": ["2026-01-01", "2026-06-01"], "repeat": {"boundsPeriod": {"end": "2020"}}}
    observation = extract("Observation", {"effectiveTiming": timing})
    assert found(("date", "2026-06-01"), values=observation)
    assert found(("date", "eb2021"), values=observation)


def test_names_in_the_directory() -> None:
    values = extract(
        "Practitioner", {"active": True, "name": [{"family": "佐藤", "given": ["Hanako"]}]}
    )
    assert found(("name", "hana"), ("active", "true"), values=values)
    assert found(("name", "佐藤"), values=values)
    assert found(("name:contains", "NAK"), values=values)
    assert found(("name:exact", "Hanako"), values=values)
    assert not found(("name:exact", "hanako"), values=values)
    assert not found(("name", "ako"), values=values)
    assert not found(("active", "false"), values=values)


def test_nobody_is_found_by_name() -> None:
    for kind in ("Patient", "Person", "RelatedPerson"):
        assert not {"name", "family", "given", "phonetic", "address"} & set(parameters(kind))


@pytest.mark.parametrize(
    ("pairs", "person"),
    [
        ([("patient", "m-1")], (("Patient/m-1",),)),
        ([("patient", "Patient/m-1,Patient/m-2")], (("Patient/m-1", "Patient/m-2"),)),
        ([("subject", f"{BASE}/Patient/m-1")], (("Patient/m-1",),)),
        ([("subject:Patient", "m-1")], (("Patient/m-1",),)),
        ([("patient:identifier", f"{SYSTEM}|7")], ((Identifier(SYSTEM, "7"),),)),
        ([("patient.identifier", f"{SYSTEM}|7")], ((Identifier(SYSTEM, "7"),),)),
        ([("subject:Patient.identifier", f"{SYSTEM}|7")], ((Identifier(SYSTEM, "7"),),)),
        (
            [("patient", "m-1"), ("subject", "Patient/m-1")],
            (("Patient/m-1",), ("Patient/m-1",)),
        ),
    ],
)
def test_the_person(pairs: list[tuple[str, str]], person: Any) -> None:
    query = parse_query("Observation", [*pairs, ("status", "final")], base=BASE)
    assert query.person == person
    assert len(query.criteria) == 1
    assert query.link == (("status", "final"),)
    assert matches(query, VALUES)


def test_the_person_of_types_with_names_of_their_own() -> None:
    for kind, name in (
        ("Coverage", "beneficiary"),
        ("ResearchSubject", "individual"),
        ("Task", "subject"),
        ("SupplyRequest", "subject"),
        ("AuditEvent", "patient"),
    ):
        assert parse_query(kind, [(name, "m-1")]).person == (("Patient/m-1",),), kind


def test_patients_are_named_by_id_or_identifier() -> None:
    assert parse_query("Patient", [("_id", "m-1,m-2")]).person == (("Patient/m-1", "Patient/m-2"),)
    query = parse_query("Patient", [("identifier", f"{SYSTEM}|7")])
    assert query.person == ((Identifier(SYSTEM, "7"),),)
    assert query.link == ()
    assert matches(query, extract("Patient", {"identifier": [{"system": SYSTEM, "value": "7"}]}))
    assert not matches(query, extract("Patient", {"identifier": [{"value": "7"}]}))
    assert parse_query("Patient", [("identifier", "7")]).person == ()
    assert parse_query("Patient", [("identifier", f"{SYSTEM}|")]).person == ()
    assert parse_query("Patient", [("gender", "male")]).person == ()


def test_ids() -> None:
    assert parse_query("Observation", [("_id", "a,b"), ("_id", "b,c")]).ids == {"b"}
    assert parse_query("Observation", [("status", "final")]).ids == frozenset()


def test_controls() -> None:
    query = parse_query(
        "Observation",
        [
            ("_count", "20"),
            ("_sort", "-date,_lastUpdated,code"),
            ("_include", "Observation:encounter"),
            ("_include", "Observation:subject:Patient"),
            ("_revinclude", "DiagnosticReport:result"),
            ("_total", "accurate"),
            ("_format", "json"),
            ("_summary", "false"),
        ],
    )
    assert query.unknown == ()
    assert query.count == 20
    assert [(s.parameter.name, s.descending) for s in query.sort] == [
        ("date", True),
        ("_lastUpdated", False),
        ("code", False),
    ]
    assert [(i.source, i.parameter.name, i.target) for i in query.includes] == [
        ("Observation", "encounter", None),
        ("Observation", "subject", "Patient"),
    ]
    assert query.revincludes[0].source == "DiagnosticReport"
    assert (query.total, query.format, query.total_only) == ("accurate", "json", False)
    assert parse_query("Observation", [("_summary", "count")]).total_only
    assert parse_query("Observation", [("_count", "0")]).total_only
    assert parse_query("Observation", [("_count", "999999999")]).count == 1000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("whatever", "1"),
        ("", "1"),
        ("subject.name", "x"),
        ("_has:Observation:patient:code", "x"),
        ("_text", "x"),
        ("_elements", "id"),
        ("_summary", "text"),
        ("_sort", "nothing"),
        ("_sort", "date,"),
        ("_sort", "--date"),
        ("_sort", "subject"),
        ("_include", "*"),
        ("_include", "Observation:*"),
        ("_include", "Observation:code"),
        ("_include", "Observation:encounter:Patient"),
        ("_include", "Condition:encounter"),
        ("_include:iterate", "Observation:encounter"),
        ("_revinclude", "Encounter:location"),
        ("_revinclude", "Provenance:target:Patient"),
        ("_revinclude", "Provenance:target"),
        ("_include", "Observation:focus:Provenance"),
    ],
)
def test_what_is_not_known_is_collected(name: str, value: str) -> None:
    query = parse_query("Observation", [(name, value), ("patient", "m-1")])
    assert query.unknown == (name,)
    assert query.link == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code:text", "haemoglobin"),
        ("code:in", "urn:vs"),
        ("code:exact", "718-7"),
        ("code:Patient", "718-7"),
        ("date:not", "2026"),
        ("encounter:not", "m-2"),
        ("encounter:Patient", "m-2"),
        ("encounter:contains", "m-2"),
        ("focus:nothing", "m-2"),
        ("focus:*", "m-2"),
        ("patient:Device", "m-2"),
        ("patient:nothing", "m-2"),
        ("patient", ""),
        ("patient", "Group/m-2"),
        ("patient", "Patient/"),
        ("patient", "Patient/x/y"),
        ("patient", "a b"),
        ("patient:identifier", "7"),
        ("patient.identifier", "|7"),
        ("patient.identifier:missing", "true"),
        ("code", ""),
        ("code", "a,,b"),
        ("code", ","),
        ("code", "|"),
        ("code", "a|b|c"),
        ("code", "a\\"),
        ("code", r"a\b"),
        ("date", "2026-13"),
        ("date", "ap2026"),
        ("date", "zz2026"),
        ("date", "ge"),
        ("date", "GE2026"),
        ("code:missing", "maybe"),
        ("_count", "-1"),
        ("_count", "many"),
        ("_count", "１"),
        ("_count", "9999999999"),
        ("_total", "all"),
        ("encounter", "a/b/c"),
        ("encounter", "encounter/m-2"),
        ("code", ",".join("abc" * 200)),
        ("code", "x" * MAX_LENGTH),
    ],
)
def test_what_is_wrong_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_query("Observation", [(name, value)])
    assert caught.value.hint
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("name", ["_count", "_sort", "_summary", "_total", "_format"])
def test_controls_stand_once(name: str) -> None:
    value = {"_count": "1", "_summary": "count", "_total": "none"}.get(name, "date")
    with pytest.raises(BadRequest, match="stands twice"):
        parse_query("Observation", [(name, value), (name, value)])


def test_too_many_parameters() -> None:
    parse_query("Observation", [("x", "1")] * MAX_PARAMETERS)
    with pytest.raises(BadRequest):
        parse_query("Observation", [("x", "1")] * (MAX_PARAMETERS + 1))


def test_too_many_values_in_all() -> None:
    some = ("code", ",".join("abcd" * 25))
    parse_query("Observation", [some] * 5)
    with pytest.raises(BadRequest, match="values to look for"):
        parse_query("Observation", [some] * 6)


def test_order() -> None:
    def made(identity: str, **more: Any) -> Any:
        return extract("Condition", {"id": identity, **more})

    rows = [
        made("a", recordedDate="2026-03"),
        made("b", recordedDate="2026-01", code={"coding": [{"code": "z"}, {"code": "b"}]}),
        made("c"),
        made("d", recordedDate="2026-03-15", code={"coding": [{"code": "y"}]}),
    ]

    def order(sort: str) -> str:
        query = parse_query("Condition", [("_sort", sort)])
        return "".join(v.id for v in sorted(rows, key=lambda v: sort_key(query, v)))

    assert order("recorded-date") == "badc"
    assert order("-recorded-date") == "adbc"
    assert order("code") == "bdac"
    assert order("-code") == "bdac"
    assert order("_id") == "abcd"
    assert order("-_id") == "dcba"
    query = parse_query("Condition", [])
    assert "".join(v.id for v in sorted(rows, key=lambda v: sort_key(query, v))) == "abcd"


def test_includes() -> None:
    query = parse_query(
        "Observation",
        [
            ("_include", "Observation:performer:Organization"),
            ("_include", "Observation:performer"),
            ("_include", "Observation:subject"),
            ("_revinclude", "DiagnosticReport:result:Observation"),
        ],
    )
    assert [included(one, VALUES) for one in query.includes] == [
        (),
        ("Practitioner/m-8",),
        ("Patient/m-1",),
    ]
    report = extract("DiagnosticReport", {"result": [{"reference": "Observation/m-3"}]})
    assert included(query.revincludes[0], report) == ("Observation/m-3",)
    assert included(query.revincludes[0], VALUES) == ()


def test_values_keep_no_free_text() -> None:
    text = "free text that nobody searches for"
    values = extract(
        "Observation",
        {
            **OBSERVATION,
            "code": {"text": text},
            "note": [{"text": text}],
            "valueString": text,
            "text": {"status": "generated", "div": text},
            "subject": {"reference": "Patient/m-1", "display": text},
        },
    )
    assert text not in repr(values.found)
    assert "718-7" not in repr(VALUES)


MEMBERS = ["coding", "system", "code", "value", "reference", "identifier", "start", "event"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["2026", "final", "Patient/1", "#x", "2026-11-21T09:30:00+09:00"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "coding",
                    "system",
                    "code",
                    "value",
                    "reference",
                    "identifier",
                    "start",
                    "end",
                    "event",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
KINDS = st.sampled_from(sorted(TYPES))


@settings(deadline=None)
@given(KINDS, st.data())
def test_any_shape_is_taken(kind: str, data: st.DataObject) -> None:
    elements = sorted({path.steps[0] for p in parameters(kind).values() for path in p.paths})
    parsed = data.draw(st.dictionaries(st.sampled_from(elements), JSON))
    values = extract(kind, parsed)
    assert hash(values) == hash(extract(kind, parsed))
    for name, parameter in parameters(kind).items():
        if parameter.kind != "reference":
            for sign in ("", "-"):
                query = parse_query(kind, [("_sort", sign + name)])
                assert sort_key(query, values) < (*sort_key(query, values), "")


NAMES = st.sampled_from([*parameters("Observation"), "_count", "_sort", "_include", "x"])
MODIFIERS = st.sampled_from(["", ":not", ":missing", ":Patient", ":identifier", ":text", ":", ":*"])
WRITTEN = st.text(max_size=12) | st.sampled_from(["ge2026", "a|b", "Patient/1", "true", "a,b", "1"])


@settings(deadline=None, max_examples=400)
@given(st.lists(st.tuples(st.builds(str.__add__, NAMES, MODIFIERS), WRITTEN), max_size=4))
def test_any_query_is_answered_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        query = parse_query("Observation", pairs, base=BASE)
    except BadRequest as error:
        refusal = error
    else:
        assert matches(query, VALUES) in (True, False)
        sort_key(query, VALUES)
        # What a self link says means the same again.
        again = parse_query("Observation", query.link, base=BASE)
        assert (again.sort, again.count, again.includes) == (
            query.sort,
            query.count,
            query.includes,
        )
        return
    assert refusal.message
    assert refusal.hint


@given(st.lists(st.text(max_size=6), min_size=1, max_size=4), st.sampled_from(",|"))
def test_escapes(parts: list[str], at: str) -> None:
    written = at.join(escaped(part) for part in parts)
    assert [plain(part) for part in divided(written, at)] == parts


@given(st.text(min_size=1, max_size=10), st.text(min_size=1, max_size=10))
def test_any_token_is_found_by_its_own_words(system: str, code: str) -> None:
    values = extract("Condition", {"code": {"coding": [{"system": system, "code": code}]}})
    for text in (f"{escaped(system)}|{escaped(code)}", escaped(code), f"{escaped(system)}|"):
        assert matches(parse_query("Condition", [("code", text)]), values)
        assert not matches(parse_query("Condition", [("code:not", text)]), values)
        assert not matches(parse_query("Condition", [("code", "y" + escaped(code))]), values)
