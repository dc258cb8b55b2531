"""Files of many entries: bundles, hash tiles, evidence files."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.errors import NotVerified
from verifier.evidence.container import MAGIC, Hashes, Part, RunPages, parse_evidence
from verifier.explain.entries import in_short
from verifier.explain.fields import Field, Table, fixed, hexed, inside, number, size_of
from verifier.explain.texts import checkpoint
from verifier.formats.leaf import parse_leaf
from verifier.formats.tiles import TILE_BYTES, WIDTH, decode_bundle

_WHAT = {1: "entry", 2: "history", 3: "absence"}
_CLAIM: Table = (
    ("what", 1, lambda raw: f"{raw[0]} ({_WHAT[raw[0]]})"),
    ("chain", 16, hexed),
    ("back", 1, number),
    ("index", 8, number),
)


def tile(raw: bytes) -> Iterator[Field]:
    if len(raw) % 32 or not 32 <= len(raw) <= TILE_BYTES:
        raise NotVerified("tile", f"1 to {WIDTH} hashes of 32 bytes", f"{len(raw)} bytes")
    for at in range(0, len(raw), 32):
        yield Field(at, at + 32, f"hash {at // 32}", raw[at : at + 32].hex())


def bundle(raw: bytes) -> Iterator[Field]:
    at = count = 0
    while at < len(raw) and count < WIDTH:
        at += 2 + int.from_bytes(raw[at : at + 2], "big")
        count += 1
    at = 0
    for place, entry in enumerate(decode_bundle(raw, count)):
        end = at + 2 + len(entry)
        yield Field(at, at + 2, "length", str(len(entry)))
        yield Field(at + 2, end, f"entry {place}", in_short(parse_leaf(entry)))
        at = end


def evidence(raw: bytes) -> Iterator[Field]:
    read = parse_evidence(raw)
    at = len(MAGIC)
    yield Field(0, at, "format", "counterfoil/evidence/v1")
    yield Field(at, at + size_of(_CLAIM), "claim")
    yield from inside(fixed(raw, at, _CLAIM))
    at += size_of(_CLAIM) + 4
    end = at + len(read.checkpoint)
    yield Field(at, end, "checkpoint")
    yield from inside(checkpoint(read.checkpoint), at)
    yield Field(end, end + 1, "parts", f"{len(read.parts)}, the newest log's first")
    at = end + 1
    for back, part in enumerate(read.parts):
        fields, end = _part(part, at)
        which = f"the log {back} before the newest" if back else "the newest log"
        yield Field(at, end, f"part {back}", which)
        yield from inside(fields)
        at = end
    if read.disclosure is None:
        yield Field(at, at + 1, "disclosure", "none")
    else:
        blob = len(raw) - len(read.disclosure.blob)
        yield Field(at + 1, at + 33, "content key", "disclosed")
        yield Field(blob, len(raw), "sealed blob", f"{len(raw) - blob} bytes")


def _part(part: Part, at: int) -> tuple[list[Field], int]:
    fields = [Field(at, at + 4, "leaves", str(len(part.leaves)))]
    at += 4
    for placed in part.leaves:
        end = at + 10 + placed.length
        fields.append(Field(at + 10, end, f"leaf {placed.leaf_index}", in_short(placed.leaf)))
        at = end
    at = _hashes(fields, at, 4, "hashes to the checkpoint's root", part.hashes)
    for index, hashes in part.batches.items():
        at = _hashes(fields, at, 2, f"hashes to the root of batch {index}", hashes)
    for run in part.runs:
        at = _run(fields, at, run)
    return fields, at


def _run(fields: list[Field], at: int, here: RunPages) -> int:
    run = here.run
    what = f"{len(here.pages)} pages of {run.rows} rows"
    fields.append(Field(at, at + 4, f"run of leaves {run.start} to {run.to - 1}", what))
    at += 4
    for page, rows in here.pages:
        end = at + 4 + len(rows)
        fields.append(Field(at, end, f"page {page}", f"{len(rows) // 48} rows", 1))
        at = end
    return _hashes(fields, at, 4, "hashes to the run's root", here.hashes)


def _hashes(fields: list[Field], at: int, width: int, name: str, hashes: Hashes) -> int:
    end = at + width + 32 * len(hashes)
    fields.append(Field(at, end, name, str(len(hashes))))
    return end
