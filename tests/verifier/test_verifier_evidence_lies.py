"""Evidence files that lie about a true log, each named, with the step that catches it."""

from __future__ import annotations

import pytest

from tests.verifier import heads
from tests.verifier.evidenceedits import (
    Lie,
    beside,
    first_run,
    flipped,
    history,
    moved,
    replaced,
    set_to,
    swap,
    swap_leaves,
    swap_page,
    without,
)
from tests.verifier.evidencemaker import ABSENCE, ENTRY, HISTORY, Part, multi_proof, prove
from tests.verifier.evidenceworld import (
    GUARD,
    SECOND,
    STRANGER,
    CrowdedWorld,
    World,
    check,
    policy,
    seal,
    step,
)
from tests.verifier.formats import RECORD, sha256
from tests.verifier.logmaker import Sample

WORLD = World()
CROWDED = CrowdedWorld()
OTHER = World("two", origin="log.example.com/two")
BELIEVED = policy(WORLD, GUARD, SECOND)


def other_note(note: bytes) -> Lie:
    return set_to("checkpoint", note)


def broken(note: bytes) -> bytes:
    """Another letter in its last line."""
    return note[:-40] + (b"A" if note[-40:-39] != b"A" else b"B") + note[-39:]


def pages_left_out(part: Part) -> None:
    log, run = part.log, heads.run(part.log, *part.listed[0])
    keep = part.runs[0].pages[:1]
    part.runs[0].pages = keep
    part.runs[0].hashes = multi_proof([number for number, _ in keep], run.page_hashes)
    assert len(run.pages) > 1, log.name


def spare_page(part: Part) -> None:
    """All pages of the run."""
    run = heads.run(part.log, *part.listed[0])
    assert len(part.runs[0].pages) < len(run.pages)
    part.runs[0].pages = list(enumerate(run.pages))
    part.runs[0].hashes = []


PERSON_LEAVES = [3, 5, 6, 7, 8, 11, 13, 14, WORLD.last_access]
BATCH_AT = WORLD.members[0] - 1

NURSE_AT = WORLD.old_epoch - 1

CONTENT: dict[str, tuple[str, Lie]] = {
    # Left out
    "without its last access": ("look-up", without(WORLD.last_access, NURSE_AT)),
    "without its first entry": ("chain", without(3)),
    "without an entry in the middle": ("chain", without(8)),
    "without an access in the middle": ("chain", without(7)),
    "without its last two entries": ("look-up", without(14, WORLD.last_access, NURSE_AT)),
    "without any entry": ("look-up", without(*PERSON_LEAVES, NURSE_AT, BATCH_AT, 1, 2)),
    "without the genesis": ("genesis", without(0)),
    "without the access, but with whoever made it": ("leaves", without(WORLD.last_access)),
    "without an author's enrolment": ("key", without(2)),
    "without an enroller's enrolment": ("key", without(1)),
    "without the batch of a member": ("batch", without(BATCH_AT)),
    "with a foreign epoch only": (
        "root",
        replaced(WORLD.epoch, lambda _: OTHER.leaves[OTHER.epoch]),
    ),
    # Beside what is needed
    "with an entry of another record": ("leaves", beside(4)),
    "with a record behind the epoch": ("leaves", beside(WORLD.behind)),
    "with a foreign member": ("leaves", beside(WORLD.members[1])),
    "with an older epoch": ("leaves", beside(WORLD.old_epoch)),
    "with a directory's entry": ("leaves", beside(9)),
    # Proofs of leaves
    "another leaf": ("root", replaced(5, lambda raw: flipped(raw, 50))),
    "a signature changed": ("root", replaced(5, flipped)),
    "a hash changed": ("root", lambda file: swap(file.parts[0].hashes, 0, flipped)),
    "a hash missing": ("inclusion", lambda file: file.parts[0].hashes.pop()),
    "a hash too many": ("inclusion", lambda file: file.parts[0].hashes.append(bytes(32))),
    "two leaves swapped": ("root", lambda file: swap_leaves(file.parts[0], 5, 6)),
    "a leaf at another place": ("root", lambda file: moved(file.parts[0], 4, 9)),
    # Batches
    "a batch's hash changed": ("batch", lambda file: swap(file.parts[0].batches[0], 0, flipped)),
    "a batch's hash missing": ("batch", lambda file: file.parts[0].batches[0].clear()),
    "a batch's hash too many": ("batch", lambda file: file.parts[0].batches[0].append(bytes(32))),
    # The index
    "a page changed": ("look-up", first_run(lambda run: swap_page(run, 0, flipped))),
    "a page's proof changed": ("look-up", first_run(lambda run: swap(run.hashes, 0, flipped))),
    "a page's proof missing": ("inclusion", first_run(lambda run: run.hashes.clear())),
    "a page left out": ("look-up", lambda file: pages_left_out(file.parts[0])),
    "no page at all": ("look-up", first_run(lambda run: run.pages.clear() or run.hashes.clear())),
    "a page that no look-up needs": ("look-up", lambda file: spare_page(file.parts[0])),
    # Checkpoints
    "a checkpoint of another size": (
        "checkpoint signature",
        lambda file: setattr(file, "checkpoint", file.checkpoint.replace(b"\n22\n", b"\n21\n")),
    ),
    "an older checkpoint": ("inclusion", other_note(WORLD.checkpoint(WORLD.epoch))),
    "a checkpoint without ML-DSA": (
        "checkpoint signature",
        other_note(WORLD.checkpoint(lines="e")),
    ),
    "a checkpoint without Ed25519": (
        "checkpoint signature",
        other_note(WORLD.checkpoint(lines="m")),
    ),
    "a checkpoint of another log": ("checkpoint", other_note(OTHER.checkpoint())),
    "another root, rightly signed": (
        "root",
        other_note(WORLD.keys.checkpoint(len(WORLD.leaves), bytes(32))),
    ),
    "a custodian's line that is broken": (
        "cosignature",
        lambda file: setattr(file, "checkpoint", broken(file.checkpoint)),
    ),
    "a custodian's line for another root": (
        "cosignature",
        other_note(
            WORLD.checkpoint() + GUARD.line("em", WORLD.origin, len(WORLD.leaves), bytes(32))
        ),
    ),
    # Claims
    "the history of another record": ("leaves", set_to("chain", WORLD.other)),
    "the history of nobody": ("leaves", set_to("chain", bytes(16))),
    "an absence of what is there": ("claim", set_to("what", ABSENCE)),
}


