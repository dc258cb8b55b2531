"""Epochs that may and must not follow the small log, whose last leaf is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ledger.wire.claim import Claim, Kind
from ledger.wire.epoch import STRETCH, Epoch, Run
from ledger.wire.ids import EPOCH_CHAIN, ActorId, ChainId, Hash, derived_chain
from ledger.wire.leaf import claim_bytes
from ledger.wire.statement import StatementKey
from tests.vectors.entries_log import LOG_ITSELF, Author, SmallLog
from tests.vectors.entries_world import CLINIC, GOVERNOR, LOG_CHAIN, PERSON, Keyed, private
from tests.vectors.tree_keys import seed

Change = Callable[[SmallLog], object]
_ROOT: Final = Hash(seed("epoch: no such root"))


def true_epochs() -> dict[str, Change]:
    """What the log may go on with."""
    return {
        "epoch-again": lambda log: log.epoch(),
        "epoch-behind-another-entry": _after_a_record(lambda log: log.epoch()),
        "epoch-that-covers-less-than-all": _after_a_record(_of_before),
    }


def false_epochs() -> dict[str, Change]:
    """One mutation each."""
    return {
        "epoch-with-another-root": _changed(lambda run: replace(run, root=_ROOT)),
        "epoch-with-a-row-less": _changed(lambda run: replace(run, rows=run.rows - 1)),
        "epoch-with-a-row-more": _changed(lambda run: replace(run, rows=run.rows + 1)),
        "epoch-without-the-newest-leaf": _after_a_record(_without_the_newest),
        "epoch-beyond-itself": _changed(lambda run: replace(run, to=run.to + 1)),
        "epoch-that-covers-no-more": lambda log: log.epoch(_first(log).encode()),
        "epoch-over-a-whole-stretch": lambda log: log.epoch(
            Epoch((Run(STRETCH, 10, _ROOT),)).encode()
        ),
        "epoch-with-a-body-cut-short": lambda log: log.epoch(log.covering().encode()[:-1]),
        "epoch-by-a-governor": lambda log: log.epoch(by=GOVERNOR),
        "epoch-by-the-clinic": lambda log: log.epoch(by=CLINIC),
        "epoch-under-another-key": lambda log: log.epoch(by=_under("another")),
        "epoch-under-a-governor's-key": lambda log: log.epoch(
            by=Keyed(LOG_ITSELF.id, GOVERNOR.key)
        ),
        "epoch-by-a-governor-under-the-log's-key": lambda log: log.epoch(
            by=Keyed(GOVERNOR.id, LOG_ITSELF.key)
        ),
        "epoch-on-a-person's-chain": _on(PERSON),
        "epoch-on-the-log's-chain": _on(LOG_CHAIN),
        "epoch-that-opens-a-chain": _on(ChainId(seed("epoch: new chain")[:16])),
        "record-by-the-log": lambda log: log.entry(Kind.RECORD, PERSON, LOG_ITSELF, b"{}"),
        "record-on-the-epoch-chain": lambda log: log.entry(Kind.RECORD, _chain(log), CLINIC, b"{}"),
        "open-of-the-epoch-chain": lambda log: log.entry(Kind.OPEN, _chain(log), CLINIC),
    }


def _chain(log: SmallLog) -> ChainId:
    return derived_chain(EPOCH_CHAIN, log.id, ActorId(LOG_CHAIN))


def _under(name: str) -> Author:
    return Keyed(LOG_ITSELF.id, StatementKey.of(private(name)))


def _after_a_record(change: Change) -> Change:
    def append(log: SmallLog) -> None:
        log.entry(Kind.RECORD, PERSON, CLINIC, b"{}")
        change(log)

    return append


def _first(log: SmallLog) -> Epoch:
    """The epoch that the small log has."""
    return Epoch.decode(Claim.decode(claim_bytes(log.leaves[-1])).body)


def _of_before(log: SmallLog) -> None:
    """Covers all but the newest leaf."""
    body = log.before_the_newest().covering()
    log.epoch(body.encode())


def _without_the_newest(log: SmallLog) -> None:
    """The newest entry of a record is hidden: its row is that of the leaf before."""
    (run,) = log.before_the_newest().covering().runs
    log.epoch(Epoch((replace(run, to=log.index),)).encode())


def _changed(change: Callable[[Run], Run]) -> Change:
    def append(log: SmallLog) -> None:
        (run,) = log.covering().runs
        log.epoch(Epoch((change(run),)).encode())

    return append


def _on(chain: ChainId) -> Change:
    def append(log: SmallLog) -> None:
        claim = replace(log.claim(Kind.EPOCH, chain, LOG_ITSELF), body=log.covering().encode())
        log.add(claim, LOG_ITSELF)

    return append
