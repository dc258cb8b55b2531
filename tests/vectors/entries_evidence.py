"""Evidence files about the small log and what follows it here, and what must not pass for one.

The files are put together by the reference of tests/evidence, not by the ledger.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Final

from ledger.identity import Enrol, NewKey
from ledger.identity.bodies import CUSTODIAN as USE
from ledger.wire.checkpoint import Ed25519Cosigner
from ledger.wire.claim import Kind
from ledger.wire.evidence import (
    CLAIM,
    HEADER,
    Disclosure,
    Evidence,
    EvidenceClaim,
    Part,
    PlacedLeaf,
    RunPages,
    What,
    encode_evidence,
)
from ledger.wire.ids import (
    BATCH_CHAIN,
    DIRECTORY_CHAIN,
    EPOCH_CHAIN,
    ActorId,
    ChainId,
    Hash,
    derived_chain,
)
from ledger.wire.keys import raw_public
from ledger.wire.note import sign_note
from tests.evidence.reference import Logged, assemble, several
from tests.vectors.entries_log import TIME, SmallLog, small_log
from tests.vectors.entries_sealed import Recipe
from tests.vectors.entries_world import (
    CHECKPOINT_KEY,
    CLINIC,
    DOCTOR,
    GOVERNOR,
    LOG_CHAIN,
    PERSON,
    Signer,
    private,
)
from tests.vectors.tree_keys import seed

CUSTODIAN: Final = Signer.of("custodian")
COSIGNER: Final = Ed25519Cosigner("custodian.example.org", private("custodian cosigning"))
NOBODY: Final = ChainId(seed("chain of nobody")[:16])
RECORD_AT: Final = 5
MEMBER_AT: Final = 9
HEAD: Final = len(HEADER) + CLAIM.size
Bytes = Callable[[bytes], bytes]
Edit = Callable[[Evidence], Evidence]


@cache
def log() -> SmallLog:
    """The small log, a custodian, one more batch and reading, and an epoch over it all."""
    made, _ = small_log()
    keys = (NewKey(CUSTODIAN.public), NewKey(raw_public(COSIGNER.key), use=USE))
    made.add(made.actor(CUSTODIAN.id, Enrol("custodian", keys).encode()), GOVERNOR)
    made.batch(CLINIC, made.members())
    made.entry(Kind.ACCESS, PERSON, CLINIC)
    made.epoch()
    return made


@cache
def logged() -> Logged:
    return Logged(log().leaves)


def note() -> bytes:
    """The checkpoint, with the log's Ed25519 line and the custodian's."""
    checkpoint = log().checkpoint()
    return sign_note(checkpoint.text(), [CHECKPOINT_KEY]) + COSIGNER.line(checkpoint, TIME)


def made(what: What, chain: bytes, at: int = 0, disclosure: Disclosure | None = None) -> Evidence:
    claim = EvidenceClaim(what, ChainId(chain), 0, at)
    return assemble([logged()], claim, note(), [ActorId(CUSTODIAN.id)], disclosure)


def entry(at: int, disclosure: Disclosure | None = None) -> Evidence:
    return made(What.ENTRY, logged().leaves[at].claim.chain, at, disclosure)


def disclosed() -> Disclosure:
    """Of the record."""
    recipe = _recipe(RECORD_AT)
    return Disclosure(recipe.key, recipe.blob())


def _recipe(at: int) -> Recipe:
    entry_id = logged().leaves[at].claim.entry_id
    return next(recipe for _, recipe in log().payloads if recipe.place[48:] == entry_id)


def _derived(label: bytes) -> ChainId:
    return derived_chain(label, logged().id, ActorId(CLINIC.id))  # type: ignore[arg-type]


def good() -> dict[str, Evidence]:
    epochs = derived_chain(EPOCH_CHAIN, Hash(logged().id), ActorId(LOG_CHAIN))
    absence = EvidenceClaim(What.ABSENCE, NOBODY)
    return {
        "entry": entry(RECORD_AT),
        "entry-of-a-batch": entry(MEMBER_AT),
        "entry-that-is-a-batch": entry(MEMBER_AT - 1),
        "entry-of-an-actor": entry(min(logged().below(DOCTOR.id))),
        "entry-that-is-the-genesis": entry(0),
        "entry-that-is-the-epoch": entry(logged().epoch_at),
        "entry-disclosed": entry(RECORD_AT, disclosed()),
        "history-of-a-person": made(What.HISTORY, PERSON),
        "history-of-an-actor": made(What.HISTORY, DOCTOR.id),
        "history-of-the-log": made(What.HISTORY, LOG_CHAIN),
        "history-of-the-epochs": made(What.HISTORY, epochs),
        "history-of-batches": made(What.HISTORY, _derived(BATCH_CHAIN)),
        "history-of-a-directory": made(What.HISTORY, _derived(DIRECTORY_CHAIN)),
        "absence": made(What.ABSENCE, NOBODY),
        "absence-without-the-custodian's-chain": assemble([logged()], absence, note()),
    }


def _part(**changes: object) -> Edit:
    return lambda one: replace(one, parts=(replace(one.parts[0], **changes),))  # type: ignore[arg-type]


def _with(change: Callable[[Part], Part]) -> Edit:
    return lambda one: replace(one, parts=(change(one.parts[0]),))


def _leaves(indexes: Callable[[list[int]], list[int]]) -> Edit:
    """Other leaves, with a right proof that they are in the tree."""

    def change(part: Part) -> Part:
        here = sorted(indexes([leaf.at for leaf in part.leaves]))
        leaves = tuple(PlacedLeaf(at, logged().raw[at]) for at in here)
        return replace(part, leaves=leaves, hashes=several(logged().hashes, here))

    return _with(change)


def _run(change: Callable[[RunPages], RunPages]) -> Edit:
    return _with(lambda part: replace(part, runs=(change(part.runs[0]),)))


def _claim(**changes: object) -> Edit:
    return lambda one: replace(one, claim=one.claim._replace(**changes))  # type: ignore[arg-type]


def false() -> dict[str, Evidence]:
    """They read and are false: one mutation each."""
    person, single, member = made(What.HISTORY, PERSON), entry(RECORD_AT), entry(MEMBER_AT)
    newest = max(logged().below(PERSON))
    other = logged().raw[RECORD_AT][:-1] + bytes([logged().raw[RECORD_AT][-1] ^ 1])
    swapped = tuple(
        PlacedLeaf(at, other if at == RECORD_AT else raw) for at, raw in single.parts[0].leaves
    )
    changed = {
        "another-entry-is-claimed": _claim(at=RECORD_AT + 1)(single),
        "an-entry-of-another-chain": _claim(chain=NOBODY)(single),
        "history-of-another-chain": _claim(chain=NOBODY)(person),
        "absence-of-a-chain-that-is-here": _claim(what=What.ABSENCE)(person),
        "history-that-is-empty": _claim(what=What.HISTORY)(made(What.ABSENCE, NOBODY)),
        "leaf-changed": _part(leaves=swapped)(single),
        "newest-leaf-left-out": _leaves(lambda here: [at for at in here if at != newest])(person),
        "leaf-in-between-left-out": _leaves(lambda here: [at for at in here if at != RECORD_AT])(
            person
        ),
        "enrolment-left-out": _leaves(lambda here: [at for at in here if at != 1])(single),
        "genesis-left-out": _leaves(lambda here: here[1:])(single),
        "leaf-of-somebody-else": _leaves(lambda here: [*here, 4])(single),
        "hash-left-out": _with(lambda part: replace(part, hashes=part.hashes[:-1]))(single),
        "hash-changed": _with(
            lambda part: replace(part, hashes=(Hash(bytes(32)), *part.hashes[1:]))
        )(single),
        "hash-too-many": _with(lambda part: replace(part, hashes=(*part.hashes, Hash(bytes(32)))))(
            single
        ),
        "batch-hash-left-out": _with(lambda part: replace(part, batches=(part.batches[0][:-1],)))(
            member
        ),
        "batch-hash-where-no-member-is": _with(
            lambda part: replace(part, batches=((Hash(bytes(32)),),))
        )(entry(MEMBER_AT - 1)),
        "no-page": _run(lambda _: RunPages())(single),
        "page-changed": _run(lambda run: run._replace(pages=((0, bytes(len(run.pages[0][1]))),)))(
            single
        ),
        "hash-too-many-of-a-run": _run(
            lambda run: run._replace(hashes=(*run.hashes, Hash(bytes(32))))
        )(single),
        "part-twice": replace(single, parts=single.parts * 2),
        "checkpoint-of-a-shorter-log": replace(single, checkpoint=_note_of_before()),
        "cosignature-changed": replace(single, checkpoint=_changed(single.checkpoint, -10)),
        "key-of-another-entry": entry(
            RECORD_AT, Disclosure(_recipe(RECORD_AT + 1).key, disclosed().blob)
        ),
        "blob-changed": entry(
            RECORD_AT, Disclosure(disclosed().key, _changed(disclosed().blob, -1))
        ),
        "disclosure-of-another-entry": entry(RECORD_AT + 1, disclosed()),
    }
    return changed


def _note_of_before() -> bytes:
    made, _ = small_log()
    return sign_note(made.checkpoint().text(), [CHECKPOINT_KEY])


def _changed(data: bytes, at: int) -> bytes:
    at %= len(data)
    other = ord("A") if data[at] != ord("A") else ord("B")
    return data[:at] + bytes([other]) + data[at + 1 :]


def malformed() -> dict[str, bytes]:
    """They do not read: one mutation each."""
    single, none = entry(RECORD_AT), made(What.ABSENCE, NOBODY)
    data = encode_evidence(single)
    leaves_at = 24 + 26 + 4 + len(single.checkpoint) + 1
    first = single.parts[0].leaves[0]
    second_at = leaves_at + 4 + 10 + len(first.raw)
    twice = replace(single.parts[0], leaves=(first, *single.parts[0].leaves))
    descending = replace(single.parts[0], leaves=single.parts[0].leaves[::-1])
    without_epoch = replace(single.parts[0], leaves=single.parts[0].leaves[:-1])

    def put(at: int, new: bytes) -> bytes:
        return data[:at] + new + data[at + len(new) :]

    def of(part: Part) -> bytes:
        return encode_evidence(replace(single, parts=(part,)))

    return {
        "empty": b"",
        "another-version": put(22, b"2"),
        "last-byte-missing": data[:-1],
        "byte-behind": data + b"\x00",
        "what-0": put(24, b"\x00"),
        "what-4": put(24, b"\x04"),
        "back-1-of-one-part": put(41, b"\x01"),
        "index-2-to-the-53": put(42, (2**53).to_bytes(8, "big")),
        "absence-with-an-index": encode_evidence(_claim(at=1)(none)),
        "checkpoint-empty": encode_evidence(replace(single, checkpoint=b"")),
        "checkpoint-longer-than-the-file": put(50, (999_999).to_bytes(4, "big")),
        "no-part": put(leaves_at - 1, b"\x00"),
        "17-parts": put(leaves_at - 1, b"\x11"),
        "no-leaf": encode_evidence(
            replace(single, parts=(Part((), (), (), single.parts[0].runs),))
        ),
        "more-leaves-than-the-file-has": put(leaves_at, (99_999).to_bytes(4, "big")),
        "100001-leaves": put(leaves_at, (100_001).to_bytes(4, "big")),
        "leaf-twice": of(twice),
        "leaves-descend": of(descending),
        "leaf-cut-short": put(second_at + 8, b"\x00\x10"),
        "no-epoch": of(without_epoch),
        "page-beyond-the-run": encode_evidence(
            _run(lambda run: run._replace(pages=((9, run.pages[0][1]),)))(single)
        ),
        "page-cut-short": encode_evidence(
            _run(lambda run: run._replace(pages=((0, run.pages[0][1][:-48]),)))(single)
        ),
        "hashes-without-a-page": encode_evidence(
            _run(lambda _: RunPages((), (Hash(bytes(32)),)))(single)
        ),
        "disclosure-2": data[:-1] + b"\x02",
        "disclosure-without-a-blob": encode_evidence(
            replace(single, disclosure=Disclosure(bytes(32), b""))
        ),
        "disclosure-with-an-absence": encode_evidence(replace(none, disclosure=disclosed())),
    }


def evidence_vectors() -> dict[str, object]:
    """evidence.json."""
    files = [(name, encode_evidence(one), True, True) for name, one in good().items()]
    files += [(name, encode_evidence(one), True, False) for name, one in false().items()]
    files += [(name, data, False, False) for name, data in malformed().items()]
    return {
        "about": "evidence files in base64, their first bytes in hex; reads: the form is right; "
        "valid: what is claimed is "
        "shown to whoever goes by the policy",
        "policy": f"log {CHECKPOINT_KEY.vkey}\ncustodian {COSIGNER.vkey}\n",
        "cases": [
            {
                "name": name,
                "head": data[:HEAD].hex(),
                "file": b64encode(data).decode(),
                "reads": reads,
                "valid": valid,
            }
            for name, data, reads, valid in files
        ],
    }
