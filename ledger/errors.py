"""Errors by blame: an exit code, an API answer and a log level follow from the class alone.

    BadRequest   the caller's input cannot be taken; nothing was changed
    BadEvidence  something that should prove a fact does not; says which step, expected, found
    LedgerFault  our own storage, disk or clock is at fault; stop, then recover by opening again

No message carries health data, key material or tokens.
"""

from __future__ import annotations


class CounterfoilError(Exception):
    """Base of everything that counterfoil raises on purpose.

    ``message`` is lower-case and says what is wrong, ``hint`` what to do about it (may be empty).
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadRequest(CounterfoilError):
    """Input that the format or the rules refuse. The ledger is unchanged."""


class Unreadable(BadRequest):
    """Bytes that are no text of their format at all: what they say is not known."""


class Misaddressed(BadRequest):
    """A resource of another type or id than the address that it was sent to."""


class Conflict(BadRequest):
    """The same (author, entry id) already stands for other bytes."""


class BadEvidence(CounterfoilError):
    """A proof, signature or stored byte that does not verify."""

    def __init__(self, step: str, *, expected: str = "", found: str = "", hint: str = "") -> None:
        detail = f": expected {expected}, found {found}" if expected or found else ""
        super().__init__(f"{step}{detail}", hint=hint)
        self.step = step
        self.expected = expected
        self.found = found


class LedgerFault(CounterfoilError):
    """The ledger's own side failed: disk, damaged store, clock, another writer."""
