"""May this caller do this? Two pure functions, and the name of the rule that decided.

    by_scope    before any look-up; refused = 403, whatever there is
    by_record   about one record, once the facts are known; refused = 404, as if it were absent

The rules about a record, in their order; the first that has an answer decides:

    1. no-scope                  as ``by_scope``
    2. not-in-force              the registry says that the actor may not act now
    3. role-without-content      custodians, auditors, researchers are shown no record
    4. another-record            who acts in one record only
    5. outside-registry-scope    a proxy or guardian without the word ``read`` or ``write``
       own-record                person, proxy, guardian, and what a person enrolled
    6. no-institution            nobody to have a relationship
       not-linked                the institution has no patient identifier in the record
       linked-writes             with one it may write: an entry is what begins a relationship
       relationship-over         it has made no entry in the record, or none in the period
       care-relationship

Refusals by the person (Consent) belong between 4 and 5, permits behind ``relationship-over``, and
emergency access behind both, as the last rule that may allow: each is one more fact and one more
function in ``_RULES``. None of them is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, NamedTuple

from api.auth.scopes import (
    LEDGER_APPEND,
    LEDGER_READ,
    LOG_ENTRIES,
    PATIENT,
    TOOLS,
    WITHOUT_CONTENT,
    parse_fhir_scope,
)
from api.auth.standing import Standing
from api.caller import Caller
from api.errors import Refused
from ledger.identity.roles import INSTITUTIONS, RECORD_ROLES, SCOPED_ROLES


class Interaction(Enum):
    """What a caller wants: name, the letters of SMART 2 or the scope of ours, whether it writes."""

    CREATE = ("create", "c", True)
    READ = ("read", "r", False)
    VREAD = ("vread", "r", False)
    HISTORY = ("history", "r", False)
    UPDATE = ("update", "u", True)
    DELETE = ("delete", "d", True)
    SEARCH = ("search", "s", False)
    EVERYTHING = ("everything", "rs", False)
    """Of Patient; for each other type in the answer, SEARCH is asked too."""
    APPEND = ("append", LEDGER_APPEND, True)
    """Statements into /v1."""
    FETCH = ("fetch", LEDGER_READ, False)
    """Anything of a record out of /v1."""
    ENTRIES = ("entries", LOG_ENTRIES, False)
    """Entry bundles: no record."""

    def __init__(self, word: str, needs: str, writes: bool) -> None:
        self.word = word
        self.needs = needs
        self.writes = writes


class Rule(StrEnum):
    """The name of what decided; goes into metrics and tests, never to the caller."""

    SCOPE = "scope"
    NO_SCOPE = "no-scope"
    NOT_IN_FORCE = "not-in-force"
    ROLE_WITHOUT_CONTENT = "role-without-content"
    ANOTHER_RECORD = "another-record"
    OUTSIDE_REGISTRY_SCOPE = "outside-registry-scope"
    OWN_RECORD = "own-record"
    NO_INSTITUTION = "no-institution"
    NOT_LINKED = "not-linked"
    LINKED_WRITES = "linked-writes"
    RELATIONSHIP_OVER = "relationship-over"
    CARE_RELATIONSHIP = "care-relationship"


class Decision(NamedTuple):
    """Allowed or not, and why."""

    allowed: bool
    rule: Rule


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a caller and one record, all of it now."""

    now_ms: int
    period_ms: int
    """How long an entry keeps a care relationship."""
    standing: Standing
    """Of the caller's actor, and of the institution that it acts for."""
    own_record: bool = False
    """The record is the one that the caller was enrolled for."""
    words: frozenset[str] = frozenset()
    """The registry's scope of a proxy or guardian."""
    linked: bool = False
    """The caller's institution has a patient identifier in the record."""
    last_activity_ms: int | None = None
    """received_ms of the newest record entry of the caller's institution in the record."""


def by_scope(caller: Caller, interaction: Interaction, type_: str) -> Decision:
    """Whether the token reaches that far. ``type_`` is a FHIR type; for interactions with a scope
    of our own it does not matter.
    """
    allowed = any(_reaches(text, caller, interaction, type_) for text in caller.scopes)
    return Decision(allowed, Rule.SCOPE if allowed else Rule.NO_SCOPE)


def _reaches(text: str, caller: Caller, interaction: Interaction, type_: str) -> bool:
    if "/" in interaction.needs:
        return text == interaction.needs
    scope = parse_fhir_scope(text)
    return (
        scope is not None
        and (scope.context == PATIENT) is (caller.record is not None)
        and scope.covers(interaction.needs, type_)
    )


def by_record(caller: Caller, interaction: Interaction, type_: str, facts: Facts) -> Decision:
    """Whether the caller may do this in the record that the facts are about."""
    scope = by_scope(caller, interaction, type_)
    if not scope.allowed:
        return scope
    for rule in _RULES:
        decided = rule(caller, interaction, facts)
        if decided is not None:
            return decided
    return Decision(False, Rule.NO_INSTITUTION)


def _actor(caller: Caller, interaction: Interaction, facts: Facts) -> Decision | None:
    if facts.standing is not Standing.IN_FORCE:
        return Decision(False, Rule.NOT_IN_FORCE)
    if caller.role in WITHOUT_CONTENT or interaction is Interaction.ENTRIES:
        return Decision(False, Rule.ROLE_WITHOUT_CONTENT)
    return None


def _own_record(caller: Caller, interaction: Interaction, facts: Facts) -> Decision | None:
    if caller.record is None and caller.role not in RECORD_ROLES:
        return None
    if caller.record is None or not facts.own_record:
        return Decision(False, Rule.ANOTHER_RECORD)
    word = "write" if interaction.writes else "read"
    if caller.role in SCOPED_ROLES and word not in facts.words:
        return Decision(False, Rule.OUTSIDE_REGISTRY_SCOPE)
    if caller.role in RECORD_ROLES or caller.institution is None:
        return Decision(True, Rule.OWN_RECORD)
    return None


def _relationship(caller: Caller, interaction: Interaction, facts: Facts) -> Decision | None:
    if caller.institution is None or caller.role not in INSTITUTIONS | TOOLS:
        return None
    if not facts.linked:
        return Decision(False, Rule.NOT_LINKED)
    if interaction in (Interaction.CREATE, Interaction.APPEND):
        return Decision(True, Rule.LINKED_WRITES)
    last = facts.last_activity_ms
    if last is None or facts.now_ms - last >= facts.period_ms:
        return Decision(False, Rule.RELATIONSHIP_OVER)
    return Decision(True, Rule.CARE_RELATIONSHIP)


_Check = Callable[[Caller, Interaction, Facts], Decision | None]
_RULES: Final[tuple[_Check, ...]] = (_actor, _own_record, _relationship)


def _needed(caller: Caller, interaction: Interaction, type_: str) -> str:
    if "/" in interaction.needs:
        return interaction.needs
    context = PATIENT if caller.record is not None else "user"
    return f"{context}/{type_}.{interaction.needs}"


def demand_scope(caller: Caller, interaction: Interaction, type_: str) -> None:
    """Raises Refused 403: to be asked first, before anything is looked up."""
    if not by_scope(caller, interaction, type_).allowed:
        raise Refused(
            403,
            "the token's scope does not reach that far",
            hint=f"ask for a token with scope {_needed(caller, interaction, type_)}",
            code="forbidden",
            # RFC 6750 section 3.1
            headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
            denied="scope",
        )
