"""The project's vectors that only evidence needs: sealed blobs and proofs of several leaves."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.verifier.formats import RECORD
from tests.verifier.logmaker import Log
from verifier.errors import NotVerified
from verifier.evidence.opening import open_blob, padme
from verifier.formats.claim import Claim, parse_claim
from verifier.formats.merkle import multi_root

VECTORS = Path(__file__).parents[1] / "vectors"


def cases(file: str, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / file).read_text())[key]
    return found


def claim_of(place: bytes, blob: bytes) -> Claim:
    """One that names this blob, there."""
    log = Log()
    claim = parse_claim(log.claim(RECORD, bytes(16), bytes(16), entry_id=log.entry_id(1)))
    hashed = sha256(blob).digest()
    return claim._replace(
        log=place[:32],
        chain=place[32:48],
        entry_id=place[48:],
        blob_hash=hashed,
        sealed_size=len(blob),
    )


@pytest.mark.parametrize("case", cases("sealed-blob.json", "cases"), ids=lambda case: case["name"])
def test_sealed_blobs(case: dict[str, Any]) -> None:
    blob, key, place = (bytes.fromhex(case[name]) for name in ("blob", "key", "place"))
    claim = claim_of(place, blob)
    if case["valid"]:
        content = open_blob(claim, blob, key)
        assert content.header.hex() == case["header"]
        assert content.content.hex() == case["content"]
        with pytest.raises(NotVerified):
            open_blob(claim._replace(sealed_size=1), blob, key)
        with pytest.raises(NotVerified):
            open_blob(claim._replace(blob_hash=bytes(32)), blob, key)
    else:
        with pytest.raises(NotVerified):
            open_blob(claim, blob, key)


def test_padme() -> None:
    assert [padme(size) for size in (0, 1, 2, 9, 100, 1000)] == [0, 1, 2, 10, 104, 1024]


@pytest.mark.parametrize("case", cases("merkle.json", "multi"), ids=lambda case: case["name"])
def test_several_leaves(case: dict[str, Any]) -> None:
    hashes = (bytes.fromhex(item) for item in case["leaf_hashes"])
    leaves = list(zip(case["indexes"], hashes, strict=False))
    proof = [bytes.fromhex(item) for item in case["proof"]]
    try:
        found = multi_root(leaves, case["size"], proof).hex()
    except NotVerified:
        found = ""
    assert (found == case["root"]) is case["valid"]
