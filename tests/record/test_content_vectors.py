"""Headers and link contents against the vectors."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import BadRequest
from ledger.record.contents import decode_linked
from ledger.record.header import decode_header
from ledger.wire import cbor

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "content.json").read_text())


@pytest.mark.parametrize("case", VECTORS["headers"], ids=lambda case: case["name"])
def test_headers(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["cbor"])
    if case["valid"]:
        assert cbor.encode(decode_header(cbor.decode_map(data)).encode()) == data
    else:
        with pytest.raises(BadRequest, match="header field"):
            decode_header(cbor.decode_map(data))


@pytest.mark.parametrize("case", VECTORS["links"], ids=lambda case: case["name"])
def test_links(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["cbor"])
    if case["valid"]:
        assert decode_linked(data).encode() == data
    else:
        with pytest.raises(BadRequest, match="a link names neither"):
            decode_linked(data)
