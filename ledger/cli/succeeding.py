"""succeed, succession: a new log takes over from an old one, and old receipts go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli.founding import GuardFile, UnderPassphrase, read_public_key
from ledger.cli.session import AsJson, Directory, Output, named, read_input, reading, writing
from ledger.cli.terminal import note, result, result_json, write_file
from ledger.cli.unlocking import current_unlock
from ledger.errors import BadRequest
from ledger.identity import Governor
from ledger.identity.requests import MAX_FILE, approve
from ledger.keyfiles import governor_key_path, load_statement_key
from ledger.layout import check_free, read_layout
from ledger.succeeding import (
    NEW_PROPOSAL,
    OLD_PROPOSAL,
    Proposals,
    approvals_for,
    draft_succession,
    finish_succession,
    read_proposals,
    succession_proof,
)
from ledger.wire.checkpoint import parse_checkpoint
from ledger.wire.ids import ActorId, new_chain_id
from ledger.wire.note import parse_note
from ledger.wire.proof import parse_proof
from ledger.wire.statement import StatementKey
from ledger.wire.succession import MAX_SIZE, render_succession


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
    guard: GuardFile = None,
    passphrase: UnderPassphrase = False,
    as_json: AsJson = False,
) -> None:
    """Let a new log take over from an old one; prints its verifier keys.

    New keys, a new name, perhaps other governors; persons, actors and chains go on. OLD takes no
    more entries. Keep it where it is: NEW reads from it. Where governors elsewhere must agree,
    NEW.succession holds what they approve, and the command is given again with --approval.

    \b
    counterfoil succeed ledger renewed --origin log2.example.org/records --renew-hash > vkeys
    counterfoil succeed ledger renewed --governor-key a.key --approval b.ok --approval c.ok
    """
    old, new = named(old), named(new)
    draft = new.with_name(new.name + ".succession")
    check_free(new, guard)
    keys = [load_statement_key(path, current_unlock()) for path in governor_key or [_own_key(old)]]
    secret = current_unlock().new_passphrase() if passphrase else b""
    if origin is not None:
        _draft(old, draft, origin, governor or [], renew_hash, secret)
    proposals = read_proposals(draft)
    with reading(old) as reader:
        governors, threshold = reader.registry.governors, reader.registry.threshold
    signed = _signed_here(proposals, governors, keys)
    approvals = [
        read_input(path, MAX_FILE, "give the approval's own file") for path in approval or []
    ]
    if origin is not None and not _enough(proposals, threshold, signed):
        _say_drafted(draft, proposals, as_json)
        return
    vkeys = finish_succession(
        old,
        draft,
        new,
        keys[0],
        signed + approvals,
        guard,
        passphrase=secret,
        unlock=current_unlock(),
    )
    _say_done(old, new, proposals, vkeys, as_json)


def _own_key(old: Path) -> Path:
    path = governor_key_path(old)
    if not path.exists():
        raise BadRequest(
            "no governor's key lies with the old ledger", hint="name one with --governor-key"
        )
    return path


def _draft(
    old: Path,
    draft: Path,
    origin: str,
    governor: Sequence[Path],
    renew_hash: bool,
    passphrase: bytes,
) -> None:
    with writing(old) as log:
        log.publish()
    named_governors = [
        Governor(ActorId(new_chain_id()), raw, alg) for alg, raw in map(read_public_key, governor)
    ]
    draft_succession(
        old,
        draft,
        origin,
        governors=named_governors,
        renew_hash=renew_hash,
        passphrase=passphrase,
        unlock=current_unlock(),
    )


def _signed_here(
    proposals: Proposals, old: Sequence[Governor], keys: Sequence[StatementKey]
) -> list[bytes]:
    """The approvals that the keys at hand can give; the first new governor signs instead."""
    others = {one.kid for one in proposals.succession.genesis.governors[1:]}
    signed = [approve(proposals.old, key) for key in keys if key.kid in {one.kid for one in old}]
    return signed + [approve(proposals.new, key) for key in keys if key.kid in others]


def _enough(proposals: Proposals, threshold: int, approvals: Sequence[bytes]) -> bool:
    new = proposals.succession.genesis.threshold - 1
    return (
        len(approvals_for(proposals.old, approvals)) >= threshold
        and len(approvals_for(proposals.new, approvals)) >= new
    )


def _say_drafted(draft: Path, proposals: Proposals, as_json: bool) -> None:
    if as_json:
        result_json({"draft": draft.name, "origin": proposals.succession.genesis.origin})
    else:
        result(draft.name)
    note(f"{OLD_PROPOSAL} in it is for the old log's governors to approve, {NEW_PROPOSAL} for the")
    note("new log's: `counterfoil govern approve FILE --key KEY -o APPROVAL`")
    note("then give this command again without --origin, with --approval for each")
    note("the old log must not grow meanwhile")


def _say_done(
    old: Path, new: Path, proposals: Proposals, vkeys: tuple[str, str], as_json: bool
) -> None:
    predecessor = proposals.succession.predecessor
    if as_json:
        guard = read_layout(new).guard
        result_json(
            {
                "origin": proposals.succession.genesis.origin,
                "vkeys": list(vkeys),
                "guard": str(guard),
                "predecessor": {"origin": predecessor.origin, "size": predecessor.size},
            }
        )
    else:
        result("\n".join(vkeys))
    note(
        f"made {new.name}, which takes over from {predecessor.origin} at {predecessor.size} entries"
    )
    note(f"{old.name} takes no more entries; keep it where it is: {new.name} reads from it")
    note(f"back up {new.name}/keys; its vault has a key of its own: `counterfoil vault escrow`")
    note("give the verifier keys to whoever is to check this log")


def succession(
    directory: Directory,
    receipt: Annotated[
        Path,
        typer.Argument(
            metavar="RECEIPT", help="A receipt or proof of an earlier log.", show_default=False
        ),
    ],
    output: Output,
    as_json: AsJson = False,
) -> None:
    """Write what lets an old log's receipt be checked with this log's keys.

    \b
    counterfoil succession renewed 34.tlog-proof -o 34.succession
    counterfoil-verify proof 34.tlog-proof --succession 34.succession --vkey "$(sed -n 1p vkeys)"
    """
    data = read_input(receipt, MAX_SIZE, "give the receipt's own file")
    old = parse_checkpoint(parse_note(parse_proof(data).checkpoint).text)
    with reading(named(directory)) as reader:
        write_file(output, render_succession(succession_proof(reader, old)))
    if as_json:
        result_json({"file": output.name, "origin": old.origin, "size": old.size})
    else:
        result(f"{old.origin} at {old.size} entries: {output.name}")
