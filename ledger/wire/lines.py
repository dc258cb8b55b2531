"""The pieces of C2SP text formats, strictly: decimal numbers, canonical base64, key names.

decimal  ASCII digits without a leading zero ("0" itself is fine), below 2^53
base64   RFC 4648 section 4 with padding; only the one encoding that an encoder gives
name     not empty, no Unicode space, no control character below 0x20, no "+"
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from ledger.errors import BadRequest
from ledger.wire.ids import HASH_SIZE, MAX_INTEGER, Hash

# [0-9] and not \d or isdigit(): those take other scripts' digits as well.
_DECIMAL: Final = re.compile(rb"0|[1-9][0-9]{0,15}")


def parse_decimal(text: bytes, what: str) -> int:
    """A number; ``what`` names it in the error."""
    if _DECIMAL.fullmatch(text) is None or int(text) > MAX_INTEGER:
        raise BadRequest(f"{what} is not a decimal number below 2^53")
    return int(text)


def encode_base64(data: bytes) -> bytes:
    """Base64 without a line end."""
    return binascii.b2a_base64(data, newline=False)


def decode_base64(text: bytes, what: str) -> bytes:
    """The bytes behind canonical base64."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise BadRequest(f"{what} is not base64") from None
    # Strict mode still takes stray bits after the last byte.
    if encode_base64(data) != text:
        raise BadRequest(f"{what} is not canonical base64")
    return data


def decode_hash(text: bytes, what: str) -> Hash:
    """A base64 hash of 32 bytes."""
    data = decode_base64(text, what)
    if len(data) != HASH_SIZE:
        raise BadRequest(f"{what} has {len(data)} bytes, not {HASH_SIZE}")
    return Hash(data)


def check_name(name: str) -> str:
    """``name`` itself when it may name a key or a log."""
    if not name or any(char.isspace() or char < " " or char == "+" for char in name):
        raise BadRequest("a key name is empty or holds a space, a control character or '+'")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadRequest("a key name is not valid Unicode") from None
    return name
