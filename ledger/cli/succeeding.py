"""succeed, succession: a new log takes over from an old one, and old receipts go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli.founding import read_public_key
from ledger.cli.session import AsJson, Directory, Output, named, read_input, reading
from ledger.cli.terminal import note, result, result_json, write_file
from ledger.cli.unlocking import current_unlock
from ledger.errors import BadEvidence, BadRequest
from ledger.identity import Governor
from ledger.identity.requests import MAX_FILE, approve
from ledger.keyfiles import governor_key_path, load_statement_key
from ledger.layout import check_free, read_layout
from ledger.log import Log
from ledger.merkle import check_inclusion, leaf_hash
from ledger.reader import Reader
from ledger.succeeding import (
    NEW_PROPOSAL,
    OLD_PROPOSAL,
    Proposals,
    draft_succession,
    finish_succession,
    read_proposals,
)
from ledger.wire.checkpoint import parse_checkpoint
from ledger.wire.ids import ActorId, TreeSize, new_chain_id
from ledger.wire.note import parse_note
from ledger.wire.receipt import parse_receipt
from ledger.wire.statement import StatementKey
from ledger.wire.succession import SuccessionProof, render_succession

_MAX_RECEIPT = 1 << 20


def add_to(app: typer.Typer) -> None:
    app.command("succeed")(succeed)
    app.command("succession")(succession)


def succeed(
    old: Annotated[
        Path, typer.Argument(metavar="OLD", help="The ledger that ends.", show_default=False)
    ],
    new: Annotated[
        Path,
        typer.Argument(metavar="NEW", help="A new or empty directory.", show_default=False),
    ],
    origin: Annotated[
        str | None,
        typer.Option(
            "--origin",
            metavar="NAME",
            help="The new log's name for good; another than the old one's.",
            show_default=False,
        ),
    ] = None,
    governor: Annotated[
        list[Path] | None,
        typer.Option(
            "--governor",
            metavar="FILE",
            help="Public key (PEM) of each governor of the new log. [default: those of the old]",
            show_default=False,
        ),
    ] = None,
    renew_hash: Annotated[
        bool,
        typer.Option("--renew-hash", help="Bind the whole old log once more, under SHA3-256."),
    ] = False,
    governor_key: Annotated[
        list[Path] | None,
        typer.Option(
            "--governor-key",
            metavar="FILE",
            help="A governor's private key; the first new governor's first. "
            "[default: the one that lies with OLD]",
            show_default=False,
        ),
    ] = None,
    approval: Annotated[
        list[Path] | None,
        typer.Option(
            "--approval", metavar="FILE", help="From `govern approve`.", show_default=False
        ),
    ] = None,
    guard: Annotated[
        Path | None,
        typer.Option(
            "--guard",
            metavar="FILE",
            help="Where the guard goes, best on another disk. [default: NEW.guard]",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a new log take over from an old one; prints its verifier keys.

    New keys, a new name, perhaps other governors; persons, actors and chains go on. OLD takes no
    more entries. Keep it where it is: NEW reads from it. Where governors elsewhere must agree,
    NEW.succession holds what they approve, and the command is given again with --approval.

    \b
    counterfoil succeed ledger renewed --origin log2.example.org/records --renew-hash > vkeys
    counterfoil succeed ledger renewed --governor-key a.key --approval b.approval --approval c.approval
    """
    old, new = named(old), named(new)
    check_free(new, guard)
    draft = new.with_name(new.name + ".succession")
    keys = _keys(old, governor_key or [])
    if origin is not None:
        _publish(old)
        draft_succession(
            old,
            draft,
            origin,
            governors=[
                Governor(ActorId(new_chain_id()), raw, alg)
                for alg, raw in map(read_public_key, governor or [])
            ],
            renew_hash=renew_hash,
            unlock=current_unlock(),
        )
    proposals = read_proposals(draft)
    approvals = [_read_approval(path) for path in approval or []]
    approvals += [
        approve(one, key) for key in keys for one in (proposals.old, proposals.new)
    ]
    if _lacking(old, proposals, keys, approvals):
        note(f"{draft.name} holds {OLD_PROPOSAL} for the old governors to approve,")
        note(f"and {NEW_PROPOSAL} for the new ones (`counterfoil govern approve FILE --key KEY`)")
        note("then give this command again with --approval FILE; OLD must not grow meanwhile")
        if as_json:
            result_json({"draft": draft.name, "origin": proposals.succession.genesis.origin})
        return
    vkeys = finish_succession(
        old,
        draft,
        new,
        keys[0],
        _needed(proposals, keys[0], approvals),
        guard,
        unlock=current_unlock(),
    )
    _say_done(old, new, proposals, vkeys, as_json)
