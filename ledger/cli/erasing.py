"""erase."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ledger.cli import authors
from ledger.cli.session import (
    AsJson,
    Directory,
    append_one,
    find_record,
    parse_place,
    writing,
)
from ledger.cli.terminal import Json, note, result, result_json
from ledger.erasing import (
    Order,
    attestation,
    carry_out,
    find_orders,
    is_pending,
    order_at,
    order_entries,
    order_record,
)
from ledger.errors import BadRequest
from ledger.log import Log, destroy_earlier
from ledger.wire.ids import Position


def add_to(app: typer.Typer) -> None:
    app.command("erase")(erase)


def erase(
    directory: Directory,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Who orders it.", show_default=False),
    ] = None,
    entry: Annotated[
        list[Position] | None,
        typer.Option(
            "--entry",
            metavar="INDEX",
            help="An entry; may be repeated.",
            parser=parse_place,
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(
            "--record",
            metavar="RECORD",
            help="Everything that this record holds so far.",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="TEXT", help="Why; it is sealed.", show_default=False),
    ] = None,
    attest_as: Annotated[
        str | None,
        typer.Option(
            "--attest-as", metavar="NAME", help="Who attests that it is done.", show_default=False
        ),
    ] = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="Finish what is ordered and not done.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Destroy content for good, on an order that stays in the log.

    Keys, payloads and the tags of sources and patient identifiers are overwritten. The leaves
    stay: everybody sees that something was erased, when, and by whose order. Copies already taken
    are out of reach.

    \b
    counterfoil erase ledger --as clinic --entry 27 --reason 'wrong patient' --attest-as clinic
    counterfoil erase ledger --as clinic --record RECORD --reason 'the person asked for it'
    counterfoil erase ledger --pending
    """
    if pending:
        if name is not None or entry or record is not None or reason is not None:
            raise BadRequest("--pending carries out what is ordered", hint="leave the rest out")
    elif name is None or not reason or bool(entry) == (record is not None):
        raise BadRequest(
            "an order needs --as NAME, --reason TEXT, and --entry INDEX or --record RECORD",
            hint="see `counterfoil erase --help`",
        )
    if not (yes or pending):
        _confirm()
    with writing(directory) as log:
        if pending:
            orders = _pending(log)
        else:
            orders = [_order(log, name or "", entry or [], record, reason or "")]
        contents = [carry_out(log, order) for order in orders]
        layout = log.layout
    for order in orders:
        destroy_earlier(layout, order)
    with writing(directory) as log:
        attested = [_attest(log, order, attest_as) for order in orders]
    rows = [_row(*row) for row in zip(orders, contents, attested, strict=True)]
    if as_json:
        result_json({"orders": rows})
    elif not rows:
        note("nothing is ordered that is not done")
    else:
        for row in rows:
            _print(row)


def _confirm() -> None:
    hint = "add --yes when you are certain"
    if not sys.stdin.isatty():
        raise BadRequest("what is erased never comes back", hint=hint)
    if not typer.confirm("What is erased never comes back. Go on?", err=True):
        raise BadRequest("nothing was erased", hint=hint)


def _pending(log: Log) -> list[Order]:
    reader = log.reader
    orders = find_orders(reader.store, reader.checkpoint.size, reader.predecessor)
    return [order for order in orders if is_pending(log.vault, order)]


def _order(log: Log, name: str, entries: list[Position], record: str | None, reason: str) -> Order:
    author = authors.signer(log, name)
    if record is None:
        draft = order_entries(log.reader, entries, reason)
    else:
        draft = order_record(log.reader, find_record(log.reader, log.vault.tag, record), reason)
    index = append_one(log, author, draft).index
    return order_at(log.reader.store, index, log.reader.predecessor)


def _attest(log: Log, order: Order, attest_as: str | None) -> int | None:
    if attest_as is None:
        return None
    return append_one(log, authors.signer(log, attest_as), attestation(order)).index


def _row(order: Order, contents: int, attested: int | None) -> dict[str, Json]:
    return {
        "order": order.index,
        "record": order.chain.hex(),
        "entries": [*order.entries, *map(str, order.earlier)],
        "contents": contents + len(order.earlier),
        "attestation": attested,
    }


def _print(row: dict[str, Json]) -> None:
    result(f"ordered at entry {row['order']}")
    result(f"destroyed: keys, payloads and tags of {row['contents']} entries")
    if row["attestation"] is not None:
        result(f"attested at entry {row['attestation']}")
