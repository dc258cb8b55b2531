"""Refusals that only the log's state can tell: wrong chains, actor entries, amendments."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.admission import Submission
from ledger.author import Author
from ledger.errors import BadRequest
from ledger.identity import Enrol, NewKey, Revoke
from ledger.wire import cbor
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import ChainId, Hash, new_chain_id, new_entry_id
from ledger.wire.keys import ED25519, raw_public
from tests.log.refusals import Make, Refusal
from tests.log.sample import (
    CLINIC_KEY,
    Sample,
    batch_chain,
    entry_with,
    now_ms,
    raw_entry,
    sealed_for,
)


def _amend(sample: Sample, kind: Kind, amended: bytes, amends: int | None) -> Submission:
    return entry_with(sample.clinic, sample.record, kind=kind, amended=Hash(amended), amends=amends)


def _raw_actor(governor: Author, chain: bytes, body: bytes) -> Submission:
    now = now_ms()
    claim = Claim(
        Kind.ACTOR, governor.log, ChainId(chain), governor.id, new_entry_id(now), now, body=body
    )
    return Submission(governor.key.sign(claim))


def _enrolment(**changes: cbor.Value) -> bytes:
    body: dict[str, cbor.Value] = {
        "op": "enrol",
        "role": "app",
        "keys": [{"alg": ED25519, "key": _new_key(), "use": "statement"}],
    }
    return cbor.encode(body | changes)


def _app(key: bytes) -> bytes:
    return Enrol("app", (NewKey(key),)).encode()


def _new_key() -> bytes:
    return raw_public(Ed25519PrivateKey.generate())


def _unordered(body: bytes) -> bytes:
    """The same map with its first pair (keys) behind its second (op): no deterministic CBOR."""
    assert body[:1] == b"\xa3"
    op = b"\x62op\x65enrol"
    assert body[1 : 1 + len(op)] == op
    return b"\xa3" + body[1 + len(op) :] + op


def _long_integer(body: bytes) -> bytes:
    """The text length 5 of "enrol" in two bytes."""
    return body.replace(b"\x65enrol", b"\x78\x05enrol")


def _on_directory(kind: Kind) -> Make:
    return lambda s, g: entry_with(s.clinic, s.clinic.directory, kind=kind)


def _with_body(body: Callable[[], bytes]) -> Make:
    """An actor entry with any body, past the encoder's checks."""
    return lambda s, g: _raw_actor(g, os.urandom(16), body())


def _amending(kind: Kind, index: int) -> Make:
    """An amendment that rightly names the leaf at an index."""
    return lambda s, g: _amend(s, kind, s.hash(index), index)


def entry_of_kind(sample: Sample, kind: Kind) -> Submission:
    claim, sealed = sealed_for(sample.clinic, sample.record)
    raw = claim.encode()
    return raw_entry(sample.clinic, raw[:1] + bytes([kind]) + raw[2:], sealed)


