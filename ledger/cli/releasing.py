"""Releasing content: to somebody, for a purpose, behind an access entry that says so."""

from __future__ import annotations

import re
from typing import Annotated, Final, NamedTuple

import typer

from ledger.cli import authors
from ledger.cli.session import append_one
from ledger.cli.terminal import note
from ledger.errors import BadRequest
from ledger.heads import ChainType
from ledger.linkage.opening import access_draft
from ledger.log import Log
from ledger.serving.orders import Orders
from ledger.serving.releasing import check_releasable
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
    kind = check_releasable(log.reader, Orders(log.reader), entry)
    if kind is ChainType.DIRECTORY:
        note("an institution's own resource: no access entry is needed")
        return None
    draft = access_draft(entry.leaf.claim.chain, [entry], reason.purpose)
    access = append_one(log, author, draft).index
    note(f"access entry {access}")
    return log.reader.receipt(access)
