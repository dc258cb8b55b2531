"""What the roles of actors may do: who enrols them, what they sign, and where.

record  must: only for one person's record   may: with or without one   never: everywhere
"""

from __future__ import annotations

from typing import NamedTuple

from verifier.formats.claim import (
    ACCESS,
    AMEND,
    BATCH,
    ERASURE,
    LINK,
    OPEN,
    RECORD,
    RETRACT,
    UNLINK,
)

GOVERNORS = "governors"
MUST, MAY, NEVER = "must", "may", "never"


class Role(NamedTuple):
    enrolled_by: frozenset[str]
    signs: frozenset[int] | None
    """Kinds of entries; None: what its scope says."""
    record: str = NEVER


def _role(enrolled_by: str, signs: set[int] | None, record: str = NEVER) -> Role:
    return Role(frozenset(enrolled_by.split()), None if signs is None else frozenset(signs), record)


_PERSON = {RECORD, AMEND, RETRACT, LINK, UNLINK, ACCESS, ERASURE, BATCH}
_ORGANISATION = _PERSON | {OPEN}
ROLES = {
    "organisation": _role("governors", _ORGANISATION),
    "gateway": _role("governors organisation", _ORGANISATION),
    "practitioner": _role("governors organisation", _ORGANISATION),
    "person": _role("governors organisation", _PERSON, MUST),
    "proxy": _role("governors person", None, MUST),
    "guardian": _role("governors organisation", None, MUST),
    "device": _role("governors organisation person", {RECORD, BATCH}, MAY),
    "app": _role("governors organisation person", {RECORD, AMEND, RETRACT, ACCESS, BATCH}, MAY),
    "custodian": _role("governors", {ACCESS, ERASURE}),
    "auditor": _role("governors", {ACCESS}),
    "researcher": _role("governors", {ACCESS}),
}
SCOPES = {
    "consent": frozenset[int](),
    "link": frozenset({LINK, UNLINK}),
    "read": frozenset({ACCESS}),
    "write": frozenset({RECORD, AMEND, RETRACT, BATCH}),
}


def kinds_signed(role: str, scope: tuple[str, ...]) -> frozenset[int]:
    """The kinds of entries that an actor of this role and scope signs."""
    signs = ROLES[role].signs
    return frozenset().union(*(SCOPES[item] for item in scope)) if signs is None else signs