OF_STATE: Final = [
    # The chain.
    Refusal(
        "record on an unknown chain",
        lambda s, g: entry_with(s.clinic, new_chain_id()),
        BadRequest,
        "is unknown",
        "open it first",
    ),
    Refusal(
        "access on an unknown chain",
        lambda s, g: entry_with(s.clinic, new_chain_id(), kind=Kind.ACCESS),
        BadRequest,
        "is unknown",
    ),
    Refusal(
        "open on an open record",
        lambda s, g: entry_with(s.clinic, s.record, kind=Kind.OPEN),
        BadRequest,
        "kind open cannot stand on this chain (person)",
    ),
    Refusal(
        "open on an actor's chain",
        lambda s, g: entry_with(s.clinic, ChainId(s.clinic.id), kind=Kind.OPEN),
        BadRequest,
        "kind open cannot stand on this chain (actor)",
    ),
    Refusal(
        "open on the log's chain",
        lambda s, g: entry_with(s.clinic, s.log_chain, kind=Kind.OPEN),
        BadRequest,
        "kind open cannot stand on this chain (log)",
    ),
    Refusal(
        "record on an actor's chain",
        lambda s, g: entry_with(s.clinic, ChainId(s.clinic.id)),
        BadRequest,
        "kind record cannot stand on this chain (actor)",
    ),
    Refusal(
        "record on the log's chain",
        lambda s, g: entry_with(s.clinic, s.log_chain),
        BadRequest,
        "kind record cannot stand on this chain (log)",
    ),
    Refusal(
        "directory of another",
        lambda s, g: entry_with(s.clinic, s.hospital.directory),
        BadRequest,
        "only its owner",
    ),
    Refusal(
        "batch chain of another",
        lambda s, g: entry_with(s.clinic, batch_chain(s.hospital)),
        BadRequest,
        "only its owner",
    ),
    Refusal(
        "record on the own batch chain",
        lambda s, g: entry_with(s.clinic, batch_chain(s.clinic)),
        BadRequest,
        "kind record cannot stand on this chain",
    ),
    *(
        Refusal(
            f"{kind.name.lower()} on a directory",
            _on_directory(kind),
            BadRequest,
            f"kind {kind.name.lower()} cannot stand on this chain",
        )
        for kind in (Kind.OPEN, Kind.LINK, Kind.ACCESS)
    ),
    Refusal(
        "batch without members",
        lambda s, g: entry_with(
            s.clinic,
            batch_chain(s.clinic),
            kind=Kind.BATCH,
            body=bytes([6, 0, 0, 0, 1]) + b"\1" * 32,
        ),
        BadRequest,
        "together with its members",
    ),
    Refusal(
        "second genesis",
        lambda s, g: entry_with(g, s.log_chain, kind=Kind.GENESIS, body=b"\1"),
        BadRequest,
        "kind genesis cannot stand on this chain (log)",
    ),
    Refusal(
        "genesis on a chain of its own",
        lambda s, g: entry_with(g, new_chain_id(), kind=Kind.GENESIS, body=b"\1"),
        BadRequest,
        "is unknown",
    ),
    # Actors.
    Refusal(
        "enrolled twice",
        lambda s, g: g.actor(ChainId(s.clinic.id), _app(_new_key())),
        BadRequest,
        "first entry of a new actor's chain",
    ),
    Refusal(
        "enrolled on a record",
        lambda s, g: g.actor(s.record, _app(_new_key())),
        BadRequest,
        "kind actor cannot stand on this chain (person)",
    ),
    Refusal(
        "enrolled on the log's chain",
        lambda s, g: g.actor(s.log_chain, _app(_new_key())),
        BadRequest,
        "kind actor cannot stand on this chain (log)",
    ),
    Refusal(
        "enrolled on a derived chain",
        lambda s, g: g.actor(s.clinic.directory, _app(_new_key())),
        BadRequest,
        "only its owner",
    ),
    Refusal(
        "key of another author",
        lambda s, g: g.actor(new_chain_id(), _app(raw_public(CLINIC_KEY))),
        BadRequest,
        "already registered",
        "generate a new key",
    ),
    Refusal(
        "revoked key again",
        lambda s, g: g.actor(new_chain_id(), _app(s.leaver.key.public_key)),
        BadRequest,
        "already registered",
    ),
    Refusal(
        "governor's key",
        lambda s, g: g.actor(new_chain_id(), _app(g.key.public_key)),
        BadRequest,
        "already registered",
    ),
    Refusal(
        "enrolled by an author",
        lambda s, g: s.clinic.actor(
            new_chain_id(), Enrol("organisation", (NewKey(_new_key()),)).encode()
        ),
        BadRequest,
        "role organisation cannot be enrolled by organisation",
        "enrolled by governors",
    ),
    Refusal(
        "revoked by somebody else",
        lambda s, g: s.clinic.actor(ChainId(s.hospital.id), Revoke(s.hospital.key.kid).encode()),
        BadRequest,
        "by itself, by who enrolled it, or by the governors",
    ),
    Refusal(
        "enrolled under the governor's id by an author",
        lambda s, g: replace(s.clinic, id=g.id).actor(new_chain_id(), _app(_new_key())),
        BadRequest,
        "is not a current key of author",
    ),
    Refusal(
        "revoked twice",
        lambda s, g: g.actor(ChainId(s.leaver.id), Revoke(s.leaver.key.kid).encode()),
        BadRequest,
        "no key of this actor that is valid now",
    ),
    Refusal(
        "revoked under another's key id",
        lambda s, g: g.actor(ChainId(s.clinic.id), Revoke(s.hospital.key.kid).encode()),
        BadRequest,
        "no key of this actor that is valid now",
    ),
    Refusal(
        "revocation on a new chain",
        lambda s, g: g.actor(new_chain_id(), Revoke(s.clinic.key.kid).encode()),
        BadRequest,
        "chain of an enrolled actor",
    ),
    Refusal(
        "revocation of the governor's key",
        lambda s, g: g.actor(ChainId(g.id), Revoke(g.key.kid).encode()),
        BadRequest,
        "chain of an enrolled actor",
    ),
    *(
        Refusal(
            f"actor body: {name}",
            _with_body(body),
            BadRequest,
            message,
        )
        for name, body, message in (
            ("keys not in order", lambda: _unordered(_enrolment()), "cbor"),
            ("length not shortest", lambda: _long_integer(_enrolment()), "cbor"),
            ("byte behind", lambda: _enrolment() + b"\0", "cbor: 1 bytes behind"),
            ("cut short", lambda: _enrolment()[:-1], "cbor"),
            ("no map", lambda: cbor.encode([1]), "map"),
            ("field missing", lambda: cbor.encode({"op": "enrol", "role": "app"}), "fields"),
            ("field too many", lambda: _enrolment(name="x"), "fields"),
            ("unknown operation", lambda: _enrolment(op="expel"), "unknown operation"),
            ("unknown role", lambda: _enrolment(role="king"), "role king is unknown"),
            ("no key", lambda: _enrolment(keys=[]), "1 to 8 items"),
            ("keys that are none", lambda: _enrolment(keys=[1, 2]), "fields alg key use"),
            (
                "other use",
                lambda: _enrolment(keys=[{"alg": -19, "key": _new_key(), "use": "sealing"}]),
                "use sealing of a key is unknown",
            ),
            (
                "other algorithm",
                lambda: _enrolment(keys=[{"alg": -8, "key": _new_key(), "use": "statement"}]),
                "algorithm -8",
            ),
            (
                "key of small order",
                lambda: _enrolment(keys=[{"alg": -19, "key": bytes(32), "use": "statement"}]),
                "prime-order",
            ),
            (
                "key not canonical",
                lambda: _enrolment(keys=[{"alg": -19, "key": b"\xff" * 32, "use": "statement"}]),
                "canonical",
            ),
            ("key id of 31 bytes", lambda: cbor.encode({"op": "revoke", "kid": bytes(31)}), "32"),
        )
    ),
    # Amendments; the sample's record entry stands at index 6, the access to it at 7.
    Refusal(
        "amendment of nothing",
        lambda s, g: entry_of_kind(s, Kind.AMEND),
        BadRequest,
        "amended hash",
    ),
    Refusal(
        "amendment without its index",
        lambda s, g: _amend(s, Kind.AMEND, b"\1" * 32, None),
        BadRequest,
        "must say at which index",
    ),
    Refusal(
        "amendment of an entry to come",
        lambda s, g: _amend(s, Kind.AMEND, b"\1" * 32, s.size + 9999),
        BadRequest,
        "that could be named",
    ),
    Refusal(
        "amendment of index -1",
        lambda s, g: _amend(s, Kind.AMEND, b"\1" * 32, -1),
        BadRequest,
        "that could be named",
    ),
    Refusal(
        "amendment of another hash",
        lambda s, g: _amend(s, Kind.RETRACT, b"\1" * 32, 6),
        BadRequest,
        "at index 6 is not the one",
    ),
    Refusal(
        "amendment at another index",
        lambda s, g: _amend(s, Kind.AMEND, s.hash(6), 7),
        BadRequest,
        "at index 7 is not the one",
    ),
    *(
        Refusal(
            f"{kind.name.lower()} of an entry of kind {name}",
            _amending(kind, index),
            BadRequest,
            "only a record entry of the same record",
        )
        for kind in (Kind.AMEND, Kind.RETRACT)
        for name, index in (("access", 7), ("open", 4), ("actor", 1), ("genesis", 0))
    ),
    Refusal(
        "amendment on another record",
        lambda s, g: entry_with(s.hospital, s.other, kind=Kind.AMEND, amended=s.hash(6), amends=6),
        BadRequest,
        "only a record entry of the same record",
    ),
]
