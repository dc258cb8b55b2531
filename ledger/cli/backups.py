"""backup, restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.backup import back_up_log
from ledger.backup import restore as restore_ledger
from ledger.cli.session import AsJson, Directory, named
from ledger.cli.terminal import note, result, result_json
from ledger.cli.unlocking import current_unlock
from ledger.cli.vaulting import Shares, own_new_master
from ledger.errors import BadRequest
from ledger.keyfiles.log_keys import KEYS_DIRECTORY
from ledger.layout import read_layout
from ledger.store.files import write_new
from ledger.vault.backup import Manifest
from ledger.vault.escrow import combine
from ledger.vault.opening import VaultPaths, open_vault, recover_master
from ledger.vault.opening import descriptions as descriptions_in

Out = Annotated[Path, typer.Argument(metavar="OUT", help="A new directory.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(directory: Directory, out: Out, as_json: AsJson = False) -> None:
    """Copy the log into a new directory, beside its writer.

    Leaves, tiles and sealed payloads. The vault has a backup of its own, made after this one.

    \b
    counterfoil backup ledger log-backup
    """
    size = back_up_log(named(directory), named(out))
    if as_json:
        result_json({"size": size})
    else:
        result(f"{out.name}: {size} entries")
    note("no keys are in it: back up the vault next, with `counterfoil vault backup`")


def restore(
    out: Out,
    log: Annotated[
        Path, typer.Option("--log", metavar="D", help="A backup of the log.", show_default=False)
    ],
    vault: Annotated[
        Path,
        typer.Option("--vault", metavar="D", help="A backup of the vault.", show_default=False),
    ],
    shares: Shares = None,
    master: Annotated[
        Path | None,
        typer.Option("--master", metavar="F", help="The master key's file.", show_default=False),
    ] = None,
    periods: Annotated[
        Path | None,
        typer.Option("--periods", metavar="F", help="The period keys' file.", show_default=False),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="D", help="A copy of keys/.", show_default=False),
    ] = None,
    guard: Annotated[
        Path | None,
        typer.Option(
            "--guard",
            metavar="F",
            help="Where the guard is. [default: OUT.guard]",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a working ledger from backups.

    The vault is opened by shares, or by the files of master key and period keys.

    \b
    counterfoil restore ledger --log log-backup --vault vault-backup --keys keys-copy \\
        --share share-1-of-5.txt --share share-2-of-5.txt --share share-4-of-5.txt
    """
    if bool(shares) == (master is not None and periods is not None):
        raise BadRequest(
            "a vault is opened by shares, or by master key and period keys",
            hint="give each --share F, or --master F and --periods F",
        )

    def fill(paths: VaultPaths, manifest: Manifest) -> None:
        if shares:
            period = combine(shares).open(descriptions_in(paths.keys))
            recover_master(paths, period, own_new_master())
        elif master is not None and periods is not None:
            write_new(paths.master, master.read_bytes())
            write_new(paths.periods, periods.read_bytes())
        open_vault(paths, current_unlock()).check_log(manifest.log)

    out = named(out)
    size = restore_ledger(out, log, vault, fill, keys=keys, guard=guard)
    layout = read_layout(out)
    if as_json:
        result_json({"size": size, "guard": str(layout.guard)})
    else:
        result(f"{out.name}: {size} entries")
    if not layout.guard.exists():
        note(f"bring the guard back as {layout.guard.name}: nothing is appended without it")
    if keys is None:
        note(f"bring the signing keys back as {out.name}/{KEYS_DIRECTORY}")
    note(f"now run `counterfoil check {out.name}`")
