"""Each parser on hostile bytes: it refuses with NotVerified or returns something canonical."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verifier.formats import (
    ACTOR,
    DAY_MS,
    RECORD,
    bundle,
    cbor,
    consistency,
    ed25519_key,
    inclusion,
    leaf_hash,
    sha256,
    tile_path,
    tree_root,
)
from tests.verifier.logmaker import Log, Memory, Sample
from verifier.audit import audit_log
from verifier.errors import NotVerified
from verifier.formats import keys as verifier_keys
from verifier.formats import merkle, note, tiles
from verifier.formats.actors import parse_actor
from verifier.formats.bodies import parse_batch, parse_genesis, parse_succession, parse_trust
from verifier.formats.cbor import decode
from verifier.formats.checkpoint import open_checkpoint, parse_checkpoint
from verifier.formats.claim import parse_claim
from verifier.formats.ed25519 import check_public_key
from verifier.formats.erasure import parse_erasure
from verifier.formats.leaf import parse_leaf
from verifier.formats.note import VerifierKey, decode_base64, parse_note, parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.formats.statement import parse_statement
from verifier.formats.succession import parse_succession_file
from verifier.proof import check_proof, parse_proof
from verifier.rules.approvals import check_quorum
from verifier.rules.founding import open_genesis

SAMPLE = Sample()
COUNCIL = Sample(governors=3)
GUARDIAN = COUNCIL.leaves[
    COUNCIL.govern(
        ACTOR,
        b"g" * 16,
        {
            "op": "enrol",
            "role": "guardian",
            "keys": [
                {
                    "alg": -19,
                    "key": ed25519_key("x").public_key().public_bytes_raw(),
                    "use": "statement",
                }
            ],
            "record": COUNCIL.person,
            "scope": ["read"],
            "from": 1,
            "until": 2,
        },
    )
]
TRUST_AT = len(COUNCIL.leaves)
COUNCIL.trust(COUNCIL.governors)
NEXT = COUNCIL.succeed(
    "two", fields={"renewal": {"hash": "sha3-256", "leaves": bytes(32), "blobs": bytes(32)}}
)
ERASURES: list[dict[str, object]] = [
    {"op": "order", "scope": "entries", "entries": [bytes(32), bytes([1] * 32)]},
    {"op": "order", "scope": "record"},
    {"op": "attest", "order": bytes(32)},
]


def change_and_quorum(raw: bytes) -> None:
    """The approvals of an enrolment."""
    leaf = parse_leaf(raw)
    governors = parse_genesis(parse_leaf(COUNCIL.leaves[0]).body).governors
    check_quorum(leaf, parse_actor(leaf.body).quorum, governors)


def open_founding(raw: bytes) -> object:
    return open_genesis(parse_leaf(raw), NEXT.origin, [])


PROOF = SAMPLE.proof(SAMPLE.record, extra=SAMPLE.leaves[SAMPLE.record])
SEEDS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "cbor": (decode, [cbor({"a": [1, -1, b"x"], "bb": {}})]),
    "claim": (parse_claim, [SAMPLE.leaves[5][57 + 153 :][:170]]),
    "statement": (parse_statement, [SAMPLE.leaves[5][57:]]),
    "leaf": (parse_leaf, SAMPLE.leaves[1:13:3]),
    "genesis": (parse_genesis, [parse_leaf(SAMPLE.leaves[0]).body]),
    "actor": (parse_actor, [parse_leaf(SAMPLE.leaves[1]).body]),
    "enrol": (parse_actor, [parse_leaf(COUNCIL.leaves[1]).body, parse_leaf(GUARDIAN).body]),
    "trust": (parse_trust, [parse_leaf(COUNCIL.leaves[TRUST_AT]).body]),
    "succession": (parse_succession, [parse_leaf(NEXT.leaves[0]).body]),
    "erasure": (parse_erasure, [cbor(body) for body in ERASURES]),
    "approval": (change_and_quorum, [COUNCIL.leaves[1]]),
    "founding": (open_founding, [NEXT.leaves[0]]),
    "succession file": (parse_succession_file, [NEXT.succession_file(9, COUNCIL)]),
    "batch": (parse_batch, [b"\x06\x00\x00\x00\x01" + bytes(32)]),
    "note": (parse_note, [SAMPLE.checkpoint(lines="e")]),
    "proof": (parse_proof, [PROOF]),
    "bundle": (lambda raw: tiles.decode_bundle(raw, 3), [bundle([b"a", b"", b"ccc"])]),
    "key": (check_public_key, [SAMPLE.clinic.public]),
}


@pytest.mark.parametrize("name", SEEDS)
def test_the_seed_is_accepted(name: str) -> None:
    parse, seeds = SEEDS[name]
    for seed in seeds:
        parse(seed)


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_fuzz(name: str, data: st.DataObject) -> None:
    parse, seeds = SEEDS[name]
    raw = bytearray(data.draw(st.sampled_from(seeds)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(raw) - 1, 0)))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(NotVerified):
        parse(bytes(raw))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40))
def test_cbor_has_one_encoding(raw: bytes) -> None:
    try:
        value = decode(raw)
    except NotVerified:
        return
    assert cbor(value) == raw


VALUES = st.recursive(
    st.integers(-(2**53), 2**53 - 1) | st.binary(max_size=300) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_cbor_round_trip(value: Any) -> None:
    raw = cbor(value)
    try:
        decoded = decode(raw)
    except NotVerified as error:
        right = "depth" in error.problem.expected
    else:
        right = decoded == value
    assert right


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_text_parsers(text: str) -> None:
    for parse in (parse_verifier_key, parse_checkpoint):
        with contextlib.suppress(NotVerified):
            parse(text)
    with contextlib.suppress(ValueError):
        decode_base64(text)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda note: note.replace(b"\n\n", b"\n"), "no empty line"),
        (lambda note: note[:-1], "no newline at the end"),
        (lambda note: note + b"\n", "an empty signature line"),
        (lambda note: note.replace(b"\n", b"\r\n"), "CRLF"),
        (lambda note: note + "— x AAAA\n".encode(), "three bytes of signature"),
        (lambda note: note + "— x AAAAAAB=\n".encode(), "base64 not canonical"),
        (lambda note: note + "— x+y AAAAAAA=\n".encode(), "plus in a name"),
        (lambda note: note + "—  AAAAAAA=\n".encode(), "no name"),
        (lambda note: note + b"- x AAAAAAA=\n", "hyphen for a dash"),
        (lambda note: note + "— x\u00a0y AAAAAAA=\n".encode(), "a space in a name"),
        (lambda note: note + "— x AAAAAAA= \n".encode(), "a space at the end"),
        (lambda note: note + 100 * "— x AAAAAAA=\n".encode(), "101 lines"),
        (lambda note: note.replace(b"log.", b"l\x01g."), "a control character"),
        (lambda note: note + b"\xff", "not UTF-8"),
        (lambda note: note.replace(b"\n\n", b"\nextension\n\n"), "an extension line"),
    ],
)
def test_notes_refused(change: Callable[[bytes], bytes], why: str, keys: list[VerifierKey]) -> None:
    raw = SAMPLE.checkpoint(lines="e")
    assert open_checkpoint(raw, keys[:1]).size == 15
    with pytest.raises(NotVerified):
        open_checkpoint(change(raw), keys[:1])


def test_foreign_lines_are_ignored(keys: list[VerifierKey]) -> None:
    raw = SAMPLE.checkpoint() + 98 * "— witness.example AAAAAAA=\n".encode()
    assert open_checkpoint(raw, keys).origin == SAMPLE.origin


def test_tile_paths() -> None:
    assert tiles.tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tiles.tile_path("entries", 0, 7) == "tile/entries/000.p/7"
    for number in (0, 9, 999, 1000, 1001, 999_999, 1_000_000, 123_456_789):
        assert tiles.tile_path(2, number) == tile_path(2, number)


@pytest.mark.parametrize("size", range(1, 40))
def test_trees_against_the_recursive_definition(size: int) -> None:
    hashes = [sha256(bytes([i])) for i in range(size)]
    assert merkle.root(hashes) == tree_root(hashes)
    for index in range(size):
        merkle.check_inclusion(
            index, size, hashes[index], inclusion(index, hashes), tree_root(hashes)
        )
    for old in range(1, size + 1):
        proof, roots = consistency(old, hashes), (tree_root(hashes[:old]), tree_root(hashes))
        merkle.check_consistency(old, roots[0], size, roots[1], proof)
        wrong = [(roots[1], roots[0], proof), (*roots, [*proof, roots[0]]), (*roots, proof[:-1])]
        for first, second, given_proof in wrong if old < size else wrong[1:2]:
            with pytest.raises(NotVerified):
                merkle.check_consistency(old, first, size, second, given_proof)


def tiny() -> Log:
    log = Log("tiny", "t")
    log.genesis()
    clinic = log.enrol("clinic")
    person = log.open("person", clinic)
    log.batch(clinic, [person])
    return log


TINY = tiny()
TINY_POLICY = policy_of_keys(parse_verifier_key(text) for text in TINY.vkeys)
SLICES = 4


@pytest.fixture
def fast_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same few keys thousands of times: check each once."""
    for module in (note, verifier_keys):
        monkeypatch.setattr(module, "check_public_key", _cached)


