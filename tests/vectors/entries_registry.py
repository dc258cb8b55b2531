"""Cases for the bodies of genesis and actor entries."""

from __future__ import annotations

from ledger.identity import ROLES, Enrol, Genesis, Revoke
from ledger.wire import cbor
from ledger.wire.keys import ED25519, ML_DSA_44, key_id
from ledger.wire.note import TYPE_ED25519, VerifierKey
from tests.vectors.entries_bodies import SMALL_ORDER
from tests.vectors.entries_world import (
    CHECKPOINT_KEY,
    CHECKPOINT_ML_DSA,
    CLINIC,
    GOVERNOR,
    LOG_STATEMENT,
    ORIGIN,
    PHARMACY,
    cases,
    flipped,
)


def genesis_body() -> bytes:
    """The genesis body of the vectors' log."""
    keys = (str(CHECKPOINT_KEY.vkey), str(CHECKPOINT_ML_DSA.vkey))
    return Genesis(ORIGIN, keys, LOG_STATEMENT, GOVERNOR.id, GOVERNOR.public).encode()


def enrol_body(role: str = "organisation", key: bytes = CLINIC.public) -> bytes:
    """An enrolment."""
    return Enrol(role, key).encode()


def revoke_body(key: bytes = PHARMACY.public) -> bytes:
    """A revocation."""
    return Revoke(key_id(ED25519, key)).encode()


def _genesis_fields() -> dict[str, cbor.Value]:
    return {
        "origin": ORIGIN,
        "hash": "sha-256",
        "checkpoint": [str(CHECKPOINT_KEY.vkey), str(CHECKPOINT_ML_DSA.vkey)],
        "statement": {"alg": ED25519, "key": LOG_STATEMENT},
        "governors": [_governor()],
        "threshold": 1,
        "approvals": [],
    }


def _governor(**change: cbor.Value) -> dict[str, cbor.Value]:
    return {"id": GOVERNOR.id, "alg": ED25519, "key": GOVERNOR.public, **change}


def _bad_genesis() -> dict[str, bytes]:
    good = _genesis_fields()

    def but(**change: cbor.Value) -> bytes:
        return cbor.encode({**good, **change})

    statement: dict[str, cbor.Value] = {"alg": ED25519, "key": LOG_STATEMENT}
    ed25519, ml_dsa = str(CHECKPOINT_KEY.vkey), str(CHECKPOINT_ML_DSA.vkey)
    stranger = str(VerifierKey("another.example.org", TYPE_ED25519, CHECKPOINT_KEY.vkey.public_key))
    hidden = "log.example.org/a\u202eb"
    whole = genesis_body()
    second = _governor(id=CLINIC.id, key=CLINIC.public)
    without = {
        f"without-{name}": cbor.encode({k: v for k, v in good.items() if k != name})
        for name in good
    }
    return {
        "empty": b"",
        "no-map": cbor.encode([1]),
        "byte-added": whole + b"\x00",
        "last-byte-missing": whole[:-1],
        **without,
        "one-field-more": but(extra=1),
        "origin-empty": but(origin=""),
        "origin-with-space": but(origin="log example"),
        "origin-with-plus": but(origin="log+example"),
        "origin-of-256-bytes": but(origin="o" * 256),
        "origin-another-than-the-keys": but(origin="another.example.org"),
        "origin-not-printable": but(
            origin=hidden,
            checkpoint=[
                str(VerifierKey(hidden, one.type, one.public_key))
                for one in (CHECKPOINT_KEY.vkey, CHECKPOINT_ML_DSA.vkey)
            ],
        ),
        "origin-as-bytes": but(origin=ORIGIN.encode()),
        "hash-another": but(hash="sha-512"),
        "checkpoint-no-list": but(checkpoint=ed25519),
        "checkpoint-empty": but(checkpoint=[]),
        "checkpoint-ed25519-alone": but(checkpoint=[ed25519]),
        "checkpoint-ml-dsa-alone": but(checkpoint=[ml_dsa]),
        "checkpoint-ed25519-twice": but(checkpoint=[ed25519, ed25519]),
        "checkpoint-three": but(checkpoint=[ed25519, ml_dsa, ml_dsa]),
        "checkpoint-of-another-name": but(checkpoint=[stranger, ml_dsa]),
        "checkpoint-key-id-wrong": but(checkpoint=[ed25519.replace("+", "+0", 1), ml_dsa]),
        "checkpoint-as-bytes": but(checkpoint=[ed25519.encode(), ml_dsa]),
        "statement-key-is-the-checkpoint-key": but(
            statement={**statement, "key": CHECKPOINT_KEY.vkey.public_key}
        ),
        "statement-key-of-31-bytes": but(statement={**statement, "key": LOG_STATEMENT[:31]}),
        "statement-key-of-small-order": but(statement={**statement, "key": SMALL_ORDER}),
        "statement-alg-ml-dsa-44": but(statement={**statement, "alg": ML_DSA_44}),
        "statement-with-use": but(statement={**statement, "use": "statement"}),
        "no-governor": but(governors=[]),
        "two-governors": but(governors=[_governor(), second], threshold=2),
        "17-governors": but(governors=[_governor()] * 17, threshold=12),
        "governor-id-of-15-bytes": but(governors=[_governor(id=GOVERNOR.id[:15])]),
        "governor-id-as-text": but(governors=[_governor(id=GOVERNOR.id.hex())]),
        "governor-key-of-small-order": but(governors=[_governor(key=SMALL_ORDER)]),
        "governor-alg-another": but(governors=[_governor(alg=-8)]),
        "governor-with-use": but(governors=[_governor(use="govern")]),
        "threshold-0": but(threshold=0),
        "threshold-2": but(threshold=2),
        "threshold-as-text": but(threshold="1"),
        "approvals-not-empty": but(approvals=[b""]),
        "approvals-no-list": but(approvals=b""),
    }


