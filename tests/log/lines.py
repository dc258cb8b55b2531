"""Lines of logs that take over from one another, made as the commands make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ledger.author import Author
from ledger.check import check_ledger
from ledger.identity import Governor
from ledger.identity.requests import approve
from ledger.keyfiles import Unlock, governor_key
from ledger.log import Log
from ledger.succeeding import draft_succession, finish_succession
from ledger.wire.statement import StatementKey

SECOND = "example.org/second"
THIRD = "example.org/third"


def own_governor(directory: Path) -> StatementKey:
    """The key that lies with a ledger."""
    return StatementKey.of(governor_key(directory, Unlock()))


def publish(directory: Path) -> None:
    """An epoch over all entries, and the checkpoint signed by both keys."""
    with Log.open(directory) as log:
        log.publish()


def take_over(
    old: Path,
    new: Path,
    origin: str,
    keys: Sequence[StatementKey],
    *,
    governors: Sequence[Governor] = (),
    new_keys: Sequence[StatementKey] = (),
    renew_hash: bool = False,
) -> Path:
    """A new ledger with everybody's approval; without ``governors`` those of the old one stay."""
    publish(old)
    draft = new.with_name(new.name + ".draft")
    asked = draft_succession(old, draft, origin, governors=governors, renew_hash=renew_hash)
    new_keys = new_keys or keys
    files = [approve(asked.old, key) for key in keys]
    files += [approve(asked.new, key) for key in new_keys[1:]]
    finish_succession(old, draft, new, new_keys[0], files)
    return new


def going_on(author: Author, log: Log) -> Author:
    """The same author in a later log of the line."""
    registry = log.reader.registry
    return replace(author, log=registry.log, first_log=registry.first_log)


def problems(directory: Path) -> list[str]:
    """What the check says of a ledger, and of those before it."""
    return [f"{one.where}: {one.what}" for one in check_ledger(directory).problems]
