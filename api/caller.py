"""Caller: who sent a request, as its access token says. Made by ``api.auth``, read by everybody.

A token is of one enrolled actor. What it may do is the narrower of its scopes and of what the
registry says of the actor now (``api.auth.decision``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from ledger.wire.ids import ActorId, ChainId


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller. ``institution`` is the organisation that it acts for: itself, or the one that
    enrolled it; None for persons, custodians, auditors.
    """

    actor: ActorId
    role: str
    """A role of docs/spec/registry.md."""
    institution: ActorId | None
    record: ChainId | None
    """The one record that it acts in: of persons, proxies, guardians."""
    scopes: frozenset[str]
    """As granted: ``system/Observation.rs``, ``ledger/append`` …"""
    purpose: str
    """Code of HL7 v3 PurposeOfUse, for its access entries."""


CALLER: Final = web.RequestKey("caller", Caller)
"""Set on every request that came with a good token."""
