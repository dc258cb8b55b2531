"""Small ledgers for the crash tests: founding one, a workload, and the record of what it was told.

``Record`` is the workload's own memory, kept outside the ledger in a file that is written with
plain ``write``: what it holds survives SIGKILL. A line says what is about to be handed in, the
next one how it was answered; a line that a kill cut short is no line.

    {"send": [submission, …]}  or  {"send": batch}        before handing in
    {"answer": [[index, count, leaf hash], …], "note": …}  after the acknowledgement
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import heads
from ledger.admission import BatchSubmission, Submission
from ledger.appender import Outcome
from ledger.author import Author, Draft
from ledger.founding import found
from ledger.identity import Enrol, NewKey
from ledger.log import Log
from ledger.sequencer import Appended
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId, Hash, Position, new_chain_id
from ledger.wire.statement import StatementKey
from tests.small_runs import small_runs

ORIGIN: Final = "example.org/crash"
AUTHOR_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
Sent = Sequence[Submission] | BatchSubmission


def small_ledgers(patch: pytest.MonkeyPatch) -> None:
    """Runs of 32 leaves that merge by four, and few chains in memory."""
    small_runs(patch, 32, 4, epochs=True)
    patch.setattr(heads, "GENERATION", 40)


def make_ledger(directory: Path) -> ActorId:
    """Found a ledger with one enrolled author; its record gets its first lines."""
    found(directory, ORIGIN)
    with Log.open(directory) as log:
        actor, appended = log.enrol(
            "Clinic", "organisation", [NewKey(AUTHOR_KEY.public_key().public_bytes_raw())]
        )
        record = Record(record_path(directory))
        record.append({"author": actor.hex()})
        record.answered([], [appended], log.reader.signed())
    return actor


def record_path(directory: Path) -> Path:
    """Where a ledger's record lies: beside it."""
    return directory.with_name(directory.name + ".record")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was handed in at once, and the answer if there was one."""

    sent: Sent
    answer: list[Appended] | None
    note: bytes


class Record:
    """What was handed to one ledger and what it acknowledged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        data = path.read_bytes() if path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            os.truncate(path, len(whole))
        self.lines: list[dict[str, Any]] = [json.loads(line) for line in whole.splitlines()]

    def append(self, line: dict[str, Any]) -> None:
        """Write one line; it survives this process."""
        with open(self._path, "ab", buffering=0) as file:
            file.write(json.dumps(line).encode() + b"\n")
        self.lines.append(line)

    def sending(self, sent: Sent) -> None:
        self.append({"send": _to_json(sent)})

    def answered(self, sent: Sent, outcomes: Sequence[Outcome], note: bytes) -> None:
        """Note an acknowledgement. Every entry of the workload must be taken."""
        answer = []
        for outcome in outcomes:
            assert isinstance(outcome, Appended), outcome
            answer.append([outcome.index, outcome.count, outcome.leaf_hash.hex()])
        self.append({"answer": answer, "note": note.decode()})

    @property
    def author(self) -> ActorId:
        return ActorId(bytes.fromhex(self.lines[0]["author"]))

    def exchanges(self) -> list[Exchange]:
        """All of them, oldest first."""
        found: list[Exchange] = []
        waiting: Sent | None = None
        for line in self.lines[1:]:
            if "send" in line:
                if waiting is not None:
                    found.append(Exchange(waiting, None, b""))
                waiting = _from_json(line["send"])
            else:
                answer = [
                    Appended(index, count, Hash(bytes.fromhex(hash_)))
                    for index, count, hash_ in line["answer"]
                ]
                found.append(Exchange(waiting or [], answer, line["note"].encode()))
                waiting = None
        if waiting is not None:
            found.append(Exchange(waiting, None, b""))
        return found

    def chains(self) -> list[ChainId]:
        """Records that were opened and acknowledged."""
        return [
            ChainId(bytes.fromhex(chain)) for line in self.lines for chain in line.get("opened", [])
        ]


