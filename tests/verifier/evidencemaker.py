"""Writes evidence files from the specification, for the verifier's tests: true ones, false where
told. A `Maker` gathers what a file holds as plain lists, which a test may change before `render`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.verifier import heads
from tests.verifier.cosigners import Cosigner
from tests.verifier.formats import ACTOR, BATCH, EPOCH, leaf_hash, sha256, tree_root
from tests.verifier.logmaker import Log

ENTRY, HISTORY, ABSENCE = 1, 2, 3


def multi_proof(indexes: Iterable[int], hashes: Sequence[bytes]) -> list[bytes]:
    """Level by level, from left to right, the neighbours that are not known."""
    known, level, proof = sorted(indexes), list(hashes), []
    while len(level) > 1:
        there = set(known)
        for at in known:
            if at ^ 1 not in there and at ^ 1 < len(level):
                proof.append(level[at ^ 1])
        known = sorted({at >> 1 for at in known})
        level = [
            sha256(b"\x01" + b"".join(level[at : at + 2])) if at + 1 < len(level) else level[at]
            for at in range(0, len(level), 2)
        ]
    return proof


@dataclass
class RunPart:
    pages: list[tuple[int, bytes]]
    hashes: list[bytes]

    def render(self) -> bytes:
        pages = b"".join(struct.pack(">I", number) + page for number, page in self.pages)
        return struct.pack(">I", len(self.pages)) + pages + hash_list(self.hashes, ">I")


@dataclass
class Part:
    log: Log
    epoch: int
    """Index of the epoch's leaf."""
    size: int
    leaves: list[tuple[int, bytes]] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    batches: list[list[bytes]] = field(default_factory=list)
    runs: list[RunPart] = field(default_factory=list)

    @property
    def listed(self) -> list[tuple[int, int]]:
        """Beginning and end of each of the epoch's runs."""
        body = heads.claim_of(self.log.leaves[self.epoch])[170:]
        to = [item[0] for item in struct.iter_unpack(">QQ32s", body)]
        return list(zip([0, *to], to, strict=False))

    @property
    def covered(self) -> int:
        return self.listed[-1][1]

    def render(self) -> bytes:
        leaves = b"".join(struct.pack(">QH", at, len(raw)) + raw for at, raw in self.leaves)
        batches = b"".join(hash_list(hashes, ">H") for hashes in self.batches)
        return (
            struct.pack(">I", len(self.leaves))
            + leaves
            + hash_list(self.hashes, ">I")
            + batches
            + b"".join(run.render() for run in self.runs)
        )


def hash_list(hashes: Sequence[bytes], count: str) -> bytes:
    return struct.pack(count, len(hashes)) + b"".join(hashes)


@dataclass
class Maker:
    what: int
    chain: bytes
    parts: list[Part]
    checkpoint: bytes
    back: int = 0
    index: int = 0
    disclosure: bytes = b"\x00"
    magic: bytes = b"counterfoil/evidence/v1\n"

    def render(self) -> bytes:
        claim = struct.pack(">B16sBQ", self.what, self.chain, self.back, self.index)
        note = struct.pack(">I", len(self.checkpoint)) + self.checkpoint
        parts = b"".join(part.render() for part in self.parts)
        count = bytes([len(self.parts)])
        return self.magic + claim + note + count + parts + self.disclosure


def prove(
    line: Sequence[Log],
    what: int,
    chain: bytes,
    index: int = 0,
    back: int = 0,
    custodians: Sequence[Cosigner] = (),
    custodian_actors: Sequence[bytes] = (),
    lines: str = "em",
    epoch: int | None = None,
) -> Maker:
    """`line`: the newest log first. The epoch is the newest, or the one at `epoch`."""
    parts = []
    for log in line:
        at = max(at for at, raw in enumerate(log.leaves) if kind_of(raw) == EPOCH)
        if epoch is not None and log is line[0]:
            at = epoch
        parts.append(Part(log, at, len(log.leaves)))
    newest = line[0]
    note = newest.checkpoint(lines=lines)
    for signer in custodians:
        note += signer.line("em", newest.origin, len(newest.leaves), newest.root())
    maker = Maker(what, chain, parts, note, back, index)
    gather(maker, custodian_actors)
    return maker


