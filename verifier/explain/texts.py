"""Objects that are text: notes, verifier keys, policies, proofs, succession files."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.errors import NotVerified, quote
from verifier.explain.entries import leaf
from verifier.explain.fields import Field, inside, lines_of, text
from verifier.formats.checkpoint import parse_checkpoint
from verifier.formats.note import (
    COSIGNATURE,
    ED25519,
    ML_DSA_44,
    TYPE_NAMES,
    VerifierKey,
    decode_base64,
    parse_note,
    parse_verifier_key,
)
from verifier.formats.policy import parse_policy
from verifier.formats.succession import parse_succession_file
from verifier.proof import parse_proof
from verifier.verdicts.times import utc

_SIGNATURE_BYTES = {64: ED25519, 72: COSIGNATURE, 2428: ML_DSA_44}


def note(raw: bytes) -> Iterator[Field]:
    read = parse_note(raw)
    end = len(read.text.encode())
    for at, line in lines_of(raw[: end - 1]):
        yield Field(at, at + len(line), "text", text(line))
    yield from _signatures(raw, end + 1)


def checkpoint(raw: bytes) -> Iterator[Field]:
    read = parse_note(raw)
    parse_checkpoint(read.text)
    end = len(read.text.encode())
    for name, (at, line) in zip(("origin", "size", "root"), lines_of(raw[:end]), strict=False):
        yield Field(at, at + len(line), name, text(line))
    yield from _signatures(raw, end + 1)


def _signatures(raw: bytes, at: int) -> Iterator[Field]:
    signatures = parse_note(raw).signatures
    for signature, (start, line) in zip(signatures, lines_of(raw[at:], at), strict=False):
        own, size = signature.signature, len(signature.signature)
        seems = _SIGNATURE_BYTES.get(size)
        what = f"{size} bytes" if seems is None else f"of the length of {TYPE_NAMES[seems]}"
        yield Field(start, start + len(line), "signature", f"{quote(signature.name)}, {what}")
        yield Field(0, 4, "key id", signature.key_id.hex(), 1, True)
        if seems in (COSIGNATURE, ML_DSA_44):
            seconds = int.from_bytes(own[:8], "big")
            yield Field(4, 12, "time", f"{seconds} ({utc(seconds * 1000)})", 1, True)


def verifier_key(raw: bytes) -> Iterator[Field]:
    read = parse_verifier_key(_line(raw))
    name = len(read.name.encode())
    yield Field(0, name, "name", quote(read.name))
    yield Field(name + 1, name + 9, "key id", read.key_id.hex())
    yield from _key_bytes(read, name + 10)


def _key_bytes(read: VerifierKey, at: int) -> Iterator[Field]:
    end = len(read.text.encode())
    yield Field(at, end, "key", f"{read.type_name} (type {read.type:#04x})")
    yield Field(1, 1 + len(read.public_key), "public key", read.public_key.hex(), 1, True)


def policy(raw: bytes) -> Iterator[Field]:
    read = parse_policy(raw)
    for at, line in lines_of(raw):
        word, _, value = line.decode().partition(" ")
        if word in ("log", "custodian", "witness"):
            key = parse_verifier_key(value)
            shown = f"{quote(key.name)}, {key.type_name}, key id {key.key_id.hex()}"
            yield Field(at, at + len(line), word, shown)
        elif word == "quorum":
            yield Field(at, at + len(line), word, value)
    yield Field(0, len(raw), "in all", f"quorum {read.quorum} of the custodians")


def proof(raw: bytes) -> Iterator[Field]:
    read = parse_proof(raw)
    at = 0
    for start, line in lines_of(raw):
        end = at = start + len(line)
        if not line:
            break
        if line.startswith(b"extra "):
            yield Field(start, end, "extra", f"{len(read.extra or b'')} bytes")
            yield from inside(_leaf_or_bytes(read.extra or b""), decoded=True)
        elif line.startswith(b"index "):
            yield Field(start, end, "index", str(read.index))
        elif start == 0:
            yield Field(start, end, "format", text(line))
        else:
            yield Field(start, end, "hash", decode_base64(line.decode()).hex())
    yield Field(at + 1, len(raw), "checkpoint")
    yield from inside(checkpoint(read.checkpoint), at + 1)


def _leaf_or_bytes(raw: bytes) -> Iterator[Field]:
    try:
        yield from list(leaf(raw))
    except NotVerified:
        yield Field(0, len(raw), "bytes", raw.hex())


def succession(raw: bytes) -> Iterator[Field]:
    read = parse_succession_file(raw)
    at = 0
    for start, line in lines_of(raw):
        end = at = start + len(line)
        if not line:
            break
        if line.startswith(b"old "):
            yield Field(start, end, "old size", str(read.old_size))
        elif start == 0:
            yield Field(start, end, "format", text(line))
        else:
            yield Field(start, end, "hash", decode_base64(line.decode()).hex())
    yield Field(at + 1, len(raw), "receipt")
    yield from inside(proof(read.receipt), at + 1)


def _line(raw: bytes) -> str:
    try:
        return raw.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise NotVerified("verifier key", "UTF-8", "other bytes") from None
