"""init: a ledger with one governor, or with several in two steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli.session import AsJson, named, read_input
from ledger.cli.terminal import note, result, result_json
from ledger.cli.unlocking import current_unlock
from ledger.errors import BadRequest
from ledger.founding import PROPOSAL_FILE, draft_genesis, found, found_approved
from ledger.identity import Governor
from ledger.identity.requests import MAX_FILE
from ledger.keyfiles import decode_public, load_statement_key
from ledger.layout import check_free, read_layout
from ledger.wire.ids import ActorId, new_chain_id

_MAX_KEY_FILE = 16_384


GuardFile = Annotated[
    Path | None,
    typer.Option(
        "--guard",
        metavar="FILE",
        help="Where the guard goes, best on another disk. [default: beside the ledger]",
        show_default=False,
    ),
]
UnderPassphrase = Annotated[
    bool,
    typer.Option(
        "--passphrase", help="Keep the new key files, and the vault's, under a passphrase."
    ),
]


def add_to(app: typer.Typer) -> None:
    app.command("init")(init)


def init(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A new or empty directory.", show_default=False),
    ],
    origin: Annotated[
        str | None,
        typer.Option(
            "--origin",
            metavar="NAME",
            help="The log's name for good, like a URL without its scheme.",
            show_default=False,
        ),
    ] = None,
    guard: GuardFile = None,
    passphrase: UnderPassphrase = False,
    governor: Annotated[
        list[Path] | None,
        typer.Option(
            "--governor",
            metavar="FILE",
            help="A governor's public key (PEM), once for each; the first will sign. Without it "
            "there is one, whose key lies in DIR/keys.",
            show_default=False,
        ),
    ] = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="The governors have approved: make the ledger.")
    ] = False,
    governor_key: Annotated[
        Path | None,
        typer.Option(
            "--governor-key",
            metavar="FILE",
            help="With --finish: the key of the first governor.",
            show_default=False,
        ),
    ] = None,
    approval: Annotated[
        list[Path] | None,
        typer.Option(
            "--approval",
            metavar="FILE",
            help="With --finish: an approval of another governor, once for each.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a ledger; prints its verifier keys.

    Ed25519 on the first line, ML-DSA-44 on the next. With several governors two thirds of them
    must agree to its founding: the first call writes a proposal, the second makes the ledger.

    \b
    counterfoil init ledger --origin log.example.org/records > vkeys
    counterfoil init ledger --origin log.example.org/records \\
        --governor a.pub --governor b.pub --governor c.pub
    counterfoil init ledger --finish --governor-key a.key --approval b.ok > vkeys
    """
    directory = named(directory)
    if finish:
        if origin is not None or governor or governor_key is None:
            raise BadRequest(
                "--finish goes with --governor-key, --approval and --passphrase alone",
                hint="the rest was said when the founding began",
            )
        secret = current_unlock().new_passphrase() if passphrase else b""
        keys = _finished(directory, guard, governor_key, approval or (), secret)
    else:
        if origin is None or governor_key is not None or approval:
            raise BadRequest(
                "a new ledger needs --origin NAME", hint="see `counterfoil init --help`"
            )
        secret = current_unlock().new_passphrase() if passphrase else b""
        if governor:
            _begin(directory, origin, governor, guard, secret)
            return
        keys = found(directory, origin, guard, secret)
    layout = read_layout(directory)
    if as_json:
        result_json({"origin": layout.origin, "vkeys": list(keys), "guard": str(layout.guard)})
    else:
        result("\n".join(keys))
    note(f"made {directory.name}; its guard is {layout.guard.name}: keep it on another disk")
    note(f"back up {directory.name}/keys; split the vault's key with `counterfoil vault escrow`")
    note("give the verifier keys to whoever is to check this log")


def _begin(
    directory: Path, origin: str, governors: Sequence[Path], guard: Path | None, secret: bytes
) -> None:
    check_free(directory, guard)
    publics = [read_public_key(path) for path in governors]
    named_here = [Governor(ActorId(new_chain_id()), raw, alg) for alg, raw in publics]
    draft = _draft(directory)
    for line in draft_genesis(draft, origin, named_here, secret).summary:
        note(line)
    result(f"{draft.name}/{PROPOSAL_FILE}")
    note("let the governors approve it, then run init again with --finish")


def _finished(
    directory: Path, guard: Path | None, key: Path, approvals: Sequence[Path], secret: bytes
) -> tuple[str, str]:
    unlock = current_unlock()
    files = [read_input(path, MAX_FILE, "give the approval as it was made") for path in approvals]
    signer = load_statement_key(key, unlock)
    draft = _draft(directory)
    return found_approved(draft, directory, signer, files, guard, unlock=unlock, passphrase=secret)


def _draft(directory: Path) -> Path:
    """Where the log's keys and the proposal lie until the governors have approved."""
    return directory.with_name(directory.name + ".founding")


def read_public_key(path: Path) -> tuple[int, bytes]:
    """Algorithm and raw key of a public key's file. Raises BadRequest."""
    return decode_public(read_input(path, _MAX_KEY_FILE, "give the public key's own file"))
