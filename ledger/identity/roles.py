"""Roles: what an actor signs and where, and who enrols it: the tables of docs/spec/registry.md."""

from __future__ import annotations

from typing import Final

from ledger.errors import BadRequest
from ledger.wire.claim import Kind

GOVERNORS: Final = "governors"
"""Stands for them in the table of enrolments; it is no role of an actor."""

_ABOUT_RECORDS: Final = frozenset(
    {
        Kind.RECORD,
        Kind.AMEND,
        Kind.RETRACT,
        Kind.LINK,
        Kind.UNLINK,
        Kind.ACCESS,
        Kind.ERASURE,
        Kind.BATCH,
    }
)
_INSTITUTION: Final = _ABOUT_RECORDS | {Kind.OPEN}

ROLE_KINDS: Final = {
    "organisation": _INSTITUTION,
    "gateway": _INSTITUTION,
    "practitioner": _INSTITUTION,
    "person": _ABOUT_RECORDS,
    "proxy": frozenset[Kind](),
    "guardian": frozenset[Kind](),
    "device": frozenset({Kind.RECORD, Kind.BATCH}),
    "app": frozenset({Kind.RECORD, Kind.AMEND, Kind.RETRACT, Kind.ACCESS, Kind.BATCH}),
    "custodian": frozenset({Kind.ACCESS, Kind.ERASURE}),
    "auditor": frozenset({Kind.ACCESS}),
    "researcher": frozenset({Kind.ACCESS}),
}
"""What each role signs; a scope adds to it."""
ROLES: Final = frozenset(ROLE_KINDS)

SCOPE_KINDS: Final = {
    "consent": frozenset[Kind](),
    "link": frozenset({Kind.LINK, Kind.UNLINK}),
    "read": frozenset({Kind.ACCESS}),
    "write": frozenset({Kind.RECORD, Kind.AMEND, Kind.RETRACT, Kind.BATCH}),
}
"""What a proxy or guardian signs with each word of its scope."""
SCOPED_ROLES: Final = frozenset({"proxy", "guardian"})
RECORD_ROLES: Final = SCOPED_ROLES | {"person"}
"""They act in one person's record only."""
INSTITUTIONS: Final = frozenset({"organisation", "gateway", "practitioner"})
"""Those who treat, and what signs for them."""
MAY_HAVE_RECORD: Final = RECORD_ROLES | {"device", "app"}

ENROLLED_BY: Final = {
    "organisation": frozenset({GOVERNORS}),
    "gateway": frozenset({GOVERNORS, "organisation"}),
    "practitioner": frozenset({GOVERNORS, "organisation"}),
    "person": frozenset({GOVERNORS, "organisation"}),
    "proxy": frozenset({GOVERNORS, "person"}),
    "guardian": frozenset({GOVERNORS, "organisation"}),
    "device": frozenset({GOVERNORS, "organisation", "person"}),
    "app": frozenset({GOVERNORS, "organisation", "person"}),
    "custodian": frozenset({GOVERNORS}),
    "auditor": frozenset({GOVERNORS}),
    "researcher": frozenset({GOVERNORS}),
}


def check_role(role: str) -> None:
    """Raises BadRequest for a role that there is not."""
    if role not in ROLES:
        raise BadRequest(f"role {role} is unknown", hint="one of " + ", ".join(sorted(ROLES)))


def kinds_of(role: str, scope: frozenset[str]) -> frozenset[Kind]:
    """What an actor of this role and scope may sign."""
    return ROLE_KINDS[role].union(*(SCOPE_KINDS[word] for word in scope))