def hand_in(log: Log, sent: Sent) -> list[Outcome]:
    """Append what one exchange sent."""
    return log.append_later(sent).result()


class Workload:
    """An endless mixture of everything that can be appended, determined by its seed."""

    def __init__(self, log: Log, record: Record, seed: int) -> None:
        self._log = log
        self._record = record
        self._random = random.Random(seed)
        self.author = Author(log.reader.registry.log, record.author, StatementKey.of(AUTHOR_KEY))
        self._chains = record.chains()

    def step(self) -> None:
        """Hand in something and note the answer."""
        if not self._chains:
            self.open_records()
            return
        self._random.choices(
            (self.open_records, self.single, self.group, self.batch, self.actor, self.publish),
            (1, 3, 3, 2, 1, 1),
        )[0]()

    def exchange(self, sent: Sent) -> list[Appended]:
        self._record.sending(sent)
        outcomes = hand_in(self._log, sent)
        self._record.answered(sent, outcomes, self._log.reader.signed())
        return [outcome for outcome in outcomes if isinstance(outcome, Appended)]

    def open_records(self) -> None:
        opened = [self.author.open_record() for _ in range(self._random.randint(1, 6))]
        self.exchange([submission for _, submission in opened])
        chains = [chain for chain, _ in opened]
        self._record.append({"answer": [], "note": "", "opened": [c.hex() for c in chains]})
        self._chains += chains

    def single(self) -> None:
        """A record, and sometimes its amendment."""
        draft = self._draft()
        (appended,) = self.exchange([self.author.entry(draft)])
        if self._random.random() < 0.3:
            kind = self._random.choice((Kind.AMEND, Kind.RETRACT))
            change = Draft(
                draft.chain,
                b"{}",
                kind=kind,
                amended=appended.leaf_hash,
                amends=Position(appended.index),
            )
            self.exchange([self.author.entry(change)])

    def group(self) -> None:
        drafts = [self._draft() for _ in range(self._random.randint(2, 50))]
        self.exchange([self.author.entry(draft) for draft in drafts])

    def batch(self) -> None:
        count = self._random.choice((1, 3, 40, 130))
        self.exchange(self.author.batch([self._draft(tagged=False) for _ in range(count)]))

    def actor(self) -> None:
        """An enrolment, with a sealed name (a payload) or without any."""
        key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        name = self._random.choice(("", "Dr Example"))
        body = Enrol("practitioner", (NewKey(key),)).encode()
        self.exchange([self._log.governor().actor(new_chain_id(), body, name)])

    def publish(self) -> None:
        self._log.publish()

    def large(self, size: int) -> list[Submission]:
        """A few entries of one content size, to be handed in by the caller."""
        chain = self._chains[0]
        return [self.author.entry(Draft(chain, os.urandom(size))) for _ in range(3)]

    def _draft(self, *, tagged: bool = True) -> Draft:
        content = self._random.randbytes(self._random.choice((0, 10, 300, 3000)))
        tag = (os.urandom(16),) if tagged and self._random.random() < 0.5 else ()
        return Draft(self._random.choice(self._chains), content, tags=tag)


def _to_json(sent: Sent) -> Any:
    if isinstance(sent, BatchSubmission):
        columns = (sent.claims, sent.blobs, sent.keys)
        return [sent.statement.hex(), *([item.hex() for item in column] for column in columns)]
    return {
        "entries": [
            [
                one.statement.hex(),
                one.blob.hex(),
                one.key.hex(),
                [tag.hex() for tag in one.tags],
                one.amends,
            ]
            for one in sent
        ]
    }


def _from_json(value: Any) -> Sent:
    raw = bytes.fromhex
    if isinstance(value, list):
        statement, *columns = value
        return BatchSubmission(raw(statement), *([raw(item) for item in one] for one in columns))
    return [
        Submission(
            raw(statement), raw(blob), raw(key), tuple(map(raw, tags)), amends and Position(*amends)
        )
        for statement, blob, key, tags, amends in value["entries"]
    ]
