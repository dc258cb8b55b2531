"""What an evidence file holds, by docs/spec/evidence.md word for word: slow, from leaves in memory,
and with nothing of the ledger but its wire formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ledger.identity import Enrol, decode_actor_body
from ledger.wire.batch import BatchBody
from ledger.wire.claim import Kind
from ledger.wire.epoch import Epoch
from ledger.wire.evidence import (
    Disclosure,
    Evidence,
    EvidenceClaim,
    Part,
    PlacedLeaf,
    RunPages,
    What,
)
from ledger.wire.ids import ActorId, ChainId, Hash
from ledger.wire.leaf import Leaf, decode_leaf


def hashed(raw: bytes) -> bytes:
    return sha256(b"\x00" + raw).digest()


@dataclass
class Logged:
    """One log of a line: the leaves below its checkpoint's size."""

    raw: list[bytes]

    def __post_init__(self) -> None:
        self.leaves = [decode_leaf(one) for one in self.raw]
        self.hashes = [hashed(one) for one in self.raw]
        self.id = self.hashes[0]
        self.epoch_at = max(at for at, one in enumerate(self.leaves) if is_epoch(one))
        self.epoch = Epoch.decode(self.leaves[self.epoch_at].claim.body)

    @property
    def log_chain(self) -> ChainId:
        return self.leaves[0].claim.chain

    def below(self, chain: bytes) -> set[int]:
        """All leaves of a chain below E."""
        found = range(self.epoch.upto)
        return {at for at in found if self.leaves[at].claim.chain == chain}


def is_epoch(leaf: Leaf) -> bool:
    return leaf.claim.kind is Kind.EPOCH


def assemble(
    line: Sequence[Logged],
    claim: EvidenceClaim,
    note: bytes,
    custodians: Iterable[ActorId] = (),
    disclosure: Disclosure | None = None,
) -> Evidence:
    """The file about a claim; the newest log of the line comes first."""
    enrollers = _enrollers(line)
    held = [_claimed(log, claim, back) for back, log in enumerate(line)]
    actors: set[bytes] = {*custodians} | ({claim.chain} & enrollers.keys())
    while True:
        before = [set(held_here) for held_here in held], set(actors)
        for log, here in zip(line, held, strict=True):
            for at in sorted(here):
                author = log.leaves[at].claim.author
                if author in enrollers:
                    actors.add(author)
                if log.leaves[at].is_member:
                    here.add(log.leaves[at].batch_index)
            for actor in sorted(actors):
                here |= log.below(actor)
        actors |= {enrollers[actor] for actor in actors} & enrollers.keys()
        if before == (held, actors):
            break
    looked_up = {*actors} if claim.what is What.ENTRY else {*actors, claim.chain}
    parts = tuple(_part(log, here, looked_up) for log, here in zip(line, held, strict=True))
    return Evidence(claim, note, parts, disclosure)


def _enrollers(line: Sequence[Logged]) -> dict[bytes, bytes]:
    """Every actor of the line with the author of its enrolment."""
    found: dict[bytes, bytes] = {}
    for log in line:
        for leaf in log.leaves:
            claim = leaf.claim
            if claim.kind is Kind.ACTOR and isinstance(decode_actor_body(claim.body), Enrol):
                found[claim.chain] = claim.author
    return found


def _claimed(log: Logged, claim: EvidenceClaim, back: int) -> set[int]:
    here = log.below(log.log_chain) | {log.epoch_at}
    if claim.what is not What.ENTRY:
        return here | log.below(claim.chain)
    return here | ({claim.at} if back == claim.back else set())


def _part(log: Logged, here: set[int], looked_up: set[bytes]) -> Part:
    indexes = sorted(here)
    batches = [at for at in indexes if log.leaves[at].claim.kind is Kind.BATCH]
    return Part(
        tuple(PlacedLeaf(at, log.raw[at]) for at in indexes),
        several(log.hashes, indexes),
        tuple(_batch(log, at, here) for at in batches),
        _runs(log, {log.log_chain, *looked_up}),
    )


def _batch(log: Logged, at: int, here: set[int]) -> tuple[Hash, ...]:
    count = BatchBody.decode(log.leaves[at].claim.body).count
    claims = [log.leaves[at + 1 + position].claim.encode() for position in range(count)]
    hashes = [sha256(b"\x00counterfoil/batch-member/v1" + claim).digest() for claim in claims]
    positions = [position for position in range(count) if at + 1 + position in here]
    return several(hashes, positions) if positions else ()


def _runs(log: Logged, chains: Iterable[bytes]) -> tuple[RunPages, ...]:
    wanted = {sha256(b"counterfoil/heads/v1" + log.id + chain).digest()[:16] for chain in chains}
    start, spans = 0, []
    for run in log.epoch.runs:
        spans.append(rows_of(log, start, run.to))
        start = run.to
    found = []
    for rows in reversed(spans):
        numbers = set()
        for blinded in sorted(wanted):
            at = sum(row[:16] < blinded for row in rows)
            if at < len(rows) and rows[at][:16] == blinded:
                numbers.add(at // 16)
                wanted.remove(blinded)
            else:
                numbers |= {max(at - 1, 0) // 16, min(at, len(rows) - 1) // 16}
        found.append(_shown(rows, sorted(numbers)))
    return tuple(reversed(found))


def rows_of(log: Logged, start: int, stop: int) -> list[bytes]:
    """The rows of run(start, stop)."""
    heads = {log.leaves[at].claim.chain: at for at in range(start, stop)}
    rows = []
    for chain, at in heads.items():
        count = (log.leaves[at].seq + 1).to_bytes(8, "big")
        head = chain + count + at.to_bytes(8, "big") + log.hashes[at]
        blinded = sha256(b"counterfoil/heads/v1" + log.id + chain).digest()[:16]
        rows.append(blinded + sha256(b"counterfoil/heads/head/v1" + head).digest())
    return sorted(rows)


def pages_of(rows: list[bytes]) -> list[bytes]:
    return [b"".join(rows[at : at + 16]) for at in range(0, len(rows), 16)]


def page_hashes(pages: list[bytes]) -> list[bytes]:
    return [sha256(b"\x00counterfoil/heads/page/v1" + page).digest() for page in pages]


def _shown(rows: list[bytes], numbers: list[int]) -> RunPages:
    if not numbers:
        return RunPages()
    pages = pages_of(rows)
    proof = several(page_hashes(pages), numbers)
    return RunPages(tuple((number, pages[number]) for number in numbers), proof)


def root(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + root(hashes[:half]) + root(hashes[half:])).digest()


def several(hashes: Sequence[bytes], indexes: Sequence[int]) -> tuple[Hash, ...]:
    """The proof for several leaves of docs/spec/tiles.md."""
    proof, level, known = [], list(hashes), list(indexes)
    while len(level) > 1:
        for at in known:
            if at ^ 1 not in known and at ^ 1 < len(level):
                proof.append(Hash(level[at ^ 1]))
        known = sorted({at >> 1 for at in known})
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [
            sha256(b"\x01" + b"".join(pair)).digest() if pair[1:] else pair[0] for pair in pairs
        ]
    return tuple(proof)
