"""govern: keys of governors, what they propose and approve, and who they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.cli import acting, authors
from ledger.cli.author_keys import algorithm, algorithm_name
from ledger.cli.founding import read_public_key
from ledger.cli.session import AsJson, Directory, Output, named, read_input, reading, writing
from ledger.cli.terminal import (
    Json,
    note,
    on_one_line,
    result,
    result_json,
    result_table,
    when,
    write_file,
)
from ledger.cli.unlocking import current_unlock
from ledger.errors import BadRequest
from ledger.identity import Governor, Governors, Registry, threshold_of
from ledger.identity.requests import MAX_FILE, Proposal, approve
from ledger.keyfiles import create_key, encode_public, load_statement_key
from ledger.wire.claim import FIRST_LEAF_KINDS
from ledger.wire.ids import ActorId, new_chain_id
from ledger.wire.keys import key_id
from ledger.wire.statement import StatementKey

ProposalFile = Annotated[
    Path, typer.Argument(metavar="PROPOSAL", help="What was proposed.", show_default=False)
]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Governors: those who enrol institutions and decide together.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("new-key")(new_key)
    group.command("show")(show)
    group.command("change")(change)
    group.command("approve")(approve_proposal)
    group.command("enact")(enact)
    app.add_typer(group, name="govern")


def new_key(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where the key goes.", show_default=False)
    ],
    alg: Annotated[
        str, typer.Option("--alg", metavar="ALG", help="ed25519 or ml-dsa-44.")
    ] = "ed25519",
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Keep it under a passphrase.")
    ] = False,
) -> None:
    """Make a governor's key; prints its key id.

    FILE holds the private key and stays with its governor. FILE.pub holds the public key.

    \b
    counterfoil govern new-key anna.key --passphrase
    """
    number = algorithm(alg)
    secret = current_unlock().new_passphrase() if passphrase else b""
    try:
        key = StatementKey.of(create_key(file, number, secret))
    except OSError as error:
        raise BadRequest(
            f"cannot make {file.name}: {(error.strerror or 'refused').lower()}",
            hint="name a file that is not there yet",
        ) from error
    public = file.with_name(file.name + ".pub")
    write_file(public, encode_public(number, key.public_key))
    result(key.kid.hex())
    note(f"{public.name} is for the others; keep {file.name} to yourself, and a backup of it")


def show(directory: Directory, as_json: AsJson = False) -> None:
    """List the governors, and how many must agree.

    \b
    counterfoil govern show ledger
    """
    with reading(named(directory)) as reader:
        governors, threshold = reader.registry.governors, reader.registry.threshold
    if as_json:
        rows: list[Json] = [
            {"id": one.id.hex(), "alg": algorithm_name(one.alg), "kid": one.kid.hex()}
            for one in governors
        ]
        result_json({"governors": rows, "threshold": threshold})
        return
    result_table(
        ("governor", "algorithm", "key"),
        [(one.id.hex(), algorithm_name(one.alg), one.kid.hex()) for one in governors],
    )
    note(f"{threshold} of {len(governors)} must agree")


def change(
    directory: Directory,
    governor: Annotated[
        list[Path],
        typer.Option(
            "--governor",
            metavar="FILE",
            help="The public key (PEM) of each governor from now on, also of those who stay.",
            show_default=False,
        ),
    ],
    governor_key: acting.GovernorKey = None,
    propose: acting.Propose = None,
) -> None:
    """Replace the governors. A governor with another key is another governor.

    \b
    counterfoil govern change ledger --governor a.pub --governor new-b.pub --governor c.pub \\
        --propose change.json
    """
    publics = [read_public_key(path) for path in governor]
    with writing(directory) as log:
        registry = log.reader.registry
        governors = tuple(_as_governor(registry, alg, raw) for alg, raw in publics)
        body = Governors(governors, threshold_of(len(governors)))
        how = acting.Acting(None, governor_key, propose)
        appended = acting.change(log, body, registry.log_chain, how)
    if appended is not None:
        result(f"the governors changed at entry {appended.index}")


def _as_governor(registry: Registry, alg: int, public_key: bytes) -> Governor:
    """The one who has this key already, or a new one."""
    kid = key_id(alg, public_key)
    stays = next((one for one in registry.governors if one.kid == kid), None)
    return stays or Governor(ActorId(new_chain_id()), public_key, alg)


def approve_proposal(
    proposal: ProposalFile,
    key: Annotated[
        Path,
        typer.Option("--key", metavar="FILE", help="The governor's key.", show_default=False),
    ],
    output: Output,
) -> None:
    """Approve a proposal with a governor's key; says what it is that is approved.

    \b
    counterfoil govern approve change.json --key b.key -o b.ok
    """
    asked = _read_proposal(proposal)
    later = asked.act.kind not in FIRST_LEAF_KINDS
    note(f"in the log with the id {asked.act.log.hex()}:" if later else "a new log:")
    for line in asked.summary:
        note(on_one_line(line))
    if asked.act.expires_ms:
        note(f"the log takes it until {when(asked.act.expires_ms)}")
    if asked.note:
        note(f"the proposer says: {on_one_line(asked.note)}")
    write_file(output, approve(asked, load_statement_key(key, current_unlock())))
    result(f"approved in {output.name}")


def enact(
    directory: Directory,
    proposal: ProposalFile,
    approval: Annotated[
        list[Path],
        typer.Option(
            "--approval",
            metavar="FILE",
            help="An approval of another governor, once for each.",
            show_default=False,
        ),
    ],
    governor_key: acting.GovernorKey = None,
    as_json: AsJson = False,
) -> None:
    """Append what was proposed, with the approvals; the key is that of one governor more.

    \b
    counterfoil govern enact ledger change.json --governor-key a.key --approval b.ok
    """
    directory, asked = named(directory), _read_proposal(proposal)
    files = [read_input(path, MAX_FILE, "give the approval as it was made") for path in approval]
    with writing(directory) as log:
        actor = ActorId(asked.act.chain)
        known = authors.known_authors(directory, log.reader.registry)
        # The name of who is enrolled was kept here when that was proposed.
        name = "" if actor in log.reader.registry.actors else known.get(actor, "")
        author = acting.governor(log, governor_key)
        appended = log.enact(asked, files, by=author, name=name)
    if as_json:
        result_json({"index": appended.index, "chain": actor.hex()})
    else:
        result(f"done at entry {appended.index}")


def _read_proposal(path: Path) -> Proposal:
    return Proposal.decode(read_input(path, MAX_FILE, "give the proposal as it was made"))
