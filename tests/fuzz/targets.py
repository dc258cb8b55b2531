"""What is fuzzed: readers of bytes, some of which two parties have."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qsl

from ledger.errors import BadEvidence, BadRequest
from ledger.fhir import jsontext, route, validate
from ledger.fhir.bundles import read_request
from ledger.fhir.searching import Values, extract, matches, parse_query, personal
from ledger.fhir.view import view
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


def viewed(raw: bytes) -> object:
    """The view of what is a resource is one too, with the same content beside its identity."""
    resource = validate(raw)
    shown = jsontext.parse(view(raw, "1a2b3c4d-1", 7, 1_800_000_000_000, lambda name: None))
    own, given = dict(resource.parsed), dict(shown)
    for one in (own, given):
        one.pop("id", None)
        meta = one.pop("meta", None) or {}
        one["meta"] = {
            name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")
        }
    if own != given or shown["id"] != "1a2b3c4d-1" or shown["meta"]["versionId"] != "7":
        raise AssertionError("the view is another resource")
    extract(resource.resource_type, shown)
    route(resource)
    return shown


def rewritten(raw: bytes) -> object:
    """Of anything that is an object."""
    shown = view(raw, "1a2b3c4d-1", 7, 1_800_000_000_000, lambda name: "Patient/1a2b3c4d-2")
    return jsontext.parse(shown)


def parts(raw: bytes) -> object:
    asked = read_request(raw)
    for part in asked.parts:
        if part.resource is not None and part.resource not in raw:
            raise AssertionError("a resource is not what its author wrote")
    return asked


def queried(type_: str) -> Reader:
    def reader(query: str) -> object:
        found = parse_query(type_, parse_qsl(query, keep_blank_values=True), base="http://x/fhir")
        matches(found, Values(type_, ()))
        named = {name.partition(":")[0].partition(".")[0] for name, _ in found.link}
        if named & {*personal(type_), "identifier"} or "identifier" in str(dict(found.link).keys()):
            raise AssertionError("who is meant is in the link")
        return found

    return text(reader)


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
    "FHIR view": Target((viewed,)),
    "FHIR view, any object": Target((rewritten,)),
    "FHIR request Bundle": Target((parts,)),
    **{f"FHIR query of {one}": Target((queried(one),)) for one in ("Observation", "Patient")},
    "verifier explain": Target((lambda raw: explain(raw, None),)),
}
