"""Access tokens in memory: bounded, hashed, ended in time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from api.auth.tokens import Tokens
from api.caller import Caller
from api.errors import Refused
from ledger.wire.ids import ActorId
from ledger.wire.keys import KeyId

KID = KeyId(b"k" * 32)
LIFE = 300_000


def caller(name: bytes = b"a") -> Caller:
    return Caller(ActorId(name * 16), "organisation", None, None, frozenset(), "TREAT")


def test_found_until_it_ends() -> None:
    tokens = Tokens(LIFE, 10, 10)
    token = tokens.give(caller(), KID, 1000)
    for at in (1000, 1000 + LIFE - 1):
        granted = tokens.find(token, at)
        assert granted is not None
        assert granted.caller == caller()
        assert granted.kid == KID
    assert tokens.find(token, 1000 + LIFE) is None


@pytest.mark.parametrize("text", ["", "x", "\udcff", "é", "A" * 43])
def test_others_are_unknown(text: str) -> None:
    tokens = Tokens(LIFE, 10, 10)
    token = tokens.give(caller(), KID, 0)
    for other in (text, token[:-1], token + "=", token.swapcase()):
        assert tokens.find(other, 1) is None


def test_the_memory_holds_no_token() -> None:
    tokens = Tokens(LIFE, 10, 10)
    token = tokens.give(caller(), KID, 0)
    assert token not in repr(vars(tokens))
    assert token.encode() not in tokens._granted


def test_none_is_like_another() -> None:
    tokens = Tokens(LIFE, 1000, 1000)
    given = sorted(tokens.give(caller(), KID, 0) for _ in range(500))
    assert all(one != other for one, other in pairwise(given))
    assert {len(token) for token in given} == {43}


def test_each_caller_has_so_many_and_all_together() -> None:
    tokens = Tokens(LIFE, 5, 2)
    first = tokens.give(caller(b"a"), KID, 0)
    tokens.give(caller(b"a"), KID, 1)
    with pytest.raises(Refused) as caught:
        tokens.give(caller(b"a"), KID, 2)
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "75"})
    for name in (b"b", b"c", b"d"):
        tokens.give(caller(name), KID, 2)
    with pytest.raises(Refused) as caught:
        tokens.give(caller(b"e"), KID, 2)
    assert caught.value.status == 503
    assert tokens.find(first, 2) is not None
    # The first has ended, and with it goes what it took.
    tokens.give(caller(b"a"), KID, LIFE)
    assert len(tokens) == 5
    assert tokens.find(first, LIFE) is None


def test_memory_is_flat() -> None:
    tokens = Tokens(LIFE, 100, 100)
    for at in range(0, 1000 * LIFE, LIFE // 50):
        tokens.give(caller(bytes([at // LIFE % 256])), KID, at)
        assert len(tokens) <= 51
    assert len(tokens._each) <= 2


def test_revoked() -> None:
    tokens = Tokens(LIFE, 10, 1)
    token = tokens.give(caller(), KID, 0)
    tokens.revoke(token)
    tokens.revoke(token)
    tokens.revoke("unknown")
    assert tokens.find(token, 1) is None
    tokens.give(caller(), KID, 1)
