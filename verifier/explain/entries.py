"""Leaves, statements, claims and their bodies, field by field."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.explain.cbor import read_head, walk
from verifier.explain.fields import (
    Field,
    Table,
    fixed,
    hexed,
    inside,
    kind,
    number,
    size_of,
    time_ms,
)
from verifier.formats.bodies import parse_batch
from verifier.formats.claim import BATCH, CLAIM_BYTES, EPOCH, KINDS, parse_claim
from verifier.formats.epoch import parse_epoch
from verifier.formats.leaf import Leaf, parse_leaf
from verifier.formats.statement import parse_statement
from verifier.verdicts.times import utc

CLAIM: Table = (
    ("version", 1, number),
    ("kind", 1, kind),
    ("log", 32, hexed),
    ("chain", 16, hexed),
    ("author", 16, hexed),
    ("entry id", 16, lambda raw: f"{raw.hex()} ({utc(int.from_bytes(raw[:6], 'big'))})"),
    ("authored", 8, time_ms),
    ("blob hash", 32, hexed),
    ("sealed size", 8, number),
    ("expires", 8, time_ms),
    ("amended", 32, hexed),
)
_HEADER: Table = (
    ("version", 1, lambda raw: f"{raw[0]:#04x}"),
    ("seq", 8, number),
    ("prev hash", 32, hexed),
    ("prev index", 8, number),
    ("received", 8, time_ms),
)
_MEMBER: Table = (("batch index", 8, number), ("position", 4, number))
_BATCH: Table = (("member kind", 1, kind), ("count", 4, number), ("root", 32, hexed))
_RUN: Table = (("to", 8, number), ("rows", 8, number), ("root", 32, hexed))


def leaf(raw: bytes) -> Iterator[Field]:
    read = parse_leaf(raw)
    yield from fixed(raw, 0, _HEADER)
    at = size_of(_HEADER)
    if read.member is not None:
        yield from fixed(raw, at, _MEMBER)
        at += size_of(_MEMBER)
        yield Field(at, len(raw), "claim")
        yield from inside(claim(raw[at:]), at)
    else:
        yield Field(at, len(raw), "statement")
        yield from inside(statement(raw[at:]), at)


def statement(raw: bytes) -> Iterator[Field]:
    parse_statement(raw)
    yield Field(0, 2, "COSE_Sign1", raw[:2].hex())
    _, length, at = read_head(raw, 2)
    yield Field(2, at + length, "protected header")
    yield from inside(walk(raw, at, "header"))
    at += length
    yield Field(at, at + 1, "unprotected header", "none")
    _, length, begins = read_head(raw, at + 1)
    yield Field(at + 1, begins + length, "claim")
    yield from inside(claim(raw[begins : begins + length]), begins)
    at = begins + length
    _, _, begins = read_head(raw, at)
    yield Field(at, len(raw), "signature", raw[begins:].hex())


def claim(raw: bytes) -> Iterator[Field]:
    read = parse_claim(raw)
    yield from fixed(raw, 0, CLAIM)
    body = raw[CLAIM_BYTES:]
    if not body:
        return
    yield Field(CLAIM_BYTES, len(raw), "body", f"of a {KINDS[read.kind].name}")
    if read.kind == EPOCH:
        fields = epoch(body)
    elif read.kind == BATCH:
        fields = batch(body)
    else:
        fields = walk(body, 0, "fields")
    yield from inside(fields, CLAIM_BYTES)


def batch(raw: bytes) -> Iterator[Field]:
    parse_batch(raw)
    yield from fixed(raw, 0, _BATCH)


def epoch(raw: bytes) -> Iterator[Field]:
    at = 0
    for run in parse_epoch(raw).runs:
        end = at + size_of(_RUN)
        yield Field(at, end, "run", f"leaves {run.start} to {run.to - 1}")
        yield from inside(fixed(raw, at, _RUN))
        at = end


def in_short(read: Leaf) -> str:
    what = KINDS[read.claim.kind].name
    return (
        f"{what} by {read.claim.author.hex()} in chain {read.claim.chain.hex()}, "
        f"seq {read.seq}, received {utc(read.received_ms)}"
    )
