"""Granting: the caller that a token is to stand for, from an actor, scopes and a purpose."""

from __future__ import annotations

from typing import Final

from api.auth.scopes import (
    AUDITORS,
    LOG_ENTRIES,
    BadScope,
    check_grantable,
    letters_for,
    read_scopes,
)
from api.caller import Caller
from ledger.identity import Actor, Registry
from ledger.identity.roles import RECORD_ROLES
from ledger.resources.relations import institution_of

_CARE: Final = ("TREAT", "FAMRQT", "HOPERAT", "HPAYMT", "PATRQT", "PUBHLTH", "RECORDMGT")
_OWN: Final = ("PATRQT", "FAMRQT")
_AUDIT: Final = ("HOPERAT",)


class BadPurpose(ValueError):
    """A purpose that this client cannot have. The message is for it."""


def grant(registry: Registry, actor: Actor, scope: str, purpose: str) -> Caller:
    """The caller, if it may have all these scopes; an empty purpose is the first of its role's.
    Raises BadScope, BadPurpose.
    """
    scopes = read_scopes(scope)
    check_grantable(scopes, actor.role, actor.kinds, actor.record is not None)
    return Caller(
        actor.id,
        actor.role,
        institution_of(registry, actor.id),
        actor.record,
        scopes,
        _purpose(actor.role, purpose),
    )


def all_scopes(actor: Actor) -> str:
    """What somebody gets who logs in without saying for what. Raises BadScope."""
    if actor.role in AUDITORS:
        return LOG_ENTRIES
    letters = letters_for(actor.kinds)
    if not letters:
        raise BadScope("there is nothing that this actor may do here")
    return f"{'user' if actor.record is None else 'patient'}/*.{letters}"


def purposes_of(role: str) -> tuple[str, ...]:
    """Codes of HL7 v3 PurposeOfUse that a role may name, the usual one first. ETREAT, BTG and
    HRESCH are nobody's: emergency access and research are not built.
    """
    if role in RECORD_ROLES:
        return _OWN
    return _AUDIT if role in AUDITORS else _CARE


def _purpose(role: str, asked: str) -> str:
    known = purposes_of(role)
    if asked and asked not in known:
        raise BadPurpose(f"purpose_of_use of this client is one of {' '.join(known)}")
    return asked or known[0]
