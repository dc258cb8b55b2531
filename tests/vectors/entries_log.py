"""A small whole log: every kind of entry and chain once; and false leaves that follow it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from ledger.errors import CounterfoilError
from ledger.identity import Contest
from ledger.merkle import Frontier, inclusion_proof, leaf_hash, subtree_root
from ledger.wire.batch import BatchBody, member_hashes
from ledger.wire.checkpoint import Checkpoint, MlDsaVerifier, open_checkpoint
from ledger.wire.claim import Claim, Kind
from ledger.wire.epoch import PAGE_ROWS, Epoch, Run, blind, commitment, page_hash
from ledger.wire.erasure import Attest, EraseEntries, EraseRecord, Erasure
from ledger.wire.ids import (
    BATCH_CHAIN,
    DIRECTORY_CHAIN,
    EPOCH_CHAIN,
    ZERO_HASH,
    ActorId,
    ChainId,
    Hash,
    LeafIndex,
    TreeSize,
    derived_chain,
)
from ledger.wire.leaf import MEMBER_HEADER, encode_leaf
from ledger.wire.note import sign_note
from ledger.wire.receipt import Receipt, render_receipt
from ledger.wire.statement import StatementKey
from ledger.wire.tile import Tile, encode_bundle
from tests.vectors.entries_changes import enrol_body, revoke_body, rotate_body
from tests.vectors.entries_registry import genesis_body
from tests.vectors.entries_sealed import CBOR, FHIR, Recipe, blob_hash
from tests.vectors.entries_world import (
    AUTHOR_ML_DSA,
    CHECKPOINT_KEY,
    CHECKPOINT_ML_DSA,
    CLINIC,
    DAY_MS,
    DOCTOR,
    GOVERNOR,
    LOG_CHAIN,
    MINUTE_MS,
    ORIGIN,
    ORIGIN_HASH,
    OTHER_PERSON,
    PATIENT,
    PERSON,
    PHARMACY,
    PROXY,
    START_MS,
    KeptMlDsa,
    Keyed,
    Signer,
    entry_id,
    private,
)
from tests.vectors.files import stored

SEALED_KINDS: Final = (
    Kind.OPEN,
    Kind.RECORD,
    Kind.AMEND,
    Kind.RETRACT,
    Kind.LINK,
    Kind.UNLINK,
    Kind.ACCESS,
)
Author = Signer | Keyed
SIGNATURES: Final[dict[str, str]] = dict(stored("log.json").get("ml_dsa_signatures", {}))
DOCTOR_ML_DSA: Final = Keyed(DOCTOR.id, StatementKey.of(KeptMlDsa(AUTHOR_ML_DSA, SIGNATURES)))
"""The doctor behind its rotation."""
LOG_ITSELF: Final = Keyed(ActorId(LOG_CHAIN), StatementKey.of(private("log statement key")))
LINK_AT: Final = 13
TIME: Final = START_MS // 1000 + 60


@dataclass(slots=True)
class SmallLog:
    """A log in memory that takes every leaf as it comes, also a false one."""

    leaves: list[bytes] = field(default_factory=list)
    heads: dict[bytes, tuple[int, Hash, int]] = field(default_factory=dict)
    """Chain -> seq, hash and index of its last leaf."""
    payloads: list[tuple[int, Recipe]] = field(default_factory=list)
    now: int = START_MS

    @property
    def id(self) -> Hash:
        return leaf_hash(self.leaves[0])

    @property
    def index(self) -> int:
        """Of the next leaf."""
        return len(self.leaves)

    def copy(self) -> SmallLog:
        return SmallLog(list(self.leaves), dict(self.heads), [], self.now)

    def derived(self, label: bytes, owner: Author) -> ChainId:
        return derived_chain(label, self.id, ActorId(owner.id))

    def claim(self, kind: Kind, chain: ChainId, author: Author, content: bytes = b"") -> Claim:
        """A claim with its sealed blob, where the kind has one."""
        log = ORIGIN_HASH if kind is Kind.GENESIS else self.id
        born = entry_id(self.now, f"small {self.index} {content.decode()}")
        claim = Claim(kind, log, chain, author.id, born, self.now)
        if kind not in SEALED_KINDS:
            return claim
        header = CBOR if kind in (Kind.OPEN, Kind.LINK, Kind.UNLINK, Kind.ACCESS) else FHIR
        return self.seal(claim, Recipe(content, header))

    def seal(self, claim: Claim, recipe: Recipe) -> Claim:
        """The claim with this content."""
        place = claim.log + claim.chain + claim.entry_id
        recipe = replace(recipe, place=place, label=f"small {claim.entry_id.hex()}")
        self.payloads.append((self.index, recipe))
        blob = recipe.blob()
        return replace(claim, blob_hash=Hash(blob_hash(blob)), blob_size=len(blob))

    def place(self, chain: bytes) -> tuple[int, Hash, int]:
        """seq, prev hash and prev index of the chain's next leaf."""
        if chain not in self.heads:
            return 0, ZERO_HASH, 0
        seq, hash_, index = self.heads[chain]
        return seq + 1, hash_, index

    def put(self, leaf: bytes, chain: bytes, seq: int) -> int:
        index = self.index
        self.leaves.append(leaf)
        self.heads[chain] = (seq, leaf_hash(leaf), index)
        return index

    def add(self, claim: Claim, signer: Author) -> int:
        """A single entry."""
        seq, prev, at = self.place(claim.chain)
        self.now += 1000
        leaf = encode_leaf(seq, prev, at, self.now, signer.key.sign(claim))
        return self.put(leaf, claim.chain, seq)

    def entry(self, kind: Kind, chain: ChainId, author: Author, content: bytes = b"") -> int:
        return self.add(self.claim(kind, chain, author, content), author)

    def amending(self, kind: Kind, chain: ChainId, at: int, content: bytes = b"") -> Claim:
        """The clinic's amendment or retraction of the leaf at ``at``."""
        amended = leaf_hash(self.leaves[at])
        return replace(self.claim(kind, chain, CLINIC, content), amended=amended)

    def actor(self, chain: bytes, body: bytes, author: Author = GOVERNOR) -> Claim:
        """An actor entry, the governor's if nobody else is named."""
        return replace(self.claim(Kind.ACTOR, ChainId(chain), author), body=body)

    def erasure(self, chain: ChainId, body: Erasure, author: Author = CLINIC) -> Claim:
        """An order, or the word that it was done."""
        return replace(self.claim(Kind.ERASURE, chain, author), body=body.encode())

    def hash(self, index: int) -> Hash:
        return leaf_hash(self.leaves[index])

    def before_the_newest(self) -> SmallLog:
        """The log as it was one leaf ago; its newest leaf is a later one of its chain."""
        shorter = self.copy()
        raw = shorter.leaves.pop()
        chain, seq, before = leaf_claim(raw)[34:50], int.from_bytes(raw[1:9], "big"), raw[41:49]
        at = int.from_bytes(before, "big")
        shorter.heads[chain] = (seq - 1, Hash(raw[9:41]), at)
        return shorter

    def epoch(self, body: bytes | None = None, by: Author = LOG_ITSELF) -> int:
        """An epoch over every leaf, or with another body."""
        chain = derived_chain(EPOCH_CHAIN, self.id, ActorId(LOG_CHAIN))
        claim = replace(self.claim(Kind.EPOCH, chain, by), body=body or self.covering().encode())
        return self.add(claim, by)

    def covering(self) -> Epoch:
        """The index of all leaves so far, in one short run."""
        heads = [(ChainId(chain), *head) for chain, head in self.heads.items()]
        rows = sorted(
            blind(self.id, chain) + commitment(chain, seq + 1, index, hash_)
            for chain, seq, hash_, index in heads
        )
        pages = [b"".join(rows[at : at + PAGE_ROWS]) for at in range(0, len(rows), PAGE_ROWS)]
        return Epoch((Run(self.index, len(rows), subtree_root([page_hash(one) for one in pages])),))

    def batch(self, author: Author, members: list[Claim], body: BatchBody | None = None) -> int:
        """A batch leaf and its members; ``body`` puts a false one under the signature."""
        claims = [member.encode() for member in members]
        root = subtree_root(member_hashes(claims))
        body = body or BatchBody(members[0].kind, len(claims), root)
        chain = self.derived(BATCH_CHAIN, author)
        at = self.add(replace(self.claim(Kind.BATCH, chain, author), body=body.encode()), author)
        for position, claim in enumerate(claims):
            self.member(claim, at, position)
        return at

    def member(self, claim: bytes, batch: int, position: int) -> int:
        chain = claim[34:50]
        seq, prev, at = self.place(chain)
        head = MEMBER_HEADER.pack(2, seq, prev, at, self.now, batch, position)
        return self.put(head + claim, chain, seq)

    def members(self, author: Signer = CLINIC) -> list[Claim]:
        """Claims of three records: two of the person, one of the directory."""
        directory = self.derived(DIRECTORY_CHAIN, author)
        return [
            self.claim(Kind.RECORD, chain, author, b'{"resourceType":"%b"}' % name)
            for chain, name in (
                (PERSON, b"Observation"),
                (directory, b"Organization"),
                (PERSON, b"Encounter"),
            )
        ]

    def checkpoint(self) -> Checkpoint:
        frontier = Frontier()
        frontier.extend([leaf_hash(leaf) for leaf in self.leaves])
        return Checkpoint(ORIGIN, TreeSize(self.index), frontier.root())

    def read(self, level: int, index: int, width: int) -> bytes:
        """The one tile, for the Merkle proofs."""
        return b"".join(leaf_hash(leaf) for leaf in self.leaves[:width])


