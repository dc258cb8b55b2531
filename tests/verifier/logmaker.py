"""Builds logs from the specification, for the verifier's tests: true ones, false where told."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.verifier.formats import (
    ACCESS,
    ACTOR,
    AMEND,
    BATCH,
    DAY_MS,
    EPOCH,
    ERASURE,
    GENESIS,
    LINK,
    OPEN,
    RECORD,
    RETRACT,
    START_MS,
    SUCCESSION,
    TRUST,
    UNLINK,
    ZERO,
    LogKeys,
    PrivateKey,
    Signer,
    alg_of,
    approval,
    b64,
    bundle,
    cbor,
    claim,
    consistency,
    ed25519_key,
    inclusion,
    leaf,
    leaf_hash,
    member_leaf,
    ml_dsa_key,
    sha256,
    statement,
    threshold,
    tile_path,
    tree_root,
)
from tests.verifier.heads import add_epoch, claim_of

Body = dict[str, Any]


class Log:
    """`governors` is their number; every other one has a key of ML-DSA-44."""

    def __init__(
        self, name: str = "one", origin: str = "log.example.com/one", governors: int = 1
    ) -> None:
        self.name = name
        self.origin = origin
        self.keys = LogKeys(origin, name)
        self.leaves: list[bytes] = []
        self.hashes: list[bytes] = []
        self.heads: dict[bytes, tuple[int, bytes, int]] = {}
        self.now = START_MS
        self.id = ZERO
        self.chain = sha256(b"log chain " + name.encode())[:16]
        self.governors = [new_governor(name, number) for number in range(governors)]
        self.first_id = ZERO
        """Id of the line's first log."""
        self.earlier: dict[bytes, tuple[int, bytes, int]] = {}
        """Heads of chains in the logs before it."""
        self.log_key = ed25519_key("log statement " + name)

    @property
    def governor(self) -> Signer:
        return self.governors[0]

    @property
    def vkeys(self) -> list[str]:
        return [self.keys.ed_vkey, self.keys.ml_vkey]

    # Entries

    def entry_id(self, number: int | None = None, at: int | None = None) -> bytes:
        tail = bytearray(sha256(b"id %d" % (len(self.leaves) if number is None else number))[:10])
        tail[0] = 0x70 | tail[0] & 0x0F
        tail[2] = 0x80 | tail[2] & 0x3F
        return (self.now if at is None else at).to_bytes(6, "big") + bytes(tail)

    def put(self, raw: bytes, chain: bytes | None = None, seq: int = 0) -> int:
        """Append raw bytes; with `chain`, as its new head."""
        index = len(self.leaves)
        self.leaves.append(raw)
        self.hashes.append(leaf_hash(raw))
        if chain is not None:
            self.heads[chain] = (seq, self.hashes[-1], index)
        return index

    def place(self, chain: bytes, change: dict[str, Any]) -> tuple[int, bytes, int, int]:
        """seq, prev hash, prev index and received of the chain's next leaf, or as `change` says."""
        head = self.heads.get(chain) or self.earlier.get(chain)
        seq, prev, prev_index = (0, ZERO, 0) if head is None else (head[0] + 1, head[1], head[2])
        return (
            change.get("seq", seq),
            change.get("prev", prev),
            change.get("prev_index", prev_index),
            change.get("received", self.now),
        )

    def version(self, chain: bytes, version: int = 1) -> int:
        """Of the chain's next leaf."""
        crosses = chain in self.earlier and chain not in self.heads
        return version | (0x80 if crosses else 0)

    def claim(self, kind: int, chain: bytes, author: bytes, **change: Any) -> bytes:
        sealed = kind in (OPEN, RECORD, AMEND, RETRACT, LINK, UNLINK, ACCESS)
        fields: dict[str, Any] = {
            "blob": sha256(b"blob") if sealed else ZERO,
            "size": 1024 if sealed else 0,
        }
        fields.update((k, v) for k, v in change.items() if k in _CLAIM_FIELDS)
        return claim(
            change.get("claim_kind", kind),
            change.get("log", self.id),
            change.get("claim_chain", chain),
            change.get("claim_author", author),
            change.get("entry_id") or self.entry_id(),
            change.get("authored", self.now),
            **fields,
        )

    def add(self, kind: int, chain: bytes, signer: Signer, **change: Any) -> int:
        """Append an entry; `change` replaces any field of claim, statement or header."""
        self.now += 1000
        claim_bytes = self.claim(kind, chain, signer.id, **change)
        if "edit_claim" in change:
            claim_bytes = change["edit_claim"](claim_bytes)
        signed = statement(
            change.get("key", signer.key),
            claim_bytes,
            change.get("kid"),
            **{k: v for k, v in change.items() if k in ("header", "protected", "signature")},
        )
        if "edit_statement" in change:
            signed = change["edit_statement"](signed)
        seq, prev, prev_index, received = self.place(chain, change)
        version = change.get("leaf_version", self.version(chain))
        raw = leaf(seq, prev, prev_index, received, signed, version)
        if "edit_leaf" in change:
            raw = change["edit_leaf"](raw)
        return self.put(raw, chain, seq)

    def founding(self) -> Body:
        """The body of a genesis, without approvals."""
        return {
            "origin": self.origin,
            "hash": "sha-256",
            "checkpoint": self.vkeys,
            "statement": {"alg": -19, "key": self.log_key.public_key().public_bytes_raw()},
            "governors": [governor.governor for governor in self.governors],
            "threshold": threshold(len(self.governors)),
        }

    def genesis(self, **change: Any) -> None:
        body = self.founding()
        body.update(change.pop("fields", {}))
        origin = sha256(self.origin.encode())
        given = change.pop("approvals", lambda approvals: approvals)
        approvals = self.approvals(GENESIS, origin, self.chain, ZERO, body, 0)
        change.setdefault("body", cbor({"approvals": given(approvals), **body}))
        change.setdefault("log", origin)
        self.add(GENESIS, self.chain, self.governor, **change)
        self.id = self.first_id = self.hashes[0]

    def approvals(
        self,
        kind: int,
        log: bytes,
        chain: bytes,
        prev: bytes,
        body: Body,
        expires: int,
        by: Sequence[Signer] | None = None,
    ) -> list[bytes]:
        """Of so many governors beside the author as are needed, in order."""
        if by is None:
            by = self.governors[1 : threshold(len(self.governors))]
        signers = sorted(by, key=lambda signer: signer.kid)
        return [approval(signer, kind, log, chain, prev, body, expires) for signer in signers]

    def govern(self, kind: int, chain: bytes, body: Body, /, **change: Any) -> int:
        """An actor or trust entry, with the approvals that its author needs.

        `approved` replaces what the approvals are for, `approvers` whose they are, `approvals`
        edits them, `quorum` says whether there are any.
        """
        author = change.pop("by", self.governor)
        several = len(self.governors) > 1 and author in self.governors
        if change.pop("quorum", several):
            until = change.pop("until", self.now + DAY_MS)
            for_what = {
                "kind": kind,
                "log": self.id,
                "chain": chain,
                "prev": self.place(chain, {})[1],
                "body": body,
                "expires": until,
                "by": change.pop("approvers", None),
                **change.pop("approved", {}),
            }
            edit = change.pop("approvals", lambda approvals: approvals)
            body = {**body, "expires": until, "approvals": edit(self.approvals(**for_what))}
        change.setdefault("body", cbor(body))
        return self.add(kind, chain, author, **change)

    def enrol(self, name: str, role: str = "organisation", **change: Any) -> Signer:
        """`fields` are added to the body, `key_fields` to its one key."""
        key = change.pop("actor_key", None) or ed25519_key(name)
        signer = Signer(change.pop("id", sha256(b"actor " + name.encode())[:16]), key)
        own = {
            "alg": alg_of(key),
            "key": change.pop("public", signer.public),
            "use": "statement",
            **change.pop("key_fields", {}),
        }
        body = {"op": "enrol", "role": role, "keys": [own], **change.pop("fields", {})}
        self.govern(ACTOR, signer.id, body, **change)
        return signer

    def rotate(self, signer: Signer, new: PrivateKey, **change: Any) -> Signer:
        rotated = Signer(signer.id, new)
        key = {"alg": alg_of(new), "key": rotated.public, "use": "statement"}
        key.update(change.pop("key_fields", {}))
        body = {"op": "rotate", "kid": change.pop("rotated", signer.kid), "key": key}
        self.govern(ACTOR, signer.id, body, **change)
        return rotated

    def revoke(self, signer: Signer, **change: Any) -> int:
        body = {"op": "revoke", "kid": change.pop("revoked", signer.kid)}
        return self.govern(ACTOR, signer.id, body, **change)

    def contest(self, signer: Signer, since: int, **change: Any) -> None:
        self.govern(ACTOR, signer.id, {"op": "contest", "since": since}, **change)

    def trust(self, governors: list[Signer], **change: Any) -> None:
        """New governors, named by those so far."""
        body = {
            "op": "governors",
            "governors": [governor.governor for governor in governors],
            "threshold": threshold(len(governors)),
            **change.pop("fields", {}),
        }
        self.govern(TRUST, self.chain, body, **change)
        self.governors = governors

    def erase(self, chain: bytes, signer: Signer, body: Body, **change: Any) -> int:
        return self.add(ERASURE, chain, signer, body=cbor(body), **change)

    def succeed(self, name: str, governors: list[Signer] | None = None, **change: Any) -> Log:
        """The log that takes over from this one. `fields` and `predecessor` change the body,
        `approvals` and `old_approvals` edit the approvals, `approved` is what the old are for. This
        log ends in an epoch over all before it, unless `closed` says that it needs none.
        """
        if change.pop("closed", True) and claim_of(self.leaves[-1])[1] != EPOCH:
            add_epoch(self)
        new = type(self).__new__(type(self))
        Log.__init__(new, name, change.pop("origin", f"log.example.com/{name}"))
        new.governors = self.governors if governors is None else governors
        new.keys = change.pop("keys", new.keys)
        new.now, new.first_id = change.pop("now", self.now), self.first_id
        new.earlier = {**self.earlier, **self.heads}
        predecessor = {
            "log": self.id,
            "origin": self.origin,
            "size": len(self.leaves),
            "root": self.root(),
            "checkpoint": self.checkpoint(),
            **change.pop("predecessor", {}),
        }
        body = {**new.founding(), "predecessor": predecessor, **change.pop("fields", {})}
        for_what = {
            "kind": SUCCESSION,
            "log": self.id,
            "chain": self.chain,
            "prev": self.heads[self.chain][1],
            "body": body,
            "expires": 0,
            "by": self.governors[: threshold(len(self.governors))],
            **change.pop("approved", {}),
        }
        old = change.pop("old_approvals", lambda approvals: approvals)(self.approvals(**for_what))
        origin = sha256(new.origin.encode())
        edit = change.pop("approvals", lambda approvals: approvals)
        own = edit(new.approvals(SUCCESSION, origin, new.chain, ZERO, body, 0))
        whole = {**body, "approvals": own, "predecessor": {**predecessor, "approvals": old}}
        change.setdefault("body", cbor(whole))
        change.setdefault("log", origin)
        new.add(SUCCESSION, change.pop("chain", new.chain), new.governor, **change)
        new.id = new.hashes[0]
        return new

    def open(self, name: str, signer: Signer, **change: Any) -> bytes:
        chain = sha256(b"person " + name.encode())[:16]
        self.add(OPEN, chain, signer, **change)
        return chain

    def derived(self, what: str, owner: bytes) -> bytes:
        return sha256(f"counterfoil/chain/{what}/v1".encode() + self.first_id + owner)[:16]

    def batch(
        self, signer: Signer, chains: list[bytes], kind: int = RECORD, **change: Any
    ) -> list[int]:
        """A batch with one member per chain named.

        `members` edits the member claims after the root was made, `member` the fields of one
        before, `raw` one member's leaf.
        """
        self.now += 1000
        claims = []
        for i, chain in enumerate(chains):
            fields = {"entry_id": self.entry_id(1_000_000 + len(self.leaves) * 5000 + i)}
            fields.update(change.get("member", lambda i: {})(i))
            claims.append(self.claim(kind, chain, signer.id, **fields))
        root = tree_root(
            [sha256(b"\x00counterfoil/batch-member/v1" + claim_bytes) for claim_bytes in claims]
        )
        body = struct.pack(
            ">BI32s",
            change.get("member_kind", kind),
            change.get("count", len(claims)),
            change.get("root", root),
        )
        own = {k: v for k, v in change.items() if k not in ("member", "members", "raw", "kind")}
        own.setdefault("body", body)
        batch = self.add(BATCH, own.pop("chain", self.derived("batch", signer.id)), signer, **own)
        indexes = []
        for position, claim_bytes in enumerate(change.get("members", lambda c: c)(claims)):
            chain = claim_bytes[34:50]
            place, version = self.place(chain, {}), self.version(chain, 2)
            raw = member_leaf(place, batch, position, claim_bytes, version)
            raw = change.get("raw", lambda p, r: r)(position, raw)
            indexes.append(self.put(raw, chain, place[0]))
        return indexes

    # Files

    def root(self, size: int | None = None) -> bytes:
        return tree_root(self.hashes[:size])

    def checkpoint(self, size: int | None = None, lines: str = "em") -> bytes:
        size = len(self.leaves) if size is None else size
        return self.keys.checkpoint(size, self.root(size), lines)

    def files(self, size: int | None = None) -> dict[str, bytes]:
        """The log in tlog-tiles layout; tree and checkpoint are true to whatever it holds."""
        size = len(self.leaves) if size is None else size
        files = {"checkpoint": self.checkpoint(size)}
        for start in range(0, size, 256):
            part = self.leaves[start : min(start + 256, size)]
            files[tile_path("entries", start // 256, len(part))] = bundle(part)
        level, row = 0, self.hashes[:size]
        while row:
            for start in range(0, len(row), 256):
                part = row[start : start + 256]
                files[tile_path(level, start // 256, len(part))] = b"".join(part)
            full = len(row) // 256
            row = [tree_root(row[256 * i : 256 * i + 256]) for i in range(full)]
            level += 1
        return files

    def proof(self, index: int, lines: str = "em", extra: bytes | None = None) -> bytes:
        head = "c2sp.org/tlog-proof@v1\n"
        if extra is not None:
            head += f"extra {b64(extra)}\n"
        head += f"index {index}\n"
        head += "".join(f"{b64(item)}\n" for item in inclusion(index, self.hashes))
        return head.encode() + b"\n" + self.checkpoint(lines=lines)

    def succession_file(self, old: int, before: Log, lines: str = "em") -> bytes:
        """What binds receipts of the log before, of size `old`, to this one."""
        hashes = "".join(f"{b64(item)}\n" for item in consistency(old, before.hashes))
        head = f"counterfoil/succession@v1\nold {old}\n{hashes}\n"
        return head.encode() + self.proof(0, lines, extra=self.leaves[0])


_CLAIM_FIELDS = ("version", "blob", "size", "expires", "amended", "body")


def new_governor(name: str, number: int = 0) -> Signer:
    if number == 0:
        return Signer(sha256(b"governor " + name.encode())[:16], ed25519_key("gov " + name))
    words = f"{name} {number}"
    key = ml_dsa_key(words) if number % 2 else ed25519_key(words)
    return Signer(sha256(b"governor " + words.encode())[:16], key)


class Sample(Log):
    """A small true log with every kind of entry and chain."""

    def __init__(
        self, name: str = "one", origin: str = "log.example.com/one", governors: int = 1
    ) -> None:
        super().__init__(name, origin, governors)
        self.genesis()
        self.clinic = self.enrol("clinic")
        self.pharmacy = self.enrol("pharmacy", blob=sha256(b"name"), size=512)
        self.person = self.open("person", self.clinic)
        self.other = self.open("other person", self.pharmacy)
        self.record = self.add(RECORD, self.person, self.clinic)
        self.amend = self.add(AMEND, self.person, self.clinic, amended=self.hashes[self.record])
        self.access = self.add(ACCESS, self.person, self.pharmacy)
        self.add(LINK, self.person, self.clinic)
        self.directory = self.derived("directory", self.clinic.id)
        self.add(RECORD, self.directory, self.clinic, expires=self.now + DAY_MS)
        self.members = self.batch(self.clinic, [self.person, self.other, self.person])
        self.add(RETRACT, self.person, self.clinic, amended=self.hashes[self.amend])


class Memory:
    """Files in memory, as a source for the verifier."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, path: str, limit: int) -> bytes | None:
        raw = self.files.get(path)
        return None if raw is None else raw[: limit + 1]


def write(files: dict[str, bytes], directory: Path) -> Path:
    for path, raw in files.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(raw)
    return directory
