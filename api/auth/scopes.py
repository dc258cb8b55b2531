"""Scopes: what a token may be good for, as SMART App Launch 2 writes it, and three of our own.

    scope    = context "/" type "." letters
    context  = "system" / "user" / "patient"
    type     = a FHIR resource type, or "*"
    letters  = "c" "r" "u" "d" "s", at least one, in this order, each at most once

    ledger/append   statements into /v1
    ledger/read     authors' bytes, receipts, evidence out of /v1
    log/entries     entry bundles of the log

Scopes of SMART 1 are taken and answered in the form of SMART 2: ``.read`` is ``.rs``, ``.write``
is ``.cud``, ``.*`` is ``.cruds`` (SMART App Launch 2.2, "Scopes for requesting FHIR Resources").
Search parameters behind ``?`` are refused: what they promise is not built. So are ``openid``,
``fhirUser``, ``launch`` and ``offline_access``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger.identity.roles import INSTITUTIONS, RECORD_ROLES
from ledger.wire.claim import Kind

LETTERS: Final = "cruds"
ANY_TYPE: Final = "*"
PATIENT: Final = "patient"
LEDGER_APPEND: Final = "ledger/append"
LEDGER_READ: Final = "ledger/read"
LOG_ENTRIES: Final = "log/entries"
OWN_SCOPES: Final = frozenset({LEDGER_APPEND, LEDGER_READ, LOG_ENTRIES})
MAX_SCOPES: Final = 64
MAX_TEXT: Final = 4096
"""Characters of all scopes that a token is asked for."""

_V1: Final = {"read": "rs", "write": "cud", "*": LETTERS}
_FORM: Final = re.compile(
    r"(system|user|patient)/([A-Z][A-Za-z]{1,63}|\*)\.(?:(c?r?u?d?s?)|(read|write|\*))", re.ASCII
)
_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""scope-token of RFC 6749 section 3.3."""

TOOLS: Final = frozenset({"device", "app"})
AUDITORS: Final = frozenset({"custodian", "auditor"})
WITHOUT_CONTENT: Final = AUDITORS | {"researcher"}
"""Roles to which no record is shown."""

_LETTERS_OF: Final = {
    "c": Kind.RECORD,
    "r": Kind.ACCESS,
    "u": Kind.AMEND,
    "d": Kind.RETRACT,
    "s": Kind.ACCESS,
}


class BadScope(ValueError):
    """A scope that is malformed, unknown, or not for this actor. The message is for its client."""


@dataclass(frozen=True, slots=True)
class FhirScope:
    """One scope over FHIR resources."""

    context: str
    type: str
    letters: str

    def __str__(self) -> str:
        return f"{self.context}/{self.type}.{self.letters}"

    def covers(self, letters: str, type_: str) -> bool:
        """Whether it allows all of these letters for this type."""
        return self.type in (ANY_TYPE, type_) and set(letters) <= set(self.letters)


def parse_fhir_scope(text: str) -> FhirScope | None:
    """A scope of SMART 1 or 2, None for anything else."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    context, type_, letters, old = found.groups()
    letters = _V1[old] if old else letters
    return FhirScope(context, type_, letters) if letters else None


def read_scopes(text: str) -> frozenset[str]:
    """The scopes of a token request, in the form of SMART 2. Raises BadScope."""
    words = text.split(" ")
    if len(text) > MAX_TEXT or len(words) > MAX_SCOPES:
        raise BadScope(f"at most {MAX_SCOPES} scopes and {MAX_TEXT} characters")
    return frozenset(_in_one_form(word) for word in words)


def _in_one_form(word: str) -> str:
    if word in OWN_SCOPES:
        return word
    scope = parse_fhir_scope(word)
    if scope is None:
        shown = f" {word}" if _TOKEN.fullmatch(word) and len(word) <= 80 else ""
        raise BadScope(f"scope{shown} is unknown; a scope is like system/Observation.rs")
    return str(scope)


def letters_for(kinds: Iterable[Kind]) -> str:
    """The letters that somebody who signs entries of these kinds may have."""
    signed = frozenset(kinds)
    return "".join(letter for letter, kind in _LETTERS_OF.items() if kind in signed)


def check_grantable(scopes: frozenset[str], role: str, kinds: frozenset[Kind], own: bool) -> None:
    """Whether an actor of this role, which signs these kinds and acts in one record only (``own``)
    or not, may get all these scopes. Raises BadScope for the first that it may not.

        patient/     persons, proxies, guardians; devices and apps of one record
        system/      organisations, gateways, practitioners; devices and apps of no one record
        user/        as system/
        ledger/      as system/; a device appends, and reads nothing
                     persons, proxies, guardians read: what proves their own record
                     custodians and auditors read: receipts and evidence, never content
        log/entries  custodians and auditors, who get nothing else; researchers get nothing

    Letters follow what it signs: c record, u amend, d retract, r and s access.
    """
    for text in sorted(scopes):
        if not _grantable(text, role, kinds, own):
            raise BadScope(f"scope {text} is not for this client")


def _grantable(text: str, role: str, kinds: frozenset[Kind], own: bool) -> bool:
    if role in AUDITORS:
        return text in (LOG_ENTRIES, LEDGER_READ)
    if role not in INSTITUTIONS | TOOLS | RECORD_ROLES or text == LOG_ENTRIES:
        return False
    if text == LEDGER_READ:
        return Kind.ACCESS in kinds and (role in RECORD_ROLES or not own)
    if text == LEDGER_APPEND:
        return Kind.RECORD in kinds and not own
    scope = parse_fhir_scope(text)
    return (
        scope is not None
        and (scope.context == PATIENT) is own
        and set(scope.letters) <= set(letters_for(kinds))
    )