def small_log() -> tuple[SmallLog, list[str]]:
    """The true log, and a name for each of its leaves."""
    log = SmallLog()
    names: list[str] = []

    def named(name: str, index: int) -> int:
        names.extend([name] * (log.index - len(names)))
        return index

    genesis = Claim(
        Kind.GENESIS,
        ORIGIN_HASH,
        LOG_CHAIN,
        GOVERNOR.id,
        entry_id(START_MS, "small genesis"),
        START_MS,
        body=genesis_body(),
    )
    named("genesis", log.add(genesis, GOVERNOR))
    clinic = log.seal(
        log.actor(CLINIC.id, enrol_body()),
        Recipe(b"", b"\xa2\x64name\x66Clinic\x64type\x70application/cbor"),
    )
    named("enrol-clinic", log.add(clinic, GOVERNOR))
    pharmacy = log.actor(PHARMACY.id, enrol_body("gateway", PHARMACY.public))
    named("enrol-pharmacy", log.add(pharmacy, GOVERNOR))
    named("open", log.entry(Kind.OPEN, PERSON, CLINIC))
    named("open-other", log.entry(Kind.OPEN, OTHER_PERSON, PHARMACY))
    record = named("record", log.entry(Kind.RECORD, PERSON, CLINIC, b'{"resourceType":"Patient"}'))
    text = b'{"resourceType":"Patient","active":true}'
    amend = named("amend", log.add(log.amending(Kind.AMEND, PERSON, record, text), CLINIC))
    directory = log.derived(DIRECTORY_CHAIN, CLINIC)
    text = b'{"resourceType":"Location"}'
    named("directory-record", log.entry(Kind.RECORD, directory, CLINIC, text))
    batch = log.batch(CLINIC, log.members())
    names.append("batch")
    named("member", batch)
    named("access", log.entry(Kind.ACCESS, PERSON, PHARMACY))
    named("link", log.entry(Kind.LINK, PERSON, CLINIC))
    named("retract", log.add(log.amending(Kind.RETRACT, PERSON, amend), CLINIC))
    named("revoke-pharmacy", log.add(log.actor(PHARMACY.id, revoke_body()), GOVERNOR))
    expiring = log.claim(Kind.RECORD, OTHER_PERSON, CLINIC, b"{}")
    expiring = replace(expiring, expires_ms=log.now + MINUTE_MS, authored_ms=START_MS - DAY_MS)
    named("record-that-expires", log.add(expiring, CLINIC))
    for name, index in _governed_by_institutions(log):
        named(name, index)
    named("epoch", log.epoch())
    return log, names


