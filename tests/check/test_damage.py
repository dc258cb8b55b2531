"""Damage planted in every table and file: the check finds each, and says where."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.check import MAX_PROBLEMS, check_ledger
from ledger.errors import BadRequest, LedgerFault
from ledger.keyfiles import create_key
from ledger.log import Log
from ledger.store.guard import Guard
from ledger.store.guard import renew as renew_guard
from ledger.store.runs import Run, write_run
from ledger.store.store import split_piece
from ledger.store.tables import RUN_KEY, RUN_VALUE, RunName
from ledger.store.tails import TAIL_ROW, encode_row, tail_name
from ledger.wire.checkpoint import Checkpoint, sign_provisional, sign_published
from ledger.wire.ids import Hash, TreeSize
from ledger.wire.keys import ED25519
from ledger.wire.note import Ed25519Signer
from tests.check.grown import AMENDED, AMENDMENT, BATCH, SIZE, STRETCH, Grown, wiped
from tests.log.sample import ORIGIN

U64 = Struct(">Q").pack
STATE = Struct(">8sQQIQ")
Plant = Callable[[Grown], None]


@dataclass(frozen=True)
class Damage:
    """What is done to the ledger, and the problem that must be among those that are named."""

    name: str
    plant: Plant
    where: str
    what: str


def _piece_of(grown: Grown, index: int, change: Callable[[bytes], bytes]) -> None:
    """One leaf is another, its piece and everything else as before."""
    with grown.table("entries") as table:
        key = max(key for key in table.listed() if key <= U64(index))
        start = int.from_bytes(key, "big")
        leaves = split_piece(table[key], start)
        leaves[index - start] = change(leaves[index - start])
        table[key] = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def leaf(index: int, at: int, mask: int = 1) -> Plant:
    """A bit of a leaf."""

    def change(raw: bytes) -> bytes:
        data = bytearray(raw)
        data[at] ^= mask
        return bytes(data)

    return lambda grown: _piece_of(grown, index, change)


def row(table: str, key: bytes, at: int) -> Plant:
    """A bit of a row."""

    def plant(grown: Grown) -> None:
        with grown.table(table) as rows:
            rows.flip(key, at)

    return plant


def put(table: str, key: bytes, value: bytes) -> Plant:
    """A row that was not there, or was another."""

    def plant(grown: Grown) -> None:
        with grown.table(table) as rows:
            rows[key] = value

    return plant


def drop(table: str, key: bytes) -> Plant:
    """A row is gone."""

    def plant(grown: Grown) -> None:
        with grown.table(table) as rows:
            del rows[key]

    return plant


def cut(table: str, key: bytes, count: int = 1) -> Plant:
    """A row is shorter."""

    def plant(grown: Grown) -> None:
        with grown.table(table) as rows:
            rows[key] = rows[key][:-count]

    return plant


def drop_nth(table: str, number: int) -> Plant:
    """The row at a position is gone."""

    def plant(grown: Grown) -> None:
        with grown.table(table) as rows:
            del rows[rows.listed()[number]]

    return plant


def id_row(index: int, value: int | None) -> Plant:
    """The row of an entry's id names another index, or is gone."""

    def plant(grown: Grown) -> None:
        with grown.table("ids") as rows:
            (key,) = [key for key in rows.listed() if rows[key] == U64(index)]
            if value is None:
                del rows[key]
            else:
                rows[key] = U64(value)

    return plant


def flip(name: str, at: int) -> Plant:
    """A bit of a file."""
    return lambda grown: grown.flip(grown.directory / name, at)


def remove(name: str) -> Plant:
    """A file is gone."""
    return lambda grown: wiped(grown.directory / name)


def shorten(name: str, count: int = 1) -> Plant:
    """A file is shorter."""

    def plant(grown: Grown) -> None:
        path = grown.directory / name
        os.truncate(path, path.stat().st_size - count)

    return plant


