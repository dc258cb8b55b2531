"""Scopes: which texts are scopes, and who may get which."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.auth.scopes import (
    LEDGER_APPEND,
    LEDGER_READ,
    LETTERS,
    LOG_ENTRIES,
    MAX_SCOPES,
    OWN_SCOPES,
    BadScope,
    FhirScope,
    check_grantable,
    letters_for,
    parse_fhir_scope,
    read_scopes,
)
from ledger.identity.roles import MAY_HAVE_RECORD, RECORD_ROLES, ROLE_KINDS, ROLES, kinds_of

ALL_LETTERS = ["".join(some) for n in range(1, 6) for some in combinations(LETTERS, n)]


@pytest.mark.parametrize("letters", ALL_LETTERS)
def test_letters_in_order(letters: str) -> None:
    for context in ("system", "user", "patient"):
        text = f"{context}/Observation.{letters}"
        assert parse_fhir_scope(text) == FhirScope(context, "Observation", letters)
        assert read_scopes(text) == {text}


@pytest.mark.parametrize(
    ("old", "new"), [("read", "rs"), ("write", "cud"), ("*", "cruds")], ids=["read", "write", "all"]
)
def test_scopes_of_smart_1_become_those_of_smart_2(old: str, new: str) -> None:
    assert read_scopes(f"system/*.{old}") == {f"system/*.{new}"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "system/Observation.rs ",
        " system/Observation.rs",
        "system/Observation.rs  user/Patient.r",
        "system/Observation.",
        "system/Observation",
        "system/Observation.sr",
        "system/Observation.rr",
        "system/Observation.x",
        "system/Observation.READ",
        "system/Observation.rs?category=laboratory",
        "system/observation.rs",
        "system/.rs",
        "system/**.rs",
        "system/Patient/1.rs",
        "System/Patient.r",
        "sys/Patient.r",
        "system/Pätient.r",
        "system/Patient.r\n",
        "launch",
        "openid",
        "fhirUser",
        "offline_access",
        "ledger/*",
        "ledger/append.c",
        "log/entries\x00",
        "system/*.rs,user/*.rs",
        "system/" + "A" * 65 + ".r",
    ],
)
def test_what_is_no_scope(text: str) -> None:
    with pytest.raises(BadScope):
        read_scopes(text)


def test_no_more_than_so_many() -> None:
    many = [f"system/Type{'abcdefghij'[n // 10]}{'abcdefghij'[n % 10]}.r" for n in range(65)]
    assert len(read_scopes(" ".join(many[:MAX_SCOPES]))) == MAX_SCOPES
    with pytest.raises(BadScope):
        read_scopes(" ".join(many))
    with pytest.raises(BadScope):
        read_scopes("x" * 5000)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        scopes = read_scopes(text)
    except BadScope as error:
        said = str(error)
    else:
        said = " ".join(sorted(scopes))
        assert read_scopes(said) == scopes
    # RFC 6749 section 5.2: what may stand in error_description
    assert said.isascii()
    assert said.isprintable()


def test_a_type_covers_itself_and_the_star_all() -> None:
    scope = FhirScope("system", "Observation", "rs")
    assert scope.covers("r", "Observation")
    assert scope.covers("rs", "Observation")
    assert not scope.covers("r", "Patient")
    assert not scope.covers("rc", "Observation")
    assert not scope.covers("r", "*")
    assert FhirScope("system", "*", "r").covers("r", "Patient")


def may(text: str, role: str, words: str = "", own: bool | None = None) -> bool:
    kinds = kinds_of(role, frozenset(words.split()))
    try:
        check_grantable(
            frozenset({text}), role, kinds, role in RECORD_ROLES if own is None else own
        )
    except BadScope:
        return False
    return True


FHIR = [f"{context}/*.{letter}" for context in ("system", "user", "patient") for letter in LETTERS]
INSTITUTION = {text for text in FHIR if not text.startswith("patient")} | {
    LEDGER_APPEND,
    LEDGER_READ,
}
PATIENT = {text for text in FHIR if text.startswith("patient")}
TABLE = [
    ("organisation", "", False, INSTITUTION),
    ("gateway", "", False, INSTITUTION),
    ("practitioner", "", False, INSTITUTION),
    ("person", "", True, PATIENT | {LEDGER_READ}),
    ("proxy", "read", True, {"patient/*.r", "patient/*.s", LEDGER_READ}),
    ("proxy", "write", True, {"patient/*.c", "patient/*.u", "patient/*.d"}),
    ("guardian", "read write", True, PATIENT | {LEDGER_READ}),
    ("guardian", "consent link", True, set()),
    ("device", "", False, {"system/*.c", "user/*.c", LEDGER_APPEND}),
    ("device", "", True, {"patient/*.c"}),
    ("app", "", False, INSTITUTION),
    ("app", "", True, PATIENT),
    ("custodian", "", False, {LOG_ENTRIES, LEDGER_READ}),
    ("auditor", "", False, {LOG_ENTRIES, LEDGER_READ}),
    ("researcher", "", False, set()),
]


@pytest.mark.parametrize(("role", "words", "own", "granted"), TABLE)
def test_who_may_get_what(role: str, words: str, own: bool, granted: set[str]) -> None:
    every = {*FHIR, *OWN_SCOPES}
    assert {text for text in every if may(text, role, words, own)} == granted


def test_every_role_stands_in_the_table() -> None:
    assert {row[0] for row in TABLE} == ROLES
    assert {row[0] for row in TABLE if row[2]} == MAY_HAVE_RECORD


def test_unknown_roles_get_nothing() -> None:
    for text in {*FHIR, *OWN_SCOPES}:
        with pytest.raises(BadScope):
            check_grantable(frozenset({text}), "hospital", ROLE_KINDS["organisation"], False)


def test_one_that_is_not_for_it_refuses_all() -> None:
    with pytest.raises(BadScope, match=r"log/entries is not for this client"):
        check_grantable(
            frozenset({"system/*.r", LOG_ENTRIES}),
            "organisation",
            ROLE_KINDS["organisation"],
            False,
        )


def test_letters_of_kinds() -> None:
    assert letters_for(ROLE_KINDS["organisation"]) == LETTERS
    assert letters_for(ROLE_KINDS["device"]) == "c"
    assert letters_for(frozenset()) == ""