def _governed_by_institutions(log: SmallLog) -> Iterator[tuple[str, int]]:
    """People whom the clinic enrols; a key that changes; a link that ends; an erasure."""
    yield (
        "enrol-practitioner",
        log.add(log.actor(DOCTOR.id, enrol_body("practitioner", DOCTOR.public), CLINIC), CLINIC),
    )
    yield "record-of-the-practitioner", log.entry(Kind.RECORD, PERSON, DOCTOR, b"{}")
    body = enrol_body("person", PATIENT.public)
    yield "enrol-person", log.add(log.actor(PATIENT.id, body, CLINIC), CLINIC)
    body = enrol_body("proxy", PROXY.public)
    yield "enrol-proxy", log.add(log.actor(PROXY.id, body, PATIENT), PATIENT)
    yield "access-of-the-proxy", log.entry(Kind.ACCESS, PERSON, PROXY)
    body = rotate_body(DOCTOR.public)
    yield "rotate-practitioner", log.add(log.actor(DOCTOR.id, body, DOCTOR), DOCTOR)
    yield "record-under-ml-dsa-44", log.entry(Kind.RECORD, PERSON, DOCTOR_ML_DSA, b"{}")
    body = Contest(18).encode()
    yield "contest-practitioner", log.add(log.actor(DOCTOR.id, body, CLINIC), CLINIC)
    unlink = replace(log.claim(Kind.UNLINK, PERSON, CLINIC), amended=log.hash(LINK_AT))
    yield "unlink", log.add(unlink, CLINIC)
    order = EraseEntries(tuple(sorted(log.hash(at) for at in (5, 6))))
    ordered = log.add(log.erasure(PERSON, order), CLINIC)
    yield "order", ordered
    yield "attest", log.add(log.erasure(PERSON, Attest(log.hash(ordered))), CLINIC)
    yield "order-record", log.add(log.erasure(OTHER_PERSON, EraseRecord()), CLINIC)


