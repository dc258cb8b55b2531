"""Governing: changes of actors and governors, from what is wanted to the entry that says it.

Whoever acts is an author with its key. When it is a governor and others must agree, their approvals
are signed here, where their keys are (``approvers``), or come from files (``ledger.identity.
requests``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.admission import Submission
from ledger.author import Author
from ledger.errors import BadRequest
from ledger.heads import Head
from ledger.identity import Act, Change, Governors, Quorum, Registry, change_bytes, with_quorum
from ledger.identity.approvals import sign_approval
from ledger.identity.requests import Proposal, approved, collect
from ledger.wire.claim import Kind
from ledger.wire.ids import ZERO_HASH, ChainId
from ledger.wire.statement import StatementKey

APPROVED_FOR_MS: Final = 3_600_000
"""How long approvals that are signed at once are good."""


def act_of(
    registry: Registry, head: Head | None, chain: ChainId, body: Change, expires_ms: int
) -> Act:
    """What governors approve, when ``head`` is the chain's newest leaf."""
    kind = Kind.TRUST if isinstance(body, Governors) else Kind.ACTOR
    prev = ZERO_HASH if head is None else head.hash
    return Act(kind, registry.log, chain, prev, change_bytes(body), expires_ms)


def signed_change(
    registry: Registry,
    act: Act,
    body: Change,
    by: Author,
    approvers: Sequence[StatementKey],
    name: str,
) -> Submission:
    """The entry, with the approvals of ``approvers`` when governors must agree."""
    if registry.governor(by.id) is not None and registry.threshold > 1:
        payload = act.payload()
        signed = {key.kid: sign_approval(key, payload) for key in approvers}
        approvals = tuple(signed[kid] for kid in sorted(signed))
        body = with_quorum(body, Quorum(act.expires_ms, approvals))
    elif approvers:
        raise BadRequest("nobody needs to approve this", hint="leave the approvers out")
    return by.change(act.kind, act.chain, body.encode(), name)


def enacted(
    registry: Registry,
    head: Head | None,
    proposal: Proposal,
    files: Sequence[bytes],
    by: Author,
    name: str,
) -> Submission:
    """The entry that a proposal asks for, with the approvals in these files. Raises BadRequest when
    the proposal is stale or of another log.
    """
    act = proposal.act
    if act.log != registry.log:
        raise BadRequest("the proposal is for another log")
    if act.prev != (ZERO_HASH if head is None else head.hash):
        at = "" if head is None else f" to index {head.at}"
        raise BadRequest(
            f"the proposal is stale: its chain has gone on{at} since it was made",
            hint="propose it again, and have it approved again",
        )
    approvals = collect(proposal, files, registry.governors)
    return by.change(act.kind, act.chain, approved(proposal, approvals).encode(), name)