def gather(maker: Maker, custodian_actors: Sequence[bytes] = ()) -> None:
    """The leaves that the file needs, then all proofs."""
    whole = dict.fromkeys(custodian_actors, True)
    taken: list[set[int]] = [{part.epoch} for part in maker.parts]
    if maker.what == ENTRY:
        taken[maker.back].add(maker.index)
        whole[maker.chain] = False
    else:
        whole[maker.chain] = True
    before = -1
    while before != (before := sum(map(len, taken)) + len(whole)):
        for part, indexes in zip(maker.parts, taken, strict=True):
            for at, raw in enumerate(part.log.leaves[: part.covered]):
                chain = heads.chain_of(raw)
                is_actor = kind_of(raw) == ACTOR
                if chain == part.log.chain or (chain in whole and (whole[chain] or is_actor)):
                    indexes.add(at)
            for at in list(indexes):
                raw = part.log.leaves[at]
                whole.setdefault(heads.claim_of(raw)[50:66], False)
                if raw[0] & 0x7F == 2:
                    indexes.add(int.from_bytes(raw[57:65], "big"))
    chains = [chain for chain in whole if whole[chain] or is_actor_chain(maker.parts, chain)]
    for part, indexes in zip(maker.parts, taken, strict=True):
        part.leaves = [(at, part.log.leaves[at]) for at in sorted(indexes)]
        prove_part(part, [part.log.chain, *chains])


def is_actor_chain(parts: Sequence[Part], chain: bytes) -> bool:
    return any(
        kind_of(raw) == ACTOR and heads.chain_of(raw) == chain
        for part in parts
        for raw in part.log.leaves[: part.covered]
    )


def prove_part(part: Part, chains: Sequence[bytes]) -> None:
    """The proofs for whatever leaves it holds, and pages for these chains."""
    log, indexes = part.log, [at for at, _ in part.leaves]
    part.hashes = multi_proof(indexes, log.hashes[: part.size])
    part.batches = [batch_proof(part, at) for at, raw in part.leaves if kind_of(raw) == BATCH]
    wanted: dict[int, set[int]] = {number: set() for number in range(len(part.listed))}
    runs = [heads.run(log, *ends) for ends in part.listed]
    for chain in chains:
        blinded = heads.blinded(log, chain)
        for number in reversed(range(len(runs))):
            rows = [row[:16] for row in runs[number].rows]
            below = sum(row < blinded for row in rows)
            here = below < len(rows) and rows[below] == blinded
            around = [below] if here else [at for at in (below - 1, below) if 0 <= at < len(rows)]
            wanted[number] |= {at // 16 for at in around}
            if here:
                break
    part.runs = []
    for number, run in enumerate(runs):
        pages = sorted(wanted[number])
        hashes = multi_proof(pages, run.page_hashes) if pages else []
        part.runs.append(RunPart([(page, run.pages[page]) for page in pages], hashes))


def batch_proof(part: Part, batch: int) -> list[bytes]:
    log = part.log
    count = int.from_bytes(heads.claim_of(log.leaves[batch])[171:175], "big")
    members = [log.leaves[batch + 1 + position][69:] for position in range(count)]
    hashes = [sha256(b"\x00counterfoil/batch-member/v1" + claim) for claim in members]
    here = [at - batch - 1 for at, _ in part.leaves if batch < at <= batch + count]
    return multi_proof(here, hashes) if here else []


def kind_of(raw: bytes) -> int:
    return heads.claim_of(raw)[1]


def rooted(part: Part, checkpoint_size: int) -> bytes:
    """The root that the leaves and the rest of the log give."""
    return tree_root([leaf_hash(raw) for raw in part.log.leaves[:checkpoint_size]])