def state(**changes: int) -> Plant:
    """Fields of the state row."""

    def plant(grown: Grown) -> None:
        names = ("magic", "size", "received", "segment", "offset")
        with grown.table("meta") as rows:
            fields = dict(zip(names, STATE.unpack(rows[b"state"]), strict=True))
            for name, change in changes.items():
                fields[name] += change
            rows[b"state"] = STATE.pack(*fields.values())

    return plant


def payload(index: int, at: int) -> Plant:
    """A bit of a payload."""

    def plant(grown: Grown) -> None:
        start = grown.payload_place(index)
        grown.flip(grown.directory / "payloads" / "00000000.seg", start + at)

    return plant


def exchanged_payloads(grown: Grown) -> None:
    """Two members' payloads of one size stand in each other's place."""
    first, second = grown.payload_place(BATCH + 20), grown.payload_place(BATCH + 21)
    path = grown.directory / "payloads" / "00000000.seg"
    data = bytearray(path.read_bytes())
    size = second - first
    assert size > 0
    one, two = bytes(data[first:second]), bytes(data[second : second + size])
    data[first:second], data[second : second + size] = two, one
    path.write_bytes(data)


def _slots(grown: Grown, change: Callable[[bytearray], None]) -> None:
    path = grown.directory / KEYS
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def destroyed_slot(grown: Grown) -> None:
    def change(data: bytearray) -> None:
        data[6 * 32 : 7 * 32] = bytes(32)

    _slots(grown, change)


def exchanged_slots(grown: Grown) -> None:
    def change(data: bytearray) -> None:
        data[20 * 32 : 22 * 32] = data[21 * 32 : 22 * 32] + data[20 * 32 : 21 * 32]

    _slots(grown, change)


def slot_of_no_payload(grown: Grown) -> None:
    def change(data: bytearray) -> None:
        data[:32] = b"\1" * 32

    _slots(grown, change)


def _run_row(grown: Grown, name: RunName, number: int) -> tuple[bytes, int, int, int, bytes]:
    with grown.table("runs") as rows:
        key = [key for key in rows.listed() if key[0] == name][number]
        _, start, stop = RUN_KEY.unpack(key)
        count, digest, _ = RUN_VALUE.unpack(rows[key])
        return key, start, stop, count, digest


def _run_path(name: RunName, start: int, stop: int) -> str:
    return f"{name.name.lower()}/{start:012d}-{stop:012d}.run"


def rewritten_run(name: RunName, change: Callable[[bytes], bytes]) -> Plant:
    """A run with one row changed, whole and registered with its right digest."""

    def plant(grown: Grown) -> None:
        key, start, stop, count, digest = _run_row(grown, name, 0)
        form = grown.form(name)
        path = grown.directory / _run_path(name, start, stop)
        rows = list(Run(path, form, count, digest).scan())
        rows[0] = change(rows[0])
        with grown.table("runs") as table:
            table[key] = RUN_VALUE.pack(*write_run(path, sorted(rows), form), 0)

    return plant


def stray_run(name: RunName) -> Plant:
    """A run for leaves that the log does not have yet; the file is there."""

    def plant(grown: Grown) -> None:
        _, _, stop, _, _ = _run_row(grown, name, -1)
        form = grown.form(name)
        path = grown.directory / _run_path(name, stop, stop + STRETCH)
        rows = [b"\1" * 16 + U64(stop) + bytes(form.row_size - 24)]
        with grown.table("runs") as table:
            key = RUN_KEY.pack(name, stop, stop + STRETCH)
            table[key] = RUN_VALUE.pack(*write_run(path, rows, form), 0)

    return plant


def note(key: bytes, make: Callable[[Grown], bytes]) -> Plant:
    """Another note under a key of table meta."""

    def plant(grown: Grown) -> None:
        value = make(grown)
        with grown.table("meta") as rows:
            rows[key] = value

    return plant


def guard(make: Callable[[Grown], bytes]) -> Plant:
    """A guard that is whole and remembers another checkpoint."""
    return lambda grown: renew_guard(grown.guard, make(grown))


