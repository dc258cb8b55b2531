"""Cases for the bodies of genesis and actor entries."""

from __future__ import annotations

from ledger.identity import Genesis, Governor
from ledger.wire import cbor
from ledger.wire.keys import ED25519, ML_DSA_44
from ledger.wire.login_keys import ES384, RS384
from ledger.wire.note import TYPE_ED25519, VerifierKey
from tests.vectors.entries_bodies import SMALL_ORDER
from tests.vectors.entries_changes import (
    ML_DSA_PUBLIC,
    THREE,
    bad_actor,
    bad_approvals,
    bad_trust,
    good_actor,
    good_approvals,
    good_trust,
)
from tests.vectors.entries_login import ES384_PUBLIC, RS384_PUBLIC
from tests.vectors.entries_world import (
    CHECKPOINT_KEY,
    CHECKPOINT_ML_DSA,
    CLINIC,
    GOVERNOR,
    LOG_STATEMENT,
    ORIGIN,
    Signer,
    cases,
)
from tests.vectors.tree_keys import seed


def genesis_body() -> bytes:
    """The genesis body of the vectors' log."""
    keys = (str(CHECKPOINT_KEY.vkey), str(CHECKPOINT_ML_DSA.vkey))
    return Genesis(ORIGIN, keys, LOG_STATEMENT, (Governor(GOVERNOR.id, GOVERNOR.public),)).encode()


def succession_body() -> bytes:
    """The body of a log that follows another one."""
    return cbor.encode(_genesis_fields() | {"predecessor": _predecessor()})


def succession_vectors() -> dict[str, object]:
    """The body of a first leaf that follows another log, and its newest field by itself."""
    return {
        "about": "bodies of successions in hex, files in base64; valid: the form alone is right",
        "predecessor": {"name": "predecessor", "cbor": cbor.encode(_predecessor()).hex()},
        "cases": cases("body", {"succession": succession_body()}, {}),
    }


def _predecessor() -> dict[str, cbor.Value]:
    return {
        "log": seed("succession: log"),
        "origin": "old.example.org/entries",
        "size": 53,
        "root": seed("succession: root"),
        "checkpoint": b"the old log's checkpoint",
        "approvals": [b"an old governor's approval"],
    }


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
    three: list[cbor.Value] = [one.as_map() for one in THREE]
    fourth, fifth = (Signer.of(f"governor {at} of five") for at in (4, 5))
    five = [*three, *(Governor(one.id, one.public).as_map() for one in (fourth, fifth))]
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
        "statement-alg-es384": but(statement={"alg": ES384, "key": ES384_PUBLIC}),
        "statement-with-use": but(statement={**statement, "use": "statement"}),
        "no-governor": but(governors=[]),
        "two-governors-threshold-1": but(governors=[_governor(), second], approvals=[b"a"]),
        "17-governors": but(governors=[_governor()] * 17, threshold=12),
        "governor-id-of-15-bytes": but(governors=[_governor(id=GOVERNOR.id[:15])]),
        "governor-id-as-text": but(governors=[_governor(id=GOVERNOR.id.hex())]),
        "governor-key-of-small-order": but(governors=[_governor(key=SMALL_ORDER)]),
        "governor-alg-another": but(governors=[_governor(alg=-8)]),
        "governor-alg-es384": but(governors=[_governor(alg=ES384, key=ES384_PUBLIC)]),
        "governor-alg-rs384": but(governors=[_governor(alg=RS384, key=RS384_PUBLIC)]),
        "governor-with-use": but(governors=[_governor(use="govern")]),
        "two-governors-of-one-id": but(
            governors=[_governor(), _governor(key=CLINIC.public)], threshold=2, approvals=[b"a"]
        ),
        "two-governors-of-one-key": but(
            governors=[_governor(), _governor(id=CLINIC.id)], threshold=2, approvals=[b"a"]
        ),
        "three-governors-threshold-3": but(governors=three, threshold=3, approvals=[b"a", b"b"]),
        "three-governors-threshold-1": but(governors=three, approvals=[b"a"]),
        "five-governors-threshold-3": but(
            governors=five, threshold=3, approvals=[b"a", b"b", b"c"]
        ),
        "governor-is-the-statement-key": but(governors=[_governor(key=LOG_STATEMENT)]),
        "governor-is-the-ml-dsa-checkpoint-key": but(
            governors=[_governor(alg=ML_DSA_44, key=CHECKPOINT_ML_DSA.vkey.public_key)]
        ),
        "governor-ml-dsa-44-of-1311-bytes": but(
            governors=[_governor(alg=ML_DSA_44, key=ML_DSA_PUBLIC[:-1])]
        ),
        "governor-alg-of-another-key": but(governors=[_governor(alg=ML_DSA_44)]),
        "three-governors-without-approvals": but(governors=three, threshold=2),
        "three-governors-with-3-approvals": but(
            governors=three, threshold=2, approvals=[b"a", b"b", b"c"]
        ),
        "16-approvals": but(governors=three, threshold=2, approvals=[b""] * 16),
        "approvals-as-text": but(governors=three, threshold=2, approvals=["x"]),
        "threshold-0": but(threshold=0),
        "threshold-2": but(threshold=2),
        "threshold-as-text": but(threshold="1"),
        "approvals-not-empty": but(approvals=[b""]),
        "approvals-no-list": but(approvals=b""),
    }


def registry_vectors() -> dict[str, object]:
    """Genesis, actor and trust bodies, and approvals."""
    founded = {
        "one-governor": genesis_body(),
        "two-governors": cbor.encode(
            _genesis_fields()
            | {
                "governors": [one.as_map() for one in THREE[:2]],
                "threshold": 2,
                "approvals": [b"a"],
            }
        ),
        "three-governors-and-an-ml-dsa-44-key": cbor.encode(
            _genesis_fields()
            | {
                "governors": [one.as_map() for one in THREE],
                "threshold": 2,
                "approvals": [b"a", b"b"],
            }
        ),
    }
    return {
        "about": "genesis, actor and trust bodies in hex; valid: one body alone breaks no rule "
        "(approvals are not looked into). approval_form: the bytes of one approval; valid: it has "
        "the form, whoever signed it",
        "genesis": cases("body", founded, _bad_genesis()),
        "actor": cases("body", good_actor(), bad_actor()),
        "trust": cases("body", good_trust(), bad_trust()),
        "approval_form": cases("approval", good_approvals(), bad_approvals()),
    }
