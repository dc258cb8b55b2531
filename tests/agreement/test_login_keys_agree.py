"""Keys of ES384 and RS384: the ledger asks OpenSSL, the verifier computes, and both say the same; a
log that registers, rotates and revokes them is one log to both.
"""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.identity import NewKey
from ledger.log import Log
from ledger.reader import open_reader
from ledger.wire.keys import key_id
from ledger.wire.login_keys import ES384, RS384
from tests.agreement.readers import BOTH, accepted
from tests.agreement.test_registries_agree import verifier_registry
from tests.log.governed import new_key, registered
from tests.log.sample import make_sample, memory_directory
from tests.vectors.entries_login import ES384_PUBLIC, RS384_PUBLIC
from verifier.formats.keys import PublicKey
from verifier.formats.loginkeys import P


def agree(format: str, raw: bytes) -> bool:
    ledger, verifier = (accepted(reader, raw) for reader in BOTH[format])
    assert ledger == verifier
    return ledger


@given(st.integers(0, P + 2**200), st.sampled_from([2, 3]))
@settings(max_examples=300, deadline=None)
def test_points(x: int, head: int) -> None:
    agree("es384", bytes([head]) + (x % 2**384).to_bytes(48))


def test_half_of_all_numbers_are_points() -> None:
    taken = sum(agree("es384", b"\x02" + x.to_bytes(48)) for x in range(200))
    assert 70 < taken < 130


@pytest.mark.parametrize("x", [P - 1, P, P + 1, P + 2, 2**384 - 1, 0, 1, 2])
@pytest.mark.parametrize("head", range(6))
def test_points_at_the_edges(x: int, head: int) -> None:
    agree("es384", bytes([head]) + x.to_bytes(48))


@given(st.integers(2040, 2056) | st.integers(4088, 4104), st.booleans(), st.binary(max_size=2))
@settings(max_examples=300, deadline=None)
def test_moduli(bits: int, odd: bool, before: bytes) -> None:
    modulus = 1 << (bits - 1) | odd
    agree("rs384", before + modulus.to_bytes(-(-bits // 8)))


@pytest.mark.parametrize(("alg", "raw"), [(ES384, ES384_PUBLIC), (RS384, RS384_PUBLIC)])
def test_key_ids(alg: int, raw: bytes) -> None:
    assert PublicKey(alg, raw).kid == key_id(alg, raw)


def test_a_log_with_such_keys() -> None:
    es384, rs384 = NewKey(ES384_PUBLIC, ES384, "login"), NewKey(RS384_PUBLIC, RS384, "login")
    mirrored = NewKey(bytes([ES384_PUBLIC[0] ^ 1]) + ES384_PUBLIC[1:], ES384, "login")
    with memory_directory() as place:
        sample = make_sample(place)
        with Log.open(sample.directory) as log:
            statement = registered(new_key())
            actor, _ = log.enrol("", "organisation", [statement, es384])
            with pytest.raises(BadRequest):
                log.rotate(actor, statement.kid, mirrored)
            with pytest.raises(BadRequest):
                log.enrol("", "organisation", [registered(new_key()), es384])
            log.rotate(actor, es384.kid, rs384)
            with pytest.raises(BadRequest):
                log.rotate(actor, rs384.kid, es384)
            log.rotate(actor, rs384.kid, mirrored)
            log.revoke(actor, mirrored.kid)
            note = log.publish()
        with closing(open_reader(sample.directory)) as reader:
            registry = reader.registry
            leaves = [reader.store.leaf(at) for at in range(reader.checkpoint.size)]
    read = verifier_registry(leaves, note, registry.genesis.checkpoint_keys)
    for key in (es384, rs384, mirrored):
        ours, theirs = registry.actors[actor].key(key.kid), read.key(key.kid)
        assert ours is not None
        assert theirs is not None
        assert (theirs.owner, theirs.use, theirs.alg) == (actor, "login", key.alg)
        assert ours.ended_at == theirs.ended_at
        assert ours.ended_at is not None
