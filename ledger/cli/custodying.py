"""custodian-keys, cosign: what a custodian runs, where it has its own keys and notes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli.session import Output, read_input
from ledger.cli.terminal import note, result, write_file
from ledger.cli.unlocking import current_unlock
from ledger.custody.audited import MAX_POLICY, Source, policy_with
from ledger.custody.cosign import cosign as cosigned
from ledger.custody.cosigners import cosigner
from ledger.custody.keys import make_custodian
from ledger.custody.notes import AUDITED, open_notes
from ledger.errors import BadRequest
from ledger.keyfiles import load_key


def add_to(app: typer.Typer) -> None:
    app.command("custodian-keys")(custodian_keys)
    app.command("cosign")(cosign)


def custodian_keys(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A new directory.", show_default=False)
    ],
    name: Annotated[
        str,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Under which the custodian signs, like a URL without its scheme.",
            show_default=False,
        ),
    ],
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Keep the keys under a passphrase.")
    ] = False,
) -> None:
    """Make a custodian's keys; prints the lines for policies.

    Run it where the custodian is, not where the log is: independence is a matter of organisations.
    Whoever runs the log needs OUT/statement.pub and OUT/cosigning, and nothing else of it.

    \b
    counterfoil custodian-keys custodian --name custodian.example.org --passphrase
    """
    secret = current_unlock().new_passphrase() if passphrase else b""
    try:
        made = make_custodian(out, name, secret)
    except OSError as error:
        raise BadRequest(
            f"cannot make {out.name}: {(error.strerror or 'refused').lower()}",
            hint="name a directory that is not there yet",
        ) from error
    for one in made:
        result(one.line())
    note(f"for whoever runs the log: {out.name}/statement.pub and {out.name}/cosigning")
    note(f"keep the rest of {out.name} to yourself, and a backup of it")


def cosign(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="The log: an export's directory, or a URL.", show_default=False
        ),
    ],
    key: Annotated[
        Path,
        typer.Option("--key", metavar="F", help="The custodian's key.", show_default=False),
    ],
    name: Annotated[
        str,
        typer.Option("--name", metavar="NAME", help="Under which it signs.", show_default=False),
    ],
    state: Annotated[
        Path,
        typer.Option(
            "--state",
            metavar="DIR",
            help="What was signed with this key, and what was verified; kept for ever. Its newest "
            "copy, and no other.",
            show_default=False,
        ),
    ],
    output: Output,
    vkey: Annotated[
        list[str] | None,
        typer.Option(
            "--vkey",
            metavar="V",
            help="A verifier key of the log, once for each.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            metavar="F",
            help="A policy file with the log's keys, in place of --vkey.",
            show_default=False,
        ),
    ] = None,
    predecessor: Annotated[
        list[str] | None,
        typer.Option(
            "--predecessor",
            metavar="SOURCE",
            help="A log that it took over from; once for each.",
            show_default=False,
        ),
    ] = None,
    bearer_file: Annotated[
        Path | None,
        typer.Option(
            "--bearer-file",
            metavar="F",
            help="Holds the token for the log's server.",
            show_default=False,
        ),
    ] = None,
    begin: Annotated[
        bool,
        typer.Option("--begin", help="This key has never signed this log: there are no notes yet."),
    ] = False,
) -> None:
    """Verify a whole log as a custodian, and sign its checkpoint.

    The signature says: every leaf, chain and index below this size, and of the logs before this
    one, was recomputed by us. So `counterfoil-verify` recomputes all of it first; nothing is
    signed that continues not what was signed before, whose newest epoch is far behind, or by a key
    that the log has not registered. Whoever runs the log adds the file to its checkpoint.

    \b
    counterfoil cosign export --key custodian/custodian.ed25519 --name custodian.example.org \\
        --policy policy.txt --state notes -o custodian.cosignature
    counterfoil checkpoint ledger --cosignature custodian.cosignature
    """
    if (policy is None) == (not vkey):
        raise BadRequest("who signs for the log is not said", hint="give --policy, or --vkey")
    if policy is None:
        text = "".join(f"log {one}\n" for one in vkey or ())
    else:
        text = read_input(policy, MAX_POLICY, "a policy is small").decode(errors="replace")
    signer = cosigner(name, load_key(key, current_unlock()))
    believed = policy_with(text, signer.vkey)
    log = Source(source, believed, predecessor or (), bearer_file, state / AUDITED)
    with open_notes(state, signer.vkey) as notes:
        checkpoint, signed = cosigned(log, signer, notes, int(time.time()), begin=begin)
    write_file(output, signed)
    result(f"{output.name}: {checkpoint.size} entries of {checkpoint.origin}, verified and signed")