_cached = cache(check_public_key)


@pytest.mark.usefixtures("fast_keys")
@pytest.mark.parametrize("part", range(SLICES))
def test_every_byte_of_a_bundle_counts(part: int) -> None:
    """One changed byte in the bundle never verifies, and never ends in a traceback."""
    path = f"tile/entries/000.p/{len(TINY.leaves)}"
    files = TINY.files()
    raw = files[path]
    assert audit_log(Memory(files), TINY_POLICY).verified
    for at in range(part, len(raw), SLICES):
        changed = raw[:at] + bytes([raw[at] ^ (1 << at % 8)]) + raw[at + 1 :]
        assert not audit_log(Memory({**files, path: changed}), TINY_POLICY).verified, at


@pytest.mark.usefixtures("fast_keys")
def test_every_signed_byte_counts_even_to_a_lying_log() -> None:
    """The log itself changes a byte and builds tree and checkpoint anew: only its own word, the
    time of arrival, is not fixed by anything else."""
    log = Sample()
    log.add(RECORD, log.person, log.clinic)
    raw = log.leaves.pop()
    log.hashes.pop()
    keys = [parse_verifier_key(text) for text in log.vkeys]
    for at in range(len(raw)):
        log.put(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        report = audit_log(Memory(log.files()), policy_of_keys(keys[:1]))
        log.leaves.pop()
        log.hashes.pop()
        assert report.verified is (at in range(49, 57) and believable(raw, at)), at


def believable(raw: bytes, at: int) -> bool:
    """Arrival moved within what the leaf before and the entry id's window allow."""
    before, now = (int.from_bytes(item[49:57], "big") for item in (SAMPLE.leaves[-1], raw))
    moved = now ^ 1 << 8 * (56 - at)
    return before <= moved <= now + 30 * DAY_MS


@pytest.mark.parametrize("extra", [None, b"", b"x", bytes(66_000)])
def test_proof_without_a_leaf(extra: bytes | None, keys: list[VerifierKey]) -> None:
    assert not check_proof(SAMPLE.proof(5, extra=extra), policy_of_keys(keys)).verified


def test_leaf_hash_is_the_trees() -> None:
    assert merkle.leaf_hash(b"x") == leaf_hash(b"x")