def signed(size: int, root: bytes = b"\1" * 32) -> Callable[[Grown], bytes]:
    """A checkpoint that the log's own key signed."""
    return lambda grown: sign_provisional(
        Checkpoint(ORIGIN, TreeSize(size), Hash(root)), grown.keys.checkpoint
    )


def published(size: int) -> Callable[[Grown], bytes]:
    """The same with both keys."""
    return lambda grown: sign_published(
        Checkpoint(ORIGIN, TreeSize(size), Hash(b"\1" * 32)),
        grown.keys.checkpoint,
        grown.keys.checkpoint_ml_dsa,
        1,
    )


def by_another(grown: Grown) -> bytes:
    signer = Ed25519Signer(ORIGIN, Ed25519PrivateKey.generate())
    return sign_provisional(Checkpoint(ORIGIN, TreeSize(1), Hash(bytes(32))), signer)


def both_slots(grown: Grown) -> None:
    for at in (50, 4096 + 50):
        grown.flip(grown.guard, at)


def journal_line(number: int) -> Plant:
    """A line of the journal names another entry."""

    def plant(grown: Grown) -> None:
        path = grown.directory / "vault" / "releases.log"
        lines = path.read_bytes().splitlines(keepends=True)
        lines[number] = lines[number].replace(b'"entry":', b'"entry":1')
        path.write_bytes(b"".join(lines))

    return plant


def another_origin(grown: Grown) -> None:
    path = grown.directory / "ledger.json"
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps(document | {"origin": "example.org/other"}))


def another_key(name: str) -> Plant:
    """A key file holds another key of the same kind."""

    def plant(grown: Grown) -> None:
        path = grown.directory / "keys" / name
        path.unlink()
        create_key(path, ED25519)

    return plant


def tail_row(index: int, number: int = 0) -> Plant:
    """A row of the tail is, with its right checksum, that of another leaf."""

    def plant(grown: Grown) -> None:
        with open(grown.directory / TAIL, "r+b") as file:
            file.seek(number * TAIL_ROW.size, os.SEEK_END if number < 0 else os.SEEK_SET)
            file.write(encode_row(index, b"\1" * 16))

    return plant


HEADS = _run_path(RunName.HEADS, 0, STRETCH)
TAGS = _run_path(RunName.TAGS, 0, STRETCH)
HEADS_NAME = f"run {HEADS.removeprefix('heads/')} of heads"
TAGS_NAME = f"run {TAGS.removeprefix('tags/')} of tags"
TAIL_START = SIZE // STRETCH * STRETCH
TAIL = f"tags/{tail_name(TAIL_START)}"
TAIL_NAME = f"tags {tail_name(TAIL_START)}"
PERIOD = "vault/keys/00000001"
KEYS = "vault/keys/00000001/00000000.keys"
SEGMENT = "payloads/00000000.seg"
TILE = "is not what the leaves give"