def _ml_dsa_line(checkpoint: Checkpoint, stored: str | None) -> bytes:
    text = checkpoint.text()
    if stored is not None:
        line = stored.encode()
        try:
            open_checkpoint(text + b"\n" + line, ORIGIN, [MlDsaVerifier(CHECKPOINT_ML_DSA.vkey)])
        except CounterfoilError:
            pass
        else:
            return line
    return CHECKPOINT_ML_DSA.line(checkpoint, TIME)


def receipt(log: SmallLog, index: int) -> bytes:
    """A provisional receipt."""
    hashes = tuple(inclusion_proof(index, log.index, log))
    note = sign_note(log.checkpoint().text(), [CHECKPOINT_KEY])
    return render_receipt(Receipt(log.leaves[index], LeafIndex(index), hashes, note))


def log_vectors(stored_line: str | None) -> dict[str, object]:
    """The log, with what its payloads hold, and leaves that must not follow it."""
    # Here, since that module builds on this one.
    from tests.vectors.entries_lies import continuations

    log, names = small_log()
    checkpoint = log.checkpoint()
    provisional = sign_note(checkpoint.text(), [CHECKPOINT_KEY])
    line = _ml_dsa_line(checkpoint, stored_line)
    rows = [
        {"name": name, "leaf": leaf.hex(), "hash": leaf_hash(leaf).hex()}
        for name, leaf in zip(names, log.leaves, strict=True)
    ]
    payloads = [
        {
            "index": index,
            "key": recipe.key.hex(),
            "place": recipe.place.hex(),
            "blob": recipe.blob().hex(),
            "header": recipe.header.hex(),
            "content": recipe.content.hex(),
        }
        for index, recipe in _indexed(log)
    ]
    return {
        "about": "a whole log; leaves, payloads and ids in hex, notes and the bundle in base64",
        "origin": ORIGIN,
        "vkeys": [str(CHECKPOINT_KEY.vkey), str(CHECKPOINT_ML_DSA.vkey)],
        "log": log.id.hex(),
        "size": log.index,
        "root": checkpoint.root.hex(),
        "checkpoint": _text(provisional + line),
        "ml_dsa_line": line.decode(),
        "ml_dsa_signatures": SIGNATURES,
        "leaves": rows,
        "heads": {
            chain.hex(): {"seq": seq, "hash": hash_.hex(), "index": index}
            for chain, (seq, hash_, index) in log.heads.items()
        },
        "bundle_path": Tile(None, 0, log.index).path(),
        "bundle": _text(encode_bundle(log.leaves)),
        "receipt": {"index": 5, "file": _text(receipt(log, 5))},
        "payloads": payloads,
        "continuations": [
            {
                "name": name,
                "leaves": [leaf.hex() for leaf in longer.leaves[log.index :]],
                "checkpoint": _text(sign_note(longer.checkpoint().text(), [CHECKPOINT_KEY])),
                "valid": valid,
            }
            for name, longer, valid in continuations(log)
        ],
    }


def _indexed(log: SmallLog) -> list[tuple[int, Recipe]]:
    """Payloads with their leaf's index; a batch's members were sealed before they had one."""
    ids = {leaf_claim(leaf)[66:82]: at for at, leaf in enumerate(log.leaves)}
    return [(ids[recipe.place[48:]], recipe) for _, recipe in log.payloads]


def leaf_claim(leaf: bytes) -> bytes:
    """The fixed part of the claim in a leaf: a statement's head has 3 bytes over 255, else 2."""
    if leaf[0] == 2:
        return leaf[69:239]
    at = 57 + 4 + leaf[60] + 1
    return leaf[at + (2 if leaf[at] == 0x58 else 3) :][:170]


def _text(data: bytes) -> str:
    return b64encode(data).decode()
