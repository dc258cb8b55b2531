"""The decision about one request: a table of every rule, all combinations, and what never holds."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.auth.decision import (
    Decision,
    Facts,
    Interaction,
    Rule,
    by_record,
    by_scope,
    demand_scope,
)
from api.auth.scopes import LEDGER_APPEND, LEDGER_READ, LOG_ENTRIES
from api.auth.standing import Standing
from api.caller import Caller
from api.errors import Refused
from ledger.identity.roles import MAY_HAVE_RECORD, RECORD_ROLES, ROLES
from ledger.wire.ids import ActorId, ChainId

ME, HOSPITAL = ActorId(b"a" * 16), ActorId(b"h" * 16)
RECORD = ChainId(b"r" * 16)
NOW = 1_800_000_000_000
YEAR = 365 * 86_400_000
EVERY_SCOPE = frozenset(
    {"system/*.cruds", "patient/*.cruds", LEDGER_APPEND, LEDGER_READ, LOG_ENTRIES}
)

NOBODY = Facts(NOW, YEAR, Standing.IN_FORCE)
OWN = replace(NOBODY, own_record=True)
LINKED = replace(NOBODY, linked=True)
TREATING = replace(LINKED, last_activity_ms=NOW - 1)


def caller(role: str, scopes: frozenset[str] = EVERY_SCOPE, **more: object) -> Caller:
    institution = HOSPITAL if role not in RECORD_ROLES | {"custodian", "auditor"} else None
    record = RECORD if role in RECORD_ROLES else None
    made = Caller(ME, role, institution, record, scopes, "TREAT")
    return replace(made, **more)  # type: ignore[arg-type]


READING = Interaction.READ
TABLE: list[tuple[Caller, Interaction, Facts, bool, Rule]] = [
    # scope
    (caller("practitioner", frozenset()), READING, TREATING, False, Rule.NO_SCOPE),
    (
        caller("practitioner", frozenset({"system/Patient.cruds"})),
        *(READING, TREATING, False, Rule.NO_SCOPE),
    ),
    (
        caller("practitioner", frozenset({"patient/*.cruds"})),
        *(READING, TREATING, False, Rule.NO_SCOPE),
    ),
    (caller("person", frozenset({"system/*.cruds"})), READING, OWN, False, Rule.NO_SCOPE),
    (
        caller("practitioner", frozenset({LEDGER_READ})),
        *(Interaction.FETCH, TREATING, True, Rule.CARE_RELATIONSHIP),
    ),
    # standing
    *(
        (caller("practitioner"), READING, replace(TREATING, standing=one), False, Rule.NOT_IN_FORCE)
        for one in Standing
        if one is not Standing.IN_FORCE
    ),
    (
        caller("person"),
        READING,
        replace(OWN, standing=Standing.CONTESTED),
        *(False, Rule.NOT_IN_FORCE),
    ),
    # roles without content
    *(
        (caller(role), READING, replace(TREATING, own_record=True), False, rule)
        for role, rule in (
            ("custodian", Rule.ROLE_WITHOUT_CONTENT),
            ("auditor", Rule.ROLE_WITHOUT_CONTENT),
            ("researcher", Rule.ROLE_WITHOUT_CONTENT),
        )
    ),
    # one record
    (caller("person"), READING, OWN, True, Rule.OWN_RECORD),
    (caller("person"), Interaction.UPDATE, OWN, True, Rule.OWN_RECORD),
    (caller("person"), READING, TREATING, False, Rule.ANOTHER_RECORD),
    (
        caller("person", frozenset({"patient/*.cruds", "system/*.cruds"}), record=None),
        *(READING, OWN, False, Rule.ANOTHER_RECORD),
    ),
    (caller("proxy"), READING, OWN, False, Rule.OUTSIDE_REGISTRY_SCOPE),
    (
        caller("proxy"),
        READING,
        replace(OWN, words=frozenset({"read"})),
        *(True, Rule.OWN_RECORD),
    ),
    (
        caller("proxy"),
        Interaction.CREATE,
        replace(OWN, words=frozenset({"read"})),
        *(False, Rule.OUTSIDE_REGISTRY_SCOPE),
    ),
    (
        caller("guardian"),
        Interaction.DELETE,
        replace(OWN, words=frozenset({"write"})),
        *(True, Rule.OWN_RECORD),
    ),
    (
        caller("guardian"),
        READING,
        replace(TREATING, words=frozenset({"read"})),
        *(False, Rule.ANOTHER_RECORD),
    ),
    (caller("app", institution=None, record=RECORD), READING, OWN, True, Rule.OWN_RECORD),
    (caller("app", institution=None, record=RECORD), READING, LINKED, False, Rule.ANOTHER_RECORD),
    # a hospital's app for one record: that record, and only while the hospital may
    (caller("app", record=RECORD), READING, OWN, False, Rule.NOT_LINKED),
    (caller("app", record=RECORD), READING, TREATING, False, Rule.ANOTHER_RECORD),
    (
        caller("app", record=RECORD),
        READING,
        replace(TREATING, own_record=True),
        *(True, Rule.CARE_RELATIONSHIP),
    ),
    # institutions
    (caller("organisation"), READING, TREATING, True, Rule.CARE_RELATIONSHIP),
    (caller("practitioner"), Interaction.SEARCH, TREATING, True, Rule.CARE_RELATIONSHIP),
    (caller("gateway"), Interaction.EVERYTHING, TREATING, True, Rule.CARE_RELATIONSHIP),
    (caller("gateway", institution=None), READING, TREATING, False, Rule.NO_INSTITUTION),
    (caller("practitioner"), READING, NOBODY, False, Rule.NOT_LINKED),
    (
        caller("practitioner"),
        READING,
        replace(NOBODY, last_activity_ms=NOW - 1),
        *(False, Rule.NOT_LINKED),
    ),
    (caller("practitioner"), Interaction.CREATE, NOBODY, False, Rule.NOT_LINKED),
    (caller("practitioner"), Interaction.CREATE, LINKED, True, Rule.LINKED_WRITES),
    (caller("device"), Interaction.APPEND, LINKED, True, Rule.LINKED_WRITES),
    (caller("practitioner"), Interaction.UPDATE, LINKED, False, Rule.RELATIONSHIP_OVER),
    (caller("practitioner"), READING, LINKED, False, Rule.RELATIONSHIP_OVER),
    (
        caller("practitioner"),
        READING,
        replace(LINKED, last_activity_ms=NOW - YEAR),
        *(False, Rule.RELATIONSHIP_OVER),
    ),
    (
        caller("practitioner"),
        READING,
        replace(LINKED, last_activity_ms=NOW - YEAR + 1),
        *(True, Rule.CARE_RELATIONSHIP),
    ),
    # an entry that came in while the facts were gathered
    (
        caller("practitioner"),
        READING,
        replace(LINKED, last_activity_ms=NOW + 5),
        *(True, Rule.CARE_RELATIONSHIP),
    ),
]


@pytest.mark.parametrize(("who", "what", "facts", "allowed", "rule"), TABLE)
def test_table(who: Caller, what: Interaction, facts: Facts, allowed: bool, rule: Rule) -> None:
    assert by_record(who, what, "Observation", facts) == Decision(allowed, rule)


def test_every_rule_stands_in_the_table() -> None:
    assert {row[4] for row in TABLE} == set(Rule) - {Rule.SCOPE}


BOOLS = (False, True)
FACTS = [
    Facts(NOW, YEAR, standing, own, words, linked, last)
    for standing, own, words, linked, last in product(
        (Standing.IN_FORCE, Standing.OVER),
        BOOLS,
        (frozenset[str](), frozenset({"read"}), frozenset({"write"}), frozenset({"read", "write"})),
        BOOLS,
        (None, NOW, NOW - YEAR),
    )
]
CALLERS = [
    Caller(ME, role, institution, record, scopes, "TREAT")
    for role, institution, record, scopes in product(
        sorted(ROLES),
        (None, HOSPITAL),
        (None, RECORD),
        (frozenset[str](), frozenset({"system/*.rs"}), EVERY_SCOPE),
    )
]


def expected(who: Caller, what: Interaction, facts: Facts) -> bool:
    """The rules once more, as one sentence each."""
    if not by_scope(who, what, "Condition").allowed or facts.standing is not Standing.IN_FORCE:
        return False
    if who.role in ("custodian", "auditor", "researcher") or what is Interaction.ENTRIES:
        return False
    treats = facts.linked and facts.last_activity_ms not in (None, NOW - YEAR)
    begins = facts.linked and what in (Interaction.CREATE, Interaction.APPEND)
    by_institution = who.institution is not None and (treats or begins)
    own = who.record is not None and facts.own_record
    if who.role == "person":
        return own
    if who.role in ("proxy", "guardian"):
        return own and ("write" if what.writes else "read") in facts.words
    if who.record is None:
        return by_institution
    return own and (by_institution or who.institution is None)


def test_all_combinations() -> None:
    allowed = 0
    for who, what, facts in product(CALLERS, Interaction, FACTS):
        decision = by_record(who, what, "Condition", facts)
        assert decision.allowed == expected(who, what, facts), (who, what, facts)
        allowed += decision.allowed
    assert allowed > 1000


callers = st.sampled_from(CALLERS)
whats = st.sampled_from(Interaction)
facts = st.builds(
    Facts,
    st.just(NOW),
    st.integers(1, 2 * YEAR),
    st.sampled_from(Standing),
    st.booleans(),
    st.frozensets(st.sampled_from(["read", "write", "link", "consent"])),
    st.booleans(),
    st.none() | st.integers(0, 2 * NOW),
)


@given(callers, whats, st.sampled_from(["Patient", "Observation"]), facts)
def test_never_without_scope(who: Caller, what: Interaction, type_: str, known: Facts) -> None:
    for scopes in (frozenset[str](), who.scopes - {what.needs, "system/*.cruds", "system/*.rs"}):
        bare = replace(who, scopes=scopes - {"patient/*.cruds"})
        assert by_record(bare, what, type_, known) == Decision(False, Rule.NO_SCOPE)


@given(callers, whats, facts, st.sampled_from(["custodian", "auditor", "researcher"]))
def test_no_record_for_roles_without_content(
    who: Caller, what: Interaction, known: Facts, role: str
) -> None:
    assert not by_record(replace(who, role=role), what, "Patient", known).allowed


@given(callers, whats, facts)
def test_nobody_else_s_record(who: Caller, what: Interaction, known: Facts) -> None:
    """Neither own nor linked: nobody gets at it."""
    stranger = replace(known, own_record=False, linked=False)
    assert not by_record(who, what, "Patient", stranger).allowed


@given(callers, whats, facts)
def test_more_scopes_never_take_away(who: Caller, what: Interaction, known: Facts) -> None:
    before = by_record(who, what, "Patient", known)
    after = by_record(replace(who, scopes=who.scopes | EVERY_SCOPE), what, "Patient", known)
    assert after.allowed >= before.allowed


def test_callers_of_the_tests_have_records_as_the_registry_allows() -> None:
    assert {one.role for one in CALLERS if one.record} >= MAY_HAVE_RECORD


# What the caller is told


def test_out_of_scope_is_403() -> None:
    with pytest.raises(Refused) as caught:
        demand_scope(caller("practitioner", frozenset()), READING, "Observation")
    assert caught.value.status == 403
    assert caught.value.headers == {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    demand_scope(caller("practitioner"), READING, "Observation")


def test_everything_needs_reading_and_searching() -> None:
    for letters, enough in (("r", False), ("s", False), ("rs", True)):
        who = caller("practitioner", frozenset({f"system/Patient.{letters}"}))
        assert by_scope(who, Interaction.EVERYTHING, "Patient").allowed is enough