DAMAGES: Final = [
    # Leaves: where a bit lies decides which rule finds it, its tile finds it always.
    Damage("leaf's signature", leaf(6, -1), "leaf 6", "signature is false"),
    Damage("leaf's tile", leaf(6, -1), "tile 0/0", TILE),
    Damage("leaf of a partial tile", leaf(SIZE - 1, -1), "tile 0/1", TILE),
    Damage("leaf's version", leaf(6, 0), "leaf 6", "is"),
    Damage("leaf's seq", leaf(6, 8, 2), "leaf 6", "does not follow the head of its chain"),
    Damage("leaf's link", leaf(6, 9), "leaf 6", "does not follow the head of its chain"),
    Damage("leaf's link index", leaf(6, 48), "leaf 6", "does not follow"),
    Damage("leaf's time", leaf(6, 50), "leaf 7", "before that of the leaf before"),
    Damage("leaf's COSE tag", leaf(6, 57), "leaf 6", "COSE_Sign1"),
    Damage("genesis", leaf(0, -1), "leaf 0", "signature of the genesis"),
    Damage("genesis' claim", leaf(0, 300, 0xFF), "leaf 0", ""),
    Damage("enrolment's signature", leaf(1, -1), "leaf 1", "signature is false"),
    Damage("batch's signature", leaf(BATCH, -1), f"leaf {BATCH}", "signature is false"),
    Damage("batch's count", leaf(BATCH, -100), f"leaf {BATCH}", ""),
    Damage("member's claim", leaf(BATCH + 9, -33), f"leaf {BATCH}", "root that the batch signs"),
    Damage("member's position", leaf(BATCH + 9, 68), f"leaf {BATCH}", "does not follow"),
    Damage("member's batch", leaf(BATCH + 9, 64), f"leaf {BATCH}", "does not follow"),
    Damage("amended hash", leaf(AMENDMENT, -70), f"leaf {AMENDMENT}", ""),
    Damage("piece gone", drop("entries", U64(SIZE - 1)), "state", "says 304 leaves, 303"),
    Damage("middle piece gone", drop("entries", U64(9)), "leaf 9", "is missing"),
    Damage("first piece gone", drop("entries", U64(0)), "leaf 0", "is missing"),
    Damage("piece cut", cut("entries", U64(9)), "leaf 9", "is damaged"),
    Damage("stray piece", put("entries", U64(SIZE), b"\0\1x"), "state", "305 are there"),
    Damage("stray piece far away", put("entries", U64(999), b"\0\1x"), f"leaf {SIZE}", "missing"),
    # Places and payloads.
    Damage("place gone", drop("places", U64(9)), "place 9", "is missing"),
    Damage("place cut", cut("places", U64(9)), "place 9", "is damaged"),
    Damage("place moved", row("places", U64(9), -1), "place 9", "is not where"),
    Damage("place's segment", row("places", U64(10), 3), "payload 10", "cannot be read"),
    Damage("stray place", put("places", U64(SIZE), bytes(12)), "table places", "no piece"),
    Damage("payload's first byte", payload(6, 0), "payload 6", "not the one that its leaf names"),
    Damage("payload's last byte", payload(AMENDED, 90), f"payload {AMENDED}", "not the one"),
    Damage("payloads exchanged", exchanged_payloads, f"payload {BATCH + 20}", "not the one"),
    Damage("segment cut", shorten(SEGMENT), f"payload {SIZE - 1}", "ends inside"),
    Damage("segment gone", remove(SEGMENT), "payload 4", "cannot be read"),
    # The vault.
    Damage("key flipped", flip(KEYS, 6 * 32), "key 6", "does not hold the key"),
    Damage("key destroyed", destroyed_slot, "key 6", "does not hold the key"),
    Damage("keys exchanged", exchanged_slots, "key 20", "does not hold the key"),
    Damage("key for no payload", slot_of_no_payload, "key 0", "a key for no payload"),
    Damage("keys cut", shorten(KEYS, 32), f"key {SIZE - 1}", "does not hold the key"),
    Damage("keys gone", remove(KEYS), "key 6", "does not hold the key"),
    Damage("master key", flip("vault/master.key", 0), "vault", "master key is damaged"),
    Damage("master key cut", shorten("vault/master.key", 9), "vault", "master key is damaged"),
    Damage("master key gone", remove("vault/master.key"), "vault", "cannot be read"),
    Damage("period key", flip("vault/periods", 100), "vault", "period keys is damaged"),
    Damage("period key gone", remove("vault/periods"), "vault", "cannot be read"),
    Damage("period", flip(f"{PERIOD}/period.json", 0), "vault", "period.json is damaged"),
    Damage("period gone", remove(f"{PERIOD}/period.json"), "vault", "cannot be read"),
    Damage("journal", journal_line(1), "vault journal", "line 2"),
    Damage("newest journal line", journal_line(2), "vault journal", "line 3"),
    # Tiles.
    Damage("full tile", row("tiles", b"\0" + U64(0), 5), "tile 0/0", TILE),
    Damage("inner node of a full tile", row("tiles", b"\0" + U64(0), -1), "tile 0/0", TILE),
    Damage("partial tile", row("tiles", b"\0" + U64(1), -1), "tile 0/1", TILE),
    Damage("tile of level 1", row("tiles", b"\1" + U64(0), 0), "tile 1/0", TILE),
    Damage("tile cut", cut("tiles", b"\0" + U64(1), 32), "tile 0/1", TILE),
    Damage("tile gone", drop("tiles", b"\0" + U64(0)), "tile 0/0", TILE),
    Damage("stray tile", put("tiles", b"\0" + U64(2), bytes(32)), "table tiles", "does not have"),
    Damage("stray tile of level 2", put("tiles", b"\2" + U64(0), b"x"), "table tiles", "not have"),
    # Ids.
    Damage("id of a later index", id_row(6, 7), "leaf 6", "ids names another index"),
    Damage("id of an earlier index", id_row(6, 4), "leaf 6", "ids names another index"),
    Damage("id gone", id_row(6, None), "leaf 6", "missing in the table of ids"),
    Damage("member's id gone", id_row(BATCH + 9, None), f"leaf {BATCH + 9}", "missing in the"),
    Damage("stray id", put("ids", b"\1" * 32, U64(3)), "table ids", "no leaf has"),
    Damage("id without index", put("ids", b"\1" * 32, b""), "table ids", "no leaf has"),
    # Registry.
    Damage("revocation not listed", drop("registry", U64(8)), "table registry", "does not list"),
    Damage("genesis not listed", drop("registry", U64(0)), "table registry", "does not list"),
    Damage("record listed", put("registry", U64(6), b""), "table registry", "does not list"),
    Damage("listed with a value", put("registry", U64(8), b"x"), "table registry", "not list"),
    # Tags in the tail and runs.
    Damage("tag of no leaf", tail_row(SIZE, -1), TAIL_NAME, "belong"),
    Damage("tag of a leaf in a run", tail_row(5), TAIL_NAME, "belong"),
    Damage("tags out of order", tail_row(TAIL_START + STRETCH - 1), TAIL_NAME, "belong"),
    Damage("tag changed", flip(TAIL, 8), "tags", "row 0 is damaged"),
    Damage("tag's checksum", flip(TAIL, 24), "tags", "row 0 is damaged"),
    Damage("tag's padding", flip(TAIL, 31), "tags", "row 0 is damaged"),
    Damage("tail cut", shorten(TAIL), "tags", "shorter than the log says"),
    Damage("tail gone", remove(TAIL), "tags", "cannot be read"),
    Damage("tail of other rows", put("tails", U64(TAIL_START), U64(99)), "tags", ""),
    Damage("tail's rows cut", cut("tails", U64(TAIL_START)), "table tails", "is damaged"),
    Damage("tail of a run", put("tails", U64(0), U64(1)), "table tails", "belong"),
    Damage(
        "tail of no stretch", put("tails", U64(TAIL_START + 1), U64(1)), "table tails", "belong"
    ),
    Damage("tail of none", put("tails", U64(TAIL_START), U64(0)), "table tails", "belong"),
    Damage("first heads run gone", drop_nth("runs", 0), "table runs", "do not join"),
    Damage("heads run's row", flip(HEADS, 20), HEADS_NAME, "block 0 is damaged"),
    Damage("heads run's footer", flip(HEADS, -1), HEADS_NAME, "footer does not fit"),
    Damage("heads run cut", shorten(HEADS), HEADS_NAME, "bytes, not"),
    Damage("heads run gone", remove(HEADS), HEADS_NAME, "cannot be read"),
    Damage(
        "heads run with another head",
        rewritten_run(RunName.HEADS, lambda row: row[:-1] + bytes([row[-1] ^ 1])),
        HEADS_NAME,
        TILE,
    ),
    Damage(
        "heads run with another chain",
        rewritten_run(RunName.HEADS, lambda row: bytes([row[0] ^ 1]) + row[1:]),
        HEADS_NAME,
        TILE,
    ),
    Damage(
        "heads run's digest", row("runs", RUN_KEY.pack(0, 0, STRETCH), 20), HEADS_NAME, "footer"
    ),
    Damage("heads run's rows", row("runs", RUN_KEY.pack(0, 0, STRETCH), 7), HEADS_NAME, ""),
    Damage("run row cut", cut("runs", RUN_KEY.pack(0, 0, STRETCH)), "ledger", "runs is damaged"),
    # Batches and epochs.
    Damage(
        "batch's tree", row("batches", U64(BATCH), 70), f"leaf {BATCH}", "tree over its members"
    ),
    Damage("batch's tree gone", drop("batches", U64(BATCH)), f"leaf {BATCH}", "tree over"),
    Damage("tree of no batch", put("batches", U64(5), bytes(32)), "table batches", "does not have"),
    Damage("epoch not listed", drop("epochs", U64(9)), "table epochs", "does not list the epochs"),
    Damage("epoch that is none", put("epochs", U64(5), b""), "table epochs", "does not list"),
    Damage(
        "retired run of no leaves",
        put("retired", RUN_KEY.pack(0, 1 << 40, 1 << 41), RUN_VALUE.pack(1, bytes(32), 0)),
        "table retired",
        "does not belong there",
    ),
    Damage(
        "retired run of another file",
        put("retired", RUN_KEY.pack(0, 0, STRETCH), RUN_VALUE.pack(1, bytes(32), 0)),
        HEADS_NAME,
        "bytes, not",
    ),
    Damage(
        "retired run that is none",
        put("retired", RUN_KEY.pack(0, 0, 2 * STRETCH), RUN_VALUE.pack(1, bytes(32), 0)),
        "table retired",
        "does not belong there",
    ),
    Damage("cosigned checkpoint", put("meta", b"cosigned", b"x"), "cosigned checkpoint", ""),
    Damage("run of no index", put("runs", RUN_KEY.pack(9, 0, 64), b"x"), "table runs", "no index"),
    Damage(
        "heads run ahead of the log",
        stray_run(RunName.HEADS),
        "table runs",
        "is for leaves that the log does not have",
    ),
    Damage(
        "tags run ahead of the log",
        stray_run(RunName.TAGS),
        "table runs",
        "is for leaves that the log does not have",
    ),
    Damage("tags run's row", flip(TAGS, 20), TAGS_NAME, "block 0 is damaged"),
    Damage("tags run's footer", flip(TAGS, -1), TAGS_NAME, "footer does not fit"),
    Damage("tags run gone", remove(TAGS), TAGS_NAME, "cannot be read"),
    Damage(
        "tags run with an index of another range",
        rewritten_run(RunName.TAGS, lambda row: row[:16] + U64(STRETCH)),
        TAGS_NAME,
        "belong",
    ),
    # State and checkpoints.
    Damage("state of fewer leaves", state(size=-1), "state", "says 303 leaves, 304 are there"),
    Damage("state of more leaves", state(size=1), "state", "says 305 leaves, 304 are there"),
    Damage("state's time", state(received=1), "state", "time of the newest leaf"),
    Damage("state's payload end", state(offset=1), "state", "another end of the payloads"),
    Damage("state's payload segment", state(segment=1), "state", "another end of the payloads"),
    Damage("state's next segment", state(segment=2), "state", "another end of the payloads"),
    Damage("state cut", cut("meta", b"state"), "ledger", "state row has a wrong size"),
    Damage("state of another version", row("meta", b"state", 7), "ledger", "another version"),
    Damage("checkpoint gone", drop("meta", b"checkpoint"), "checkpoint", "is missing"),
    Damage("checkpoint's signature", row("meta", b"checkpoint", -5), "checkpoint", "signature"),
    Damage(
        "old checkpoint",
        note(b"checkpoint", lambda grown: grown.old_checkpoint),
        "checkpoint",
        "is of size 302, the log of 304",
    ),
    Damage("checkpoint by another", note(b"checkpoint", by_another), "checkpoint", "known key"),
    Damage("checkpoint's root", note(b"checkpoint", signed(SIZE)), "checkpoint", "another root"),
    Damage(
        "published by one key",
        note(b"published", lambda grown: grown.old_checkpoint),
        "published checkpoint",
        "checkpoint signatures",
    ),
    Damage("published root", note(b"published", published(9)), "published checkpoint", "root"),
    Damage("published size", note(b"published", published(999)), "published checkpoint", "999"),
    Damage("published gone", drop("meta", b"published"), "published checkpoint", "is missing"),
    Damage("stray meta row", put("meta", b"other", b""), "table meta", "do not belong"),
    # Guard, layout, keys.
    Damage("guard gone", lambda grown: wiped(grown.guard), "guard", "cannot be opened"),
    Damage("guard damaged", both_slots, "guard", "both slots"),
    Damage("guard knows more", guard(signed(SIZE + 1)), "guard", "knows 305 leaves"),
    Damage("guard knows another root", guard(signed(9)), "guard", "another root"),
    Damage("guard of another log", guard(by_another), "guard", "known key"),
    Damage("another origin", another_origin, "checkpoint", ""),
    Damage("checkpoint key", another_key("checkpoint.ed25519"), "keys", "not the keys"),
    Damage("statement key", another_key("statement.ed25519"), "keys", "not the keys"),
    Damage("governor's key", another_key("governor.ed25519"), "keys", "governor's key"),
    Damage("key gone", remove("keys/checkpoint.mldsa44"), "keys", "cannot be read"),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_damage_is_found_and_named(grown: Grown, damage: Damage) -> None:
    damage.plant(grown)
    found = [(problem.where, problem.what) for problem in grown.problems()]
    assert any(where == damage.where and damage.what in what for where, what in found), found


@pytest.mark.parametrize("name", RunName)
def test_opening_refuses_a_run_ahead_of_the_log(grown: Grown, name: RunName) -> None:
    """It would hide the heads of all leaves that no run holds yet."""
    stray_run(name)(grown)
    with pytest.raises(LedgerFault, match="index run is for leaves that are not there"):
        Log.open(grown.directory)


def test_undamaged_ledger_has_no_problem(grown: Grown) -> None:
    """Also after what the other tests only do to look."""
    assert grown.problems() == []
    grown.payload_place(6)
    with grown.table("meta") as rows:
        assert set(rows.listed()) == {b"state", b"checkpoint", b"published"}
    assert {key[0] for key in _table_keys(grown, "runs")} == {RunName.HEADS, RunName.TAGS}
    assert grown.problems() == []


def _table_keys(grown: Grown, name: str) -> list[bytes]:
    with grown.table(name) as rows:
        return rows.listed()


def test_a_guard_that_is_behind_is_no_problem(grown: Grown) -> None:
    renew_guard(grown.guard, grown.old_checkpoint)
    assert grown.problems() == []
    guard = Guard(grown.guard)
    guard.close()
    assert guard.checkpoint == grown.old_checkpoint


def test_what_a_crash_leaves_is_no_problem(grown: Grown) -> None:
    """Bytes behind the committed ends are cut off by the next opening, and read by nobody."""
    for name in (SEGMENT, KEYS):
        with open(grown.directory / name, "ab") as file:
            file.write(os.urandom(96))
    (grown.directory / "payloads" / "00000001.seg").write_bytes(b"x")
    (grown.directory / "heads" / "000000000256-000000000320.run").write_bytes(b"x")
    assert grown.problems() == []


def test_directory_that_is_no_ledger(grown: Grown) -> None:
    (grown.directory / "ledger.json").unlink()
    with pytest.raises(BadRequest, match="is not a ledger"):
        check_ledger(grown.directory)


def test_many_problems_are_counted_over_the_cap(grown: Grown) -> None:
    wiped(grown.directory / KEYS)
    report = check_ledger(grown.directory)
    assert len(report.problems) == MAX_PROBLEMS
    assert report.more == SIZE - 6 - MAX_PROBLEMS


def test_progress_is_told(grown: Grown) -> None:
    told: list[tuple[str, int, int]] = []
    report = check_ledger(grown.directory, lambda *step: told.append(step))
    assert report.size == SIZE
    assert told[0] == ("leaves", 0, SIZE)
    assert told[-1] == ("leaves", SIZE, SIZE)