@pytest.mark.parametrize("name", CONTENT)
def test_a_lie_is_caught(name: str) -> None:
    expected, lie = CONTENT[name]
    needs_pages = "page" in name and name != "no page at all"
    log = CROWDED if needs_pages else WORLD
    file = history(log, log.person)
    believed = policy(log, GUARD, SECOND)
    assert step(file, believed) == ""
    lie(file)
    assert step(file, believed) == expected


def test_a_batch_without_members_here() -> None:
    file = prove([WORLD], HISTORY, WORLD.other)
    assert step(file, BELIEVED) == ""
    batches = WORLD.derived("batch", WORLD.clinic.id)
    file = prove([WORLD], ENTRY, WORLD.person, 5)
    beside(BATCH_AT)(file)
    assert step(file, BELIEVED) == "leaves"
    file = prove([WORLD], ENTRY, batches, BATCH_AT)
    assert step(file, BELIEVED) == ""
    file.parts[0].batches[0].append(bytes(32))
    assert step(file, BELIEVED) == "batch"


def test_entries_that_are_not_there() -> None:
    file = prove([WORLD], ENTRY, WORLD.person, 5)
    assert step(file, BELIEVED) == ""
    file.index = 6
    assert step(file, BELIEVED) in ("leaves", "claim")
    file = prove([WORLD], ENTRY, WORLD.person, 5)
    file.chain = WORLD.other
    assert step(file, BELIEVED) == "leaves"


def test_content_that_is_not_this_entrys() -> None:
    log = Sample("content")
    key, entry_id = bytes(range(32)), log.entry_id(4711)
    place = log.id + log.person + entry_id
    blob = seal(place, b"content", key)
    foreign = seal(log.id + log.other + entry_id, b"content", key)
    fields = {"entry_id": entry_id, "blob": sha256(blob), "size": len(blob)}
    index = log.add(RECORD, log.person, log.clinic, **fields)
    other_id = log.entry_id(4712)
    misplaced = log.add(
        RECORD, log.person, log.clinic, entry_id=other_id, blob=sha256(foreign), size=len(foreign)
    )
    heads.add_epoch(log)
    for at, shown, opened_with, expected in (
        (index, blob, key, ""),
        (index, blob, flipped(key), "disclosure"),
        (index, flipped(blob), key, "disclosure"),
        (index, foreign, key, "disclosure"),
        (index, b"\x01", key, "disclosure"),
        (misplaced, foreign, key, "disclosure"),
    ):
        file = prove([log], ENTRY, log.person, at)
        file.disclosure = b"\x01" + opened_with + len(shown).to_bytes(4, "big") + shown
        assert step(file, policy(log)) == expected


# Custodians


@pytest.mark.parametrize(
    "note",
    [
        WORLD.checkpoint(),
        WORLD.checkpoint() + STRANGER.line("em", WORLD.origin, 22, WORLD.root()),
        WORLD.checkpoint() + GUARD.line("e", WORLD.origin, 22, WORLD.root()),
    ],
    ids=["stripped", "a stranger's", "one of two keys"],
)
def test_lines_that_do_not_count(note: bytes) -> None:
    file = history(WORLD, WORLD.person)
    file.checkpoint = note
    report = check(file, BELIEVED)
    assert report.verified
    assert not report.complete
