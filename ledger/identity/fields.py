"""Fields of CBOR bodies, read strictly. Everything here raises BadRequest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ledger.errors import BadRequest
from ledger.wire import cbor
from ledger.wire.ids import HASH_SIZE, ID_SIZE, ChainId
from ledger.wire.keys import KeyId, check_key
from ledger.wire.login_keys import check_login_key

Body: TypeAlias = Mapping[str, cbor.Decoded]


def exactly(body: cbor.Decoded, needed: str, optional: str = "") -> dict[str, cbor.Decoded]:
    """The map, when it has all the needed fields and no others but the optional ones."""
    names = set(needed.split())
    if not isinstance(body, dict) or not names <= set(body) <= names | set(optional.split()):
        beside = f" and at most {optional} besides" if optional else ""
        raise BadRequest(f"a map with exactly the fields {needed}{beside} is needed")
    return {str(name): item for name, item in body.items()}


def text(body: Body, name: str) -> str:
    """A text."""
    value = body[name]
    if not isinstance(value, str):
        raise BadRequest(f"{name} is no text")
    return value


def integer(body: Body, name: str, least: int = 0) -> int:
    """An integer of ``least`` or more."""
    value = body[name]
    if not isinstance(value, int) or value < least:
        raise BadRequest(f"{name} is no integer of {least} or more")
    return value


def sized(body: Body, name: str, size: int) -> bytes:
    """Bytes of this length."""
    value = body[name]
    if not isinstance(value, bytes) or len(value) != size:
        raise BadRequest(f"{name} has not {size} bytes")
    return value


def chain_id(body: Body, name: str) -> ChainId:
    """16 bytes."""
    return ChainId(sized(body, name, ID_SIZE))


def kid(body: Body, name: str) -> KeyId:
    """32 bytes."""
    return KeyId(sized(body, name, HASH_SIZE))


def array(body: Body, name: str, least: int, most: int) -> list[cbor.Decoded]:
    """An array of ``least`` to ``most`` items."""
    value = body[name]
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise BadRequest(f"{name} is no array of {least} to {most} items")
    return value


def key(body: Body, login: bool = False) -> tuple[int, bytes]:
    """alg and key, one that may sign, or log in."""
    alg, raw = body["alg"], body["key"]
    if not isinstance(alg, int) or not isinstance(raw, bytes):
        raise BadRequest("a key stands as its algorithm's number and its bytes")
    (check_login_key if login else check_key)(alg, raw)
    return alg, raw
