"""Lines of logs that the ledger wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.author import Draft
from ledger.export import export_tiles
from ledger.log import Log
from ledger.reader import open_reader
from ledger.wire.claim import Kind
from ledger.wire.ids import Position
from tests.log.governed import new_key, registered
from tests.log.lines import SECOND, THIRD, going_on, own_governor, take_over
from tests.log.sample import Sample, make_sample, memory_directory, placed
from verifier.audit import audit_log
from verifier.fetch import open_source
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.verdicts.logreport import LogReport


def write(old: Sample, log: Log) -> None:
    """An entry on every chain of the old log that may go on, and on new ones."""
    governor = log.governor_with(own_governor(old.directory))
    clinic, hospital = going_on(old.clinic, log), going_on(old.hospital, log)
    new = new_key()
    log.rotate(hospital.id, hospital.key.kid, registered(new), by=governor)
    chains = (old.record, clinic.directory, old.record)
    placed(log.append_batch(clinic.batch([Draft(chain, b"{}") for chain in chains])))
    amend = Draft(old.record, b"{}", kind=Kind.AMEND, amended=old.hash(6), amends=Position(6, 1))
    record, opening = clinic.open_record()
    for entry in (clinic.entry(amend), clinic.entry(Draft(old.other, b"{}")), opening):
        placed(log.append([entry])[0])
    placed(log.append([clinic.entry(Draft(record, b"{}"))])[0])
    log.revoke(hospital.id, new.kid, by=governor)
    log.contest(clinic.id, 1, by=governor)


@dataclass(frozen=True)
class Line:
    """Ledgers that took over from one another, the newest last, and their exports."""

    old: Sample
    directories: tuple[Path, ...]

    def export(self, at: int) -> Path:
        directory = self.directories[at]
        target = directory.with_name(directory.name + ".export")
        if not target.exists():
            with closing(open_reader(directory)) as reader:
                export_tiles(reader, target, with_entries=True)
        return target

    def vkeys(self, at: int) -> tuple[str, ...]:
        with closing(open_reader(self.directories[at])) as reader:
            return reader.registry.genesis.checkpoint_keys

    def audit(self, at: int, predecessors: Sequence[int]) -> LogReport:
        return audit_log(
            open_source(str(self.export(at))),
            policy_of_keys(parse_verifier_key(text) for text in self.vkeys(at)),
            predecessors=[open_source(str(self.export(one))) for one in predecessors],
        )


@contextmanager
def written_line() -> Iterator[Line]:
    """Three logs; entries of each on chains of those before."""
    with memory_directory() as place:
        old = make_sample(place)
        key = own_governor(old.directory)
        second = take_over(old.directory, place / "second", SECOND, [key], renew_hash=True)
        with Log.open(second) as log:
            write(old, log)
        third = take_over(second, place / "third", THIRD, [key])
        with Log.open(third) as log:
            clinic = going_on(old.clinic, log)
            for chain in (old.other, old.record, clinic.directory):
                placed(log.append([clinic.entry(Draft(chain, b"{}"))])[0])
            log.publish()
        yield Line(old, (old.directory, second, third))
