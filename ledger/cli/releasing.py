"""Releasing content: to somebody, for a purpose, behind an access entry that says so."""

from __future__ import annotations

import re
from typing import Annotated, Final, NamedTuple

import typer

from ledger.cli import authors
from ledger.cli.session import append_one
from ledger.cli.terminal import note
from ledger.erasing import erased_by
from ledger.errors import BadRequest
from ledger.heads import ChainType
from ledger.linkage.opening import access_draft
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.wire.ids import Position
from ledger.wire.receipt import Receipt

_PURPOSE: Final = re.compile(r"[A-Z][A-Z0-9]{1,31}")

ReleasedTo = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Who reads.", show_default=False),
]
Purpose = Annotated[
    str | None,
    typer.Option(
        "--purpose",
        metavar="CODE",
        help="What for: a v3 PurposeOfUse code such as TREAT.",
        show_default=False,
    ),
]


class Reason(NamedTuple):
    """Who reads, and what for."""

    name: str
    purpose: str


def reason_of(name: str | None, purpose: str | None) -> Reason:
    """Raises BadRequest when one of them is not said."""
    if name is None or purpose is None:
        raise BadRequest(
            "content is released to somebody for a purpose",
            hint="add --as NAME and --purpose CODE, such as TREAT",
        )
    check_purpose(purpose)
    return Reason(name, purpose)


def check_purpose(purpose: str) -> None:
    """Raises BadRequest when it is no code of v3 PurposeOfUse."""
    if not _PURPOSE.fullmatch(purpose):
        raise BadRequest(
            "--purpose is no code", hint="v3 PurposeOfUse: TREAT, ETREAT, PATRQT, HOPERAT …"
        )


def admitted(log: Log, place: Position, reason: Reason) -> Receipt | None:
    """The receipt of an access entry that names this entry, for the vault's door; None for an
    institution's own resource, which needs none. Raises BadRequest when there is nothing to open.
    """
    author, entry = authors.signer(log, reason.name), log.reader.entry(*place)
    kind = log.reader.head(entry.leaf.claim.chain).type
    if not entry.leaf.claim.blob_size or kind not in (ChainType.PERSON, ChainType.DIRECTORY):
        raise BadRequest(
            f"entry {place} has no content to release", hint="`counterfoil show` tells its kind"
        )
    order = erased_by(log.reader.history(entry.leaf.claim.chain)).get(leaf_hash(entry.raw))
    if order is not None:
        raise BadRequest(
            f"this content was erased on order of entry {order}", hint="nobody can open it"
        )
    if kind is ChainType.DIRECTORY:
        note("an institution's own resource: no access entry is needed")
        return None
    draft = access_draft(entry.leaf.claim.chain, [entry], reason.purpose)
    access = append_one(log, author, draft).index
    note(f"access entry {access}")
    return log.reader.receipt(access)
