"""The same bytes for both readers: what the ledger's parsers and the verifier's say about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

from ledger.errors import BadEvidence, BadRequest
from ledger.identity import Genesis, decode_actor_body, decode_trust_body
from ledger.merkle import check_inclusion, leaf_hash
from ledger.wire import cbor
from ledger.wire.batch import BatchBody
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.claim import Claim, Kind
from ledger.wire.keys import load_ed25519
from ledger.wire.leaf import decode_leaf
from ledger.wire.login_keys import ES384, RS384, check_login_key
from ledger.wire.note import Verifier
from ledger.wire.proof import parse_proof
from ledger.wire.receipt import Receipt, parse_receipt
from ledger.wire.statement import parse_statement
from verifier.errors import NotVerified
from verifier.formats import bodies
from verifier.formats import cbor as verifier_cbor
from verifier.formats.actors import parse_actor
from verifier.formats.checkpoint import open_checkpoint as verifier_open_checkpoint
from verifier.formats.claim import parse_claim
from verifier.formats.ed25519 import check_public_key
from verifier.formats.leaf import check_position, parse_leaf
from verifier.formats.loginkeys import check_modulus, check_point
from verifier.formats.note import VerifierKey, parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.formats.statement import parse_statement as verifier_statement
from verifier.proof import check_proof

Reader: TypeAlias = Callable[[bytes], object]

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name: str) -> Any:
    """A vector file."""
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def accepted(read: Reader, data: bytes) -> bool:
    """Whether a reader takes the bytes; anything but a refusal in form is a bug."""
    try:
        read(data)
    except (BadRequest, BadEvidence, NotVerified):
        return False
    return True


def ledger_statement(data: bytes) -> Claim:
    """A statement with the claim in it."""
    return Claim.decode(parse_statement(data).claim)


def verifier_leaf(data: bytes) -> object:
    """A leaf; this reader checks what seq 0 asks for where it knows the index, too."""
    leaf = parse_leaf(data)
    if leaf.seq == 0:
        index = 0 if leaf.claim.kind in (Kind.GENESIS, Kind.SUCCESSION) else 2**53
        check_position(index, leaf._replace(member=None))
    return leaf


BOTH: dict[str, tuple[Reader, Reader]] = {
    "cbor": (cbor.decode, verifier_cbor.decode),
    "key": (load_ed25519, check_public_key),
    "es384": (partial(check_login_key, ES384), check_point),
    "rs384": (partial(check_login_key, RS384), check_modulus),
    "claim": (Claim.decode, parse_claim),
    "statement": (ledger_statement, verifier_statement),
    "leaf": (decode_leaf, verifier_leaf),
    "batch": (BatchBody.decode, bodies.parse_batch),
    "genesis": (Genesis.decode, bodies.parse_genesis),
    "actor": (decode_actor_body, parse_actor),
    "trust": (decode_trust_body, bodies.parse_trust),
}
"""Format -> the ledger's reader and the verifier's."""


def vkey_checks(text: bytes) -> tuple[bool, bool]:
    """What both say about a verifier key."""
    ledger = accepted(lambda data: checkpoint_verifier(data.decode()), text)
    return ledger, accepted(lambda data: parse_verifier_key(data.decode()), text)


@cache
def _ledger_keys(*vkeys: str) -> list[Verifier]:
    return [checkpoint_verifier(vkey) for vkey in vkeys]


@cache
def _verifier_keys(*vkeys: str) -> list[VerifierKey]:
    return [parse_verifier_key(vkey) for vkey in vkeys]


def _ledger_checkpoint(note: bytes, origin: str, vkeys: list[str]) -> bool:
    keys = _ledger_keys(*vkeys)
    return accepted(lambda data: open_checkpoint(data, origin, keys), note)


def _verifier_checkpoint(note: bytes, origin: str, vkeys: list[str]) -> bool:
    """The origin is the name of its keys."""
    keys = _verifier_keys(*vkeys)
    assert {key.name for key in keys} == {origin}
    return accepted(lambda data: verifier_open_checkpoint(data, keys), note)


CHECKPOINT_READERS = (_ledger_checkpoint, _verifier_checkpoint)


def _ledger_proof(data: bytes, origin: str, vkeys: list[str], leaf: bytes | None) -> bool:
    keys = _ledger_keys(*vkeys)

    def check(data: bytes) -> None:
        proof = parse_receipt(data) if leaf is None else parse_proof(data)
        stands = proof.leaf if isinstance(proof, Receipt) else leaf or b""
        checkpoint = open_checkpoint(proof.checkpoint, origin, keys).checkpoint
        hashed, size, root = leaf_hash(stands), checkpoint.size, checkpoint.root
        check_inclusion(proof.index, hashed, size, proof.hashes, root)

    return accepted(check, data)


def _verifier_proof(data: bytes, origin: str, vkeys: list[str], leaf: bytes | None) -> bool:
    """Every problem but those behind the inclusion: the leaf itself is another test's matter."""
    keys = _verifier_keys(*vkeys)
    report = check_proof(data, policy_of_keys(keys), leaf)
    included = ("proof", "checkpoint", "checkpoint signature", "inclusion")
    return not any(problem.step in included for problem in report.problems)


PROOF_READERS = (_ledger_proof, _verifier_proof)
