"""Requests: an act that governors are asked to approve, as files that go from hand to hand.

    proposal  {"counterfoil": "proposal/v1", "kind", "log", "chain", "prev", "change", "expires_ms",
               "summary": [text], "note"}
    approval  {"counterfoil": "approval/v1", "act", "approval"}

JSON, bytes in hex. Who approves signs what the change says: the summary is made from it and must be
the file's, while the note is only the proposer's word. ``act`` is the SHA-256 of the approved
payload, so that an approval finds its proposal.

A proposal is good for one place, behind the leaf ``prev`` of its chain: when something else is
appended there, it is stale, with all its approvals.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ledger.errors import BadRequest
from ledger.identity.approvals import Act, check_signed_by, parse_approval, sign_approval
from ledger.identity.bodies import (
    Change,
    Contest,
    Enrol,
    Governor,
    Governors,
    Quorum,
    Revoke,
    Rotate,
    decode_actor_body,
    decode_trust_body,
    with_quorum,
)
from ledger.identity.fields import exactly
from ledger.identity.genesis import Genesis
from ledger.identity.succession import Succession
from ledger.wire import cbor
from ledger.wire.claim import Kind
from ledger.wire.ids import HASH_SIZE, ID_SIZE, MAX_INTEGER, ChainId, Hash
from ledger.wire.keys import KeyId
from ledger.wire.login_keys import ALGORITHM_NAMES
from ledger.wire.statement import StatementKey

_PROPOSAL: Final = "proposal/v1"
_APPROVAL: Final = "approval/v1"
_KINDS: Final = {
    "genesis": Kind.GENESIS,
    "succession": Kind.SUCCESSION,
    "trust": Kind.TRUST,
    "actor": Kind.ACTOR,
}
MAX_FILE: Final = 1 << 20
"""Bytes of a proposal or an approval in JSON."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An act to be approved."""

    act: Act
    note: str = ""

    @property
    def body(self) -> Change | Genesis | Succession:
        """The change, without approvals. Raises BadRequest."""
        match self.act.kind:
            case Kind.GENESIS:
                return Genesis.to_approve(exactly(cbor.decode(self.act.change), _GENESIS_CHANGE))
            case Kind.SUCCESSION:
                return Succession.of_change(self.act.change)
            case Kind.TRUST:
                return decode_trust_body(self.act.change)
            case Kind.ACTOR:
                return decode_actor_body(self.act.change)
        raise BadRequest(f"governors approve nothing of kind {self.act.kind.name.lower()}")

    @property
    def summary(self) -> list[str]:
        """What the change says, line by line. Raises BadRequest."""
        return describe(self.body, self.act.chain)

    @property
    def digest(self) -> Hash:
        """Names the act in approval files."""
        return Hash(sha256(self.act.payload()).digest())

    def encode(self) -> bytes:
        """The file."""
        act = self.act
        row = {
            "counterfoil": _PROPOSAL,
            "kind": act.kind.name.lower(),
            "log": act.log.hex(),
            "chain": act.chain.hex(),
            "prev": act.prev.hex(),
            "change": act.change.hex(),
            "expires_ms": act.expires_ms,
            "summary": self.summary,
            "note": self.note,
        }
        return json.dumps(row, indent=1, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Proposal:
        """Read a file. Raises BadRequest."""
        row = _object(data, _PROPOSAL, "kind log chain prev change expires_ms summary note")
        kind, expires, note = row["kind"], row["expires_ms"], row["note"]
        if not isinstance(kind, str) or kind not in _KINDS or not isinstance(note, str):
            raise BadRequest("the proposal is of an unknown kind, or its note is no text")
        if type(expires) is not int or not 0 <= expires <= MAX_INTEGER:
            raise BadRequest("the proposal's expiry is no time in milliseconds")
        act = Act(
            _KINDS[kind],
            Hash(_hex(row, "log", HASH_SIZE)),
            ChainId(_hex(row, "chain", ID_SIZE)),
            Hash(_hex(row, "prev", HASH_SIZE)),
            _hex(row, "change"),
            expires,
        )
        proposal = cls(act, note)
        if row["summary"] != proposal.summary:
            raise BadRequest(
                "the summary in the proposal is not what its change says",
                hint="do not approve it; ask who made it",
            )
        return proposal


_GENESIS_CHANGE: Final = "checkpoint governors hash origin statement threshold"


def approve(proposal: Proposal, key: StatementKey) -> bytes:
    """A governor's approval, as a file."""
    approval = sign_approval(key, proposal.act.payload())
    row = {
        "counterfoil": _APPROVAL,
        "act": proposal.digest.hex(),
        "approval": approval.hex(),
    }
    return json.dumps(row, indent=1).encode() + b"\n"


def collect(
    proposal: Proposal, files: Sequence[bytes], governors: Sequence[Governor]
) -> tuple[bytes, ...]:
    """The approvals in approval files, each checked, in the order in which they must stand. One
    that was handed in twice counts once. Raises BadRequest or BadEvidence.
    """
    found: dict[KeyId, bytes] = {}
    for data in files:
        row = _object(data, _APPROVAL, "act approval")
        if _hex(row, "act", HASH_SIZE) != proposal.digest:
            raise BadRequest(
                "an approval is for another proposal", hint="was it proposed again since?"
            )
        approval = _hex(row, "approval")
        found[parse_approval(approval).kid] = approval
    ordered = tuple(found[kid] for kid in sorted(found))
    check_signed_by(ordered, proposal.act.payload(), {one.kid: one for one in governors})
    return ordered


def approved(proposal: Proposal, approvals: Sequence[bytes]) -> Change:
    """The body of a trust or actor entry with its approvals. Raises BadRequest."""
    body = proposal.body
    if isinstance(body, Genesis | Succession):
        raise BadRequest("a first leaf is approved when a ledger is founded")
    return with_quorum(body, Quorum(proposal.act.expires_ms, tuple(approvals)))


def describe(body: Change | Genesis | Succession, chain: ChainId) -> list[str]:
    """A change in words, line by line."""
    match body:
        case Genesis():
            return [
                f"found the log {body.origin}",
                *_governor_lines(body.governors, body.threshold),
            ]
        case Succession(genesis, predecessor, renewal):
            return [
                f"let the log {genesis.origin} take over from {predecessor.origin}",
                f"which ends with {predecessor.size} entries and root {predecessor.root.hex()}",
                *(["and is bound once more under SHA3-256"] if renewal else []),
                *_governor_lines(genesis.governors, genesis.threshold),
            ]
        case Governors():
            return ["replace the governors", *_governor_lines(body.governors, body.threshold)]
        case Enrol():
            return [f"enrol a new {body.role} {chain.hex()}", *_enrol_lines(body)]
        case Rotate():
            new = _key_line(body.key.alg, body.key.kid, body.key.use)
            return [f"replace key {body.kid.hex()} of actor {chain.hex()}", f"by {new}"]
        case Revoke():
            return [f"revoke key {body.kid.hex()} of actor {chain.hex()}"]
        case Contest():
            return [f"contest actor {chain.hex()} from entry {body.since} on"]


def _governor_lines(governors: Sequence[Governor], threshold: int) -> list[str]:
    lines = [
        f"governor {one.id.hex()} with {_key_line(one.alg, one.kid, 'govern')}" for one in governors
    ]
    return [*lines, f"{threshold} of {len(governors)} must agree"]


def _enrol_lines(body: Enrol) -> list[str]:
    lines = [_key_line(key.alg, key.kid, key.use) for key in body.keys]
    if body.record is not None:
        lines.append(f"for record {body.record.hex()}")
    if body.scope:
        lines.append("may " + ", ".join(sorted(body.scope)))
    dates = {"from": body.from_ms, "until": body.until_ms}
    return lines + [f"{name} {ms} ms" for name, ms in dates.items() if ms]


def _key_line(alg: int, kid: KeyId, use: str) -> str:
    return f"{ALGORITHM_NAMES[alg]} key {kid.hex()} for {use}"


def _object(data: bytes, what: str, names: str) -> dict[str, object]:
    """A JSON object of one of our two forms. Raises BadRequest."""
    try:
        row = json.loads(data) if len(data) <= MAX_FILE else None
    except (ValueError, RecursionError):
        row = None
    if (
        not isinstance(row, dict)
        or row.get("counterfoil") != what
        or set(row) != {"counterfoil", *names.split()}
    ):
        raise BadRequest(f"the file is no counterfoil {what}", hint="give the file as it was made")
    return row


def _hex(row: dict[str, object], name: str, size: int | None = None) -> bytes:
    text = row[name]
    try:
        data = bytes.fromhex(text) if isinstance(text, str) else None
    except ValueError:
        data = None
    if data is None or data.hex() != text or size not in (None, len(data)):
        raise BadRequest(f"{name} is not what it must be in hexadecimal")
    return data
