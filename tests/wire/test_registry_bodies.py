"""Genesis and actor bodies: the vectors, round trips, mutations; who may sign afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.identity import (
    ROLES,
    Enrol,
    Genesis,
    NewKey,
    Place,
    Registry,
    Revoke,
    check_change,
    decode_actor_body,
)
from ledger.identity.roles import RECORD_ROLES
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import ZERO_HASH, ActorId, ChainId, Hash, LeafIndex
from ledger.wire.keys import ED25519, KeyId, key_id
from tests.agreement.mutations import nearly, round_trip
from tests.vectors.entries_world import (
    CLINIC,
    GOVERNOR,
    LOG_CHAIN,
    PHARMACY,
    START_MS,
    STRANGER,
    entry_id,
)

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "registry.json").read_text())
GENESIS = bytes.fromhex(VECTORS["genesis"][0]["body"])
ACTORS = [bytes.fromhex(case["body"]) for case in VECTORS["actor"] if case["valid"]]


def genesis_again(data: bytes) -> bytes:
    return Genesis.decode(data).encode()


def actor_again(data: bytes) -> bytes:
    return decode_actor_body(data).encode()


@pytest.mark.parametrize("case", VECTORS["genesis"], ids=lambda case: case["name"])
def test_genesis_vectors(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["body"])
    if case["valid"]:
        assert genesis_again(data) == data
    else:
        with pytest.raises(BadRequest):
            Genesis.decode(data)


@pytest.mark.parametrize("case", VECTORS["actor"], ids=lambda case: case["name"])
def test_actor_vectors(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["body"])
    if case["valid"]:
        assert actor_again(data) == data
    else:
        with pytest.raises(BadRequest):
            decode_actor_body(data)


@given(nearly([GENESIS]))
@settings(max_examples=150, deadline=None)
def test_fuzz_genesis(data: bytes) -> None:
    round_trip(data, genesis_again)


@given(nearly(ACTORS))
@settings(max_examples=300, deadline=None)
def test_fuzz_actor(data: bytes) -> None:
    round_trip(data, actor_again)


@given(
    st.sampled_from(sorted(ROLES - RECORD_ROLES)), st.binary(min_size=32, max_size=32).map(KeyId)
)
@settings(deadline=None)
def test_round_trip(role: str, kid: KeyId) -> None:
    body = Enrol(role, (NewKey(CLINIC.public),))
    assert decode_actor_body(body.encode()) == body
    assert decode_actor_body(Revoke(kid).encode()) == Revoke(kid)


def test_unknown_roles_are_not_encoded() -> None:
    with pytest.raises(BadRequest):
        Enrol("hospital", (NewKey(CLINIC.public),)).encode()


# The fold


LOG = Hash(b"\x07" * 32)


def registry() -> Registry:
    """With the clinic enrolled at 1 and the pharmacy at 2."""
    fresh = Registry.founded(LOG, Genesis.decode(GENESIS), LOG_CHAIN)
    for index, signer in enumerate((CLINIC, PHARMACY), 1):
        change(fresh, signer.id, Enrol("organisation", (NewKey(signer.public),)), 0, index)
    return fresh


def change(one: Registry, chain: bytes, body: Enrol | Revoke, seq: int, index: int) -> None:
    """Check and apply one actor entry."""
    claim = Claim(
        Kind.ACTOR,
        LOG,
        ChainId(chain),
        GOVERNOR.id,
        entry_id(START_MS, "registry"),
        START_MS,
        body=body.encode(),
    )
    check_change(one, claim, GOVERNOR.key.kid, Place(index, seq, ZERO_HASH, START_MS))
    one.apply(claim, LeafIndex(index))


def revocation(public: bytes) -> Revoke:
    return Revoke(key_id(ED25519, public))


def test_who_may_sign() -> None:
    one = registry()
    one.author(CLINIC.id, CLINIC.key.kid)
    one.public_key(GOVERNOR.id, GOVERNOR.key.kid)
    refused: list[tuple[ActorId, KeyId]] = [
        (CLINIC.id, PHARMACY.key.kid),
        (STRANGER.id, STRANGER.key.kid),
        (GOVERNOR.id, GOVERNOR.key.kid),
    ]
    for author, kid in refused:
        with pytest.raises(BadRequest):
            one.author(author, kid)
    for author, kid in ((CLINIC.id, GOVERNOR.key.kid), (GOVERNOR.id, CLINIC.key.kid)):
        with pytest.raises(BadRequest):
            one.public_key(author, kid)


def test_a_revoked_key_never_signs_again() -> None:
    one = registry()
    change(one, PHARMACY.id, revocation(PHARMACY.public), 1, 3)
    with pytest.raises(BadRequest, match="revoked at index 3"):
        one.author(PHARMACY.id, PHARMACY.key.kid)
    one.author(CLINIC.id, CLINIC.key.kid)
    with pytest.raises(BadRequest):
        change(one, PHARMACY.id, revocation(PHARMACY.public), 2, 4)
    with pytest.raises(BadRequest):
        change(one, STRANGER.id, Enrol("app", (NewKey(PHARMACY.public),)), 0, 4)


REFUSED: dict[str, tuple[bytes, Enrol | Revoke, int]] = {
    "enrol-later-on-a-chain": (STRANGER.id, Enrol("app", (NewKey(STRANGER.public),)), 1),
    "enrol-an-actor-again": (CLINIC.id, Enrol("app", (NewKey(STRANGER.public),)), 0),
    "enrol-a-key-again": (STRANGER.id, Enrol("app", (NewKey(CLINIC.public),)), 0),
    "enrol-the-governor's-key": (STRANGER.id, Enrol("app", (NewKey(GOVERNOR.public),)), 0),
    "revoke-first-on-a-chain": (CLINIC.id, revocation(CLINIC.public), 0),
    "revoke-of-an-unknown-actor": (STRANGER.id, revocation(STRANGER.public), 1),
    "revoke-another-actor's-key": (CLINIC.id, revocation(PHARMACY.public), 1),
    "revoke-an-unknown-key": (CLINIC.id, revocation(STRANGER.public), 1),
}


@pytest.mark.parametrize(("chain", "body", "seq"), REFUSED.values(), ids=REFUSED)
def test_changes_that_are_refused(chain: bytes, body: Enrol | Revoke, seq: int) -> None:
    with pytest.raises(BadRequest):
        change(registry(), chain, body, seq, 3)


def test_derived_chains_belong_to_their_actor() -> None:
    one = registry()
    assert one.derived[one.batch_chain(CLINIC.id)] == CLINIC.id
    assert one.derived[one.directory_chain(PHARMACY.id)] == PHARMACY.id
    assert one.derived[one.epoch_chain] == one.itself
    assert len(one.derived) == 5