def _bad_actor() -> dict[str, bytes]:
    key: dict[str, cbor.Value] = {"alg": ED25519, "key": CLINIC.public, "use": "statement"}

    def enrol(**change: cbor.Value) -> bytes:
        return cbor.encode({"op": "enrol", "role": "organisation", "keys": [key], **change})

    def with_key(**change: cbor.Value) -> bytes:
        return enrol(keys=[{**key, **change}])

    kid = key_id(ED25519, PHARMACY.public)
    whole = enrol_body()
    return {
        "empty": b"",
        "no-map": cbor.encode("enrol"),
        "byte-added": whole + b"\x00",
        "last-byte-missing": whole[:-1],
        "op-missing": cbor.encode({"role": "organisation", "keys": [key]}),
        "op-another": enrol(op="rotate"),
        "op-as-bytes": enrol(op=b"enrol"),
        "role-missing": cbor.encode({"op": "enrol", "keys": [key]}),
        "role-another": enrol(role="hospital"),
        "role-upper-case": enrol(role="Organisation"),
        "role-governor": enrol(role="governor"),
        "name-in-clear": enrol(name="Clinic"),
        "no-key": enrol(keys=[]),
        "two-keys": enrol(keys=[key, {**key, "key": PHARMACY.public}]),
        "keys-no-list": enrol(keys=key),
        "key-alg-eddsa": with_key(alg=-8),
        "key-alg-ml-dsa-44": with_key(alg=ML_DSA_44),
        "key-of-31-bytes": with_key(key=CLINIC.public[:31]),
        "key-as-text": with_key(key=CLINIC.public.hex()),
        "key-of-small-order": with_key(key=SMALL_ORDER),
        "key-not-canonical": with_key(key=(2**255 - 18).to_bytes(32, "little")),
        "key-use-login": with_key(use="login"),
        "key-without-use": enrol(keys=[{"alg": ED25519, "key": CLINIC.public}]),
        "key-with-kid": with_key(kid=kid),
        "enrol-with-kid": enrol(kid=kid),
        "revoke-kid-of-31-bytes": cbor.encode({"op": "revoke", "kid": kid[:31]}),
        "revoke-kid-as-text": cbor.encode({"op": "revoke", "kid": kid.hex()}),
        "revoke-without-kid": cbor.encode({"op": "revoke"}),
        "revoke-with-reason": cbor.encode({"op": "revoke", "kid": kid, "reason": "lost"}),
        "revoke-keys-unordered": b"\xa2\x63kid\x58\x20" + kid + b"\x62op\x66revoke",
        "bit-flipped-in-op": flipped(whole, whole.index(b"enrol")),
    }


def registry_vectors() -> dict[str, object]:
    """Genesis and actor bodies."""
    roles = {f"enrol-{role}": enrol_body(role) for role in sorted(ROLES)}
    return {
        "about": "genesis and actor bodies in hex; valid: one body alone breaks no rule",
        "genesis": cases("body", {"one-governor": genesis_body()}, _bad_genesis()),
        "actor": cases("body", {**roles, "revoke": revoke_body()}, _bad_actor()),
    }
