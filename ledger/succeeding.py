"""Succeeding: makes a ledger that takes over from another one (docs/spec/succession.md).

    draft    the new log's keys, and two proposals: for the governors of the old log and for the
             new ones
    finish   with their approvals: the old ledger takes no entries from here on, the new one begins

The old log must not grow between the two: what was approved names its size. A crash in ``finish``
leaves the draft, and ``finish`` is run again; where the crash left the new guard without its
ledger, that guard is removed first, as the refusal says.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from ledger.errors import BadRequest, LedgerFault
from ledger.founding import Beginning, make
from ledger.identity import End, Genesis, Governor, Predecessor, Succession, new_act
from ledger.identity.requests import Proposal, collect
from ledger.identity.succession import check_approved
from ledger.keyfiles import (
    Unlock,
    authors_directory,
    create_log_keys,
    governor_key_path,
    load_log_keys,
)
from ledger.keyfiles.log_keys import KEYS_DIRECTORY
from ledger.layout import read_layout, write_successor
from ledger.merkle import root_at
from ledger.reader import Reader, end_of, open_reader
from ledger.renewing import check_renewal, renewal_of
from ledger.store.files import make_directory, write_new
from ledger.store.lock import WriterLock
from ledger.vault.opening import open_vault
from ledger.wire.checkpoint import Checkpoint, parse_checkpoint
from ledger.wire.ids import Hash, new_chain_id
from ledger.wire.keys import raw_public
from ledger.wire.lines import check_name
from ledger.wire.note import parse_note
from ledger.wire.statement import StatementKey
from ledger.wire.succession import SuccessionProof

OLD_PROPOSAL: Final = "old.proposal"
NEW_PROPOSAL: Final = "new.proposal"


@dataclass(frozen=True, slots=True)
class Proposals:
    """What both quorums are asked to approve: the same change, each at its own place."""

    old: Proposal
    new: Proposal

    @property
    def succession(self) -> Succession:
        body = self.new.body
        if not isinstance(body, Succession) or self.old.act.change != self.new.act.change:
            raise BadRequest("the two proposals are not of one succession")
        return body


def draft_succession(
    old: Path,
    draft: Path,
    origin: str,
    *,
    governors: Sequence[Governor] = (),
    renew_hash: bool = False,
    passphrase: bytes = b"",
    unlock: Unlock | None = None,
    note: str = "",
) -> Proposals:
    """Make the new log's keys and the proposals in a new directory. Without ``governors`` those of
    the old log stay. Raises BadRequest, also when the old log is not published to its end.
    """
    check_name(origin)
    reader = open_reader(old, unlock)
    try:
        end = end_of(reader)
        if origin in end.origins:
            raise BadRequest("this origin is already used", hint="give the new log a new name")
        published = _published(reader, end)
        renewal = renewal_of(reader) if renew_hash else None
    finally:
        reader.close()
    try:
        make_directory(draft)
    except OSError as error:
        raise BadRequest(
            f"cannot make {draft.name}: {(error.strerror or 'refused').lower()}",
            hint="finish the succession that was begun there, or name another ledger",
        ) from error
    try:
        keys = create_log_keys(draft, origin, passphrase)
        named = tuple(governors) or end.governors
        succession = Succession(
            Genesis(origin, keys.vkeys, raw_public(keys.statement), named),
            Predecessor(end.log, end.genesis.origin, end.size, end.root, published),
            renewal,
        )
        log = Hash(sha256(origin.encode()).digest())
        proposals = Proposals(
            Proposal(end.act(succession.change()), note),
            Proposal(new_act(succession, log, new_chain_id()), note),
        )
        write_new(draft / OLD_PROPOSAL, proposals.old.encode())
        write_new(draft / NEW_PROPOSAL, proposals.new.encode())
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return proposals


def read_proposals(draft: Path) -> Proposals:
    """What a draft asks for. Raises BadRequest."""
    try:
        files = [(draft / name).read_bytes() for name in (OLD_PROPOSAL, NEW_PROPOSAL)]
    except OSError as error:
        raise BadRequest(
            f"{draft.name} holds no proposals of a succession",
            hint="begin one with `counterfoil succeed OLD NEW --origin NAME`",
        ) from error
    return Proposals(*map(Proposal.decode, files))


def finish_succession(
    old: Path,
    draft: Path,
    directory: Path,
    founder: StatementKey,
    approvals: Sequence[bytes],
    guard: Path | None = None,
    *,
    passphrase: bytes = b"",
    unlock: Unlock | None = None,
) -> tuple[str, str]:
    """Make the ledger that a draft has proposed; returns its verifier keys.

    ``founder`` is the first new governor's key, ``approvals`` the files of both quorums. Raises
    BadRequest or BadEvidence, and then nothing has changed.
    """
    unlock = unlock or Unlock()
    proposals = read_proposals(draft)
    succession = proposals.succession
    both = [proposals.old, proposals.new]
    if sum(len(approvals_for(one, approvals)) for one in both) != len(approvals):
        raise BadRequest(
            "an approval is for neither proposal of this succession",
            hint="was it drafted again since? have the two that are there approved",
        )
    first = succession.genesis.governors[0]
    if founder.kid != first.kid:
        raise BadRequest(
            "this is not the key of the first new governor", hint="the first one founds the log"
        )
    origin = succession.genesis.origin
    lock = WriterLock(read_layout(old, unlock).lock)
    try:
        layout = read_layout(old, unlock)
        mark = proposals.new.digest.hex()
        if layout.successor and layout.succession != mark:
            raise BadRequest(
                f"{layout.successor} took over from this log by another draft",
                hint="two successors of one log would be a fork; let a new log follow that one",
            )
        reader = open_reader(old, unlock)
        try:
            end = end_of(reader)
            body = succession.approved(
                collect(proposals.old, approvals_for(proposals.old, approvals), end.governors),
                collect(
                    proposals.new,
                    approvals_for(proposals.new, approvals),
                    succession.genesis.governors[1:],
                ),
            )
            # Behind this the old log is closed for good: what the new one would not open with must
            # be refused here.
            check_approved(body, proposals.new.act, reader.registry, end)
            check_renewal(succession, reader)
        finally:
            reader.close()
        tags = open_vault(layout.vault, unlock).tags

        def begin(building: Path) -> Beginning:
            shutil.copytree(draft / KEYS_DIRECTORY, building / KEYS_DIRECTORY)
            _copy_keys(old, building, governor=founder.kid in {one.kid for one in end.governors})
            keys = load_log_keys(building, origin, unlock)
            # From here on the old log cannot grow, even if what follows is cut short.
            write_successor(layout, origin, mark)
            return Beginning(keys, body, proposals.new.act.chain, founder, tags, end.received_ms)

        vkeys = make(directory, origin, guard, passphrase, begin, predecessor=old)
    finally:
        lock.release()
    shutil.rmtree(draft, ignore_errors=True)
    return vkeys


def approvals_for(proposal: Proposal, files: Sequence[bytes]) -> list[bytes]:
    """Those of some approval files that are for this proposal."""
    return [data for data in files if proposal.digest.hex().encode() in data]


def succession_proof(reader: Reader, old: Checkpoint) -> SuccessionProof:
    """Why an old log's checkpoint belongs to what this log took over from. Raises BadRequest when
    it is of no log that this one directly took over from, or is not a part of it.
    """
    before = reader.predecessor
    if before is None or before.registry.genesis.origin != old.origin:
        raise BadRequest(
            f"this log did not take over from {old.origin}",
            hint="ask the log that did; each log of a line speaks for the one before it",
        )
    end = before.checkpoint
    if not 0 < old.size <= end.size or root_at(old.size, before.store) != old.root:
        raise BadRequest(
            "the old checkpoint is not one of that log", hint="keep it: it is evidence"
        )
    published = reader.store.published()
    receipt = reader.receipt(0, published)
    return SuccessionProof(old.size, tuple(before.consistency(old.size, end.size)), receipt)


def _published(reader: Reader, end: End) -> bytes:
    """The published checkpoint of the whole log, whose last leaf is an epoch over all others."""
    published = reader.store.published()
    size = 0 if published is None else parse_checkpoint(parse_note(published).text).size
    if published is None or size != end.size or not end.is_covered:
        raise BadRequest(
            "the old log's newest entries are not published",
            hint="run `counterfoil checkpoint OLD` first; nothing may be appended after it",
        )
    return published


def _copy_keys(old: Path, building: Path, *, governor: bool) -> None:
    """The authors of this machine go on under the same names, and so does a governor who stays and
    whose key lies with the old ledger.
    """
    source, target = authors_directory(old), authors_directory(building)
    try:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        if governor and governor_key_path(old).exists():
            shutil.copy(governor_key_path(old), governor_key_path(building))
    except OSError as error:
        raise LedgerFault(
            f"{KEYS_DIRECTORY} cannot be copied: {error.strerror}", hint="mend the disk"
        ) from error
