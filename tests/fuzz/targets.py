"""What is fuzzed: readers of bytes, some of which two parties have."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ledger.errors import BadEvidence, BadRequest
from ledger.wire.epoch import Epoch
from ledger.wire.erasure import decode_erasure
from ledger.wire.evidence_reading import decode_evidence
from ledger.wire.manifest import Manifest
from ledger.wire.note import parse_note as ledger_note
from ledger.wire.note import parse_vkey
from ledger.wire.proof import parse_proof as ledger_proof
from ledger.wire.receipt import parse_receipt
from ledger.wire.sealed import unseal
from ledger.wire.succession import parse_succession
from ledger.wire.tile import decode_bundle as ledger_bundle
from ledger.wire.tile import parse_tile_path
from tests.agreement.readers import BOTH, Reader
from tests.fuzz.samples import LOG, PLACE, POLICY, claim_of
from tests.verifier.evidenceworld import seal_text
from verifier.errors import BadArgument, NotVerified, Unreadable
from verifier.evidence.check import check_evidence
from verifier.evidence.container import parse_evidence
from verifier.evidence.opening import open_blob
from verifier.explain import explain
from verifier.formats.bodies import parse_succession as parse_succession_body
from verifier.formats.checkpoint import open_under, parse_checkpoint
from verifier.formats.epoch import parse_epoch
from verifier.formats.erasure import parse_erasure
from verifier.formats.leaf import parse_leaf
from verifier.formats.note import parse_note, parse_verifier_key
from verifier.formats.policy import parse_policy
from verifier.formats.succession import parse_succession_file
from verifier.formats.tiles import decode_bundle
from verifier.proof import Proof, check_proof, parse_proof
from verifier.states.consistency import parse_hashes

SEAL_KEY = bytes(range(32))
REFUSALS = (BadRequest, BadEvidence, NotVerified, Unreadable, BadArgument)


class Target(NamedTuple):
    readers: tuple[Reader, ...]
    """That must agree on what they take."""


def text(read: Callable[[str], object]) -> Reader:
    def reader(raw: bytes) -> object:
        try:
            decoded = raw.decode()
        except UnicodeDecodeError:
            raise BadRequest("not text") from None
        return read(decoded)

    return reader


def whole_proof(raw: bytes) -> Proof:
    """With the checkpoint in it."""
    proof = parse_proof(raw)
    parse_checkpoint(parse_note(proof.checkpoint).text)
    return proof


def receipt(raw: bytes) -> Proof:
    """A proof that carries its leaf."""
    proof = whole_proof(raw)
    if proof.extra is None:
        raise NotVerified("proof", "a leaf", "none")
    return proof


def succession(raw: bytes) -> object:
    return receipt(parse_succession_file(raw).receipt)


def sealed(raw: bytes) -> object:
    return open_blob(claim_of(raw[32:]), raw[32:], raw[:32])


def opened_text(raw: bytes) -> object:
    return sealed(SEAL_KEY + seal_text(PLACE, raw, SEAL_KEY))


def ledger_opened_text(raw: bytes) -> object:
    return unseal(seal_text(PLACE, raw, SEAL_KEY), SEAL_KEY, PLACE)


def never_verified(raw: bytes) -> object:
    """A changed file is false; what is true is not changed (see `samples`)."""
    report = check_evidence(raw, LOG.believed)
    if report.verified and raw not in LOG.files:
        raise AssertionError("a changed evidence file was verified")
    if not report.verified:
        raise NotVerified("evidence", "a true file", "another")
    return report


def proven(raw: bytes) -> object:
    if not check_proof(raw, POLICY).verified:
        raise NotVerified("proof", "a true proof", "another")
    return raw


TARGETS: dict[str, Target] = {
    **{name: Target(readers) for name, readers in BOTH.items()},
    "note": Target((ledger_note, parse_note)),
    "epoch": Target((Epoch.decode, parse_epoch)),
    "erasure": Target((decode_erasure, parse_erasure)),
    "bundle of 3": Target((lambda raw: ledger_bundle(raw, 3), lambda raw: decode_bundle(raw, 3))),
    "tlog-proof": Target((ledger_proof, whole_proof)),
    "receipt": Target((parse_receipt, receipt)),
    "succession file": Target((parse_succession, succession)),
    "evidence": Target((decode_evidence, parse_evidence)),
    "ledger vkey": Target((text(parse_vkey),)),
    "sealed text": Target((ledger_opened_text, opened_text)),
    "ledger tile path": Target((text(parse_tile_path),)),
    "ledger manifest": Target((Manifest.decode,)),
    "sealed blob": Target((lambda raw: unseal(raw[32:], raw[:32], PLACE), sealed)),
    "verifier vkey": Target((text(parse_verifier_key),)),
    "verifier policy": Target((parse_policy,)),
    "verifier checkpoint": Target((text(parse_checkpoint),)),
    "verifier signed checkpoint": Target((lambda raw: open_under(raw, POLICY),)),
    "verifier leaf": Target((parse_leaf,)),
    "verifier succession body": Target((parse_succession_body,)),
    "verifier hashes": Target((parse_hashes,)),
    "verifier evidence, checked": Target((never_verified,)),
    "verifier proof, checked": Target((proven,)),
    "verifier explain": Target((lambda raw: explain(raw, None),)),
}
