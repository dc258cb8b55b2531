"""vault: new-period, new-master, backup, escrow, recover, drill."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ledger.cli.session import AsJson, Directory, named, reading, writing
from ledger.cli.terminal import note, progress, result, result_json
from ledger.cli.unlocking import current_unlock
from ledger.errors import BadRequest
from ledger.keyfiles import Unlock
from ledger.keyfiles.pkcs11_session import open_session
from ledger.layout import read_layout
from ledger.reader import open_reader
from ledger.store.files import make_directory
from ledger.store.lock import WriterLock
from ledger.vault import escrow as shared
from ledger.vault.backup import MANIFEST, Manifest, back_up_vault, check_new
from ledger.vault.drill import try_keys
from ledger.vault.journal import Journal
from ledger.vault.keys import VaultKeys
from ledger.vault.master import (
    NewMaster,
    new_file_master,
    new_passphrase_master,
    new_token_master,
)
from ledger.vault.opening import VaultPaths, descriptions, open_vault, recover_master
from ledger.vault.period import Description

Shares: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option("--share", metavar="F", help="A share; give each.", show_default=False),
]
NewPassphrase: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--new-passphrase-file",
        metavar="F",
        help="The new master key goes under the passphrase in this file.",
        show_default=False,
    ),
]
Module: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--module",
        metavar="F",
        help="The new master key is made in a token: its PKCS #11 module.",
        show_default=False,
    ),
]
Token: TypeAlias = Annotated[
    str, typer.Option("--token", metavar="LABEL", help="Which token.", show_default=False)
]
Label: TypeAlias = Annotated[
    str, typer.Option("--label", metavar="LABEL", help="The new key's label in the token.")
]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="The vault of content keys: periods, master key, backup, escrow, recovery."
    )
    for name, command in (
        ("new-period", new_period),
        ("new-master", new_master),
        ("backup", backup),
        ("escrow", escrow),
        ("recover", recover),
        ("drill", drill),
    ):
        group.command(name)(command)
    app.add_typer(group, name="vault")


def own_new_master(
    passphrase_file: Path | None = None, module: str | None = None, token: str = "", label: str = ""
) -> NewMaster:
    """A new master key as the options say: in a token, under a passphrase, in a file."""
    if module is not None:
        session = open_session(module, token, current_unlock().pin(token), writable=True)
        return new_token_master(module, token, label, session)
    if passphrase_file is not None:
        return new_passphrase_master(Unlock((passphrase_file,)).new_passphrase())
    return new_file_master()


def new_period(directory: Directory, as_json: AsJson = False) -> None:
    """Encrypt all keys under a new period key, and destroy the old one.

    What was destroyed in the period before is then out of reach of everybody, whatever the disk
    kept. Afterwards: a new backup of the vault, new shares; the old ones are destroyed.

    \b
    counterfoil vault new-period ledger
    """
    with writing(directory, ended=True) as log, progress() as advance:
        number = log.vault.new_period(advance)
    if as_json:
        result_json({"period": number})
    else:
        result(f"period {number} has begun; the key of period {number - 1} is destroyed")
    note("now: `counterfoil vault backup`, `counterfoil vault escrow`; destroy the old of both")


def new_master(
    directory: Directory,
    new_passphrase_file: NewPassphrase = None,
    module: Module = None,
    token: Token = "",
    label: Label = "counterfoil vault",
) -> None:
    """Put the vault under a new master key, and destroy the old one.

    In an owner-only file; under a passphrase; or in a PKCS #11 token.

    \b
    counterfoil vault new-master ledger --new-passphrase-file p
    counterfoil vault new-master ledger --module /usr/lib/softhsm/libsofthsm2.so --token vault
    """
    with writing(directory, ended=True) as log:
        log.vault.renew_master(own_new_master(new_passphrase_file, module, token, label))
    result("the vault is under a new master key")


def backup(
    directory: Directory,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A new directory.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Copy the vault into a new directory, beside its writer.

    Content keys under the period key, which is not in it: the shares of the escrow open it.

    \b
    counterfoil vault backup ledger vault-backup
    """
    with reading(directory) as reader:
        log, origin = reader.registry.log, reader.registry.genesis.origin
        size = reader.checkpoint.size
        manifest = back_up_vault(reader.layout.vault, named(out), log, origin, size)
    if as_json:
        result_json({"size": manifest.size, "period": manifest.period})
    else:
        result(f"{out.name}: keys of {manifest.size} entries, period {manifest.period}")


def escrow(
    directory: Directory,
    to: Annotated[
        Path, typer.Option("--to", metavar="D", help="A new directory.", show_default=False)
    ],
    shares: Annotated[int, typer.Option("--shares", metavar="N", help="How many.")] = 5,
    threshold: Annotated[
        int, typer.Option("--threshold", metavar="K", help="How many of them open the vault.")
    ] = 3,
    as_json: AsJson = False,
) -> None:
    """Split the period key into shares for custodians.

    Each custodian takes one file; none stays here. Any K of them and a backup of the vault can
    read everything of the period, fewer of them nothing.

    \b
    counterfoil vault escrow ledger --shares 5 --threshold 3 --to shares
    """
    layout = read_layout(named(directory))
    secrets = open_vault(layout.vault, current_unlock())
    made = shared.split(layout.origin, secrets.period, shares, threshold)
    check_new(to)
    make_directory(to)
    paths = shared.write_shares(to, made)
    if as_json:
        result_json({"period": secrets.period.number, "files": [path.name for path in paths]})
    else:
        result("\n".join(path.name for path in paths))
    note(f"give each to another custodian and remove {to.name}; any {threshold} open the vault")


def recover(
    directory: Directory,
    shares: Shares = None,
    new_passphrase_file: NewPassphrase = None,
    module: Module = None,
    token: Token = "",
    label: Label = "counterfoil vault",
) -> None:
    """Open a vault by shares, and put it under a new master key.

    For a lost master key, a lost passphrase, a lost file of period keys.

    \b
    counterfoil vault recover ledger --share a.txt --share b.txt --share c.txt
    """
    layout = read_layout(named(directory))
    lock = WriterLock(layout.lock)
    try:
        period = shared.combine(shares or []).open(descriptions(layout.vault.keys))
        recover_master(
            layout.vault, period, own_new_master(new_passphrase_file, module, token, label)
        )
        journal = Journal(layout.vault.journal)
        journal.add({"period": period.number, "master": "recovered from shares"})
        journal.close()
    finally:
        lock.release()
    result(f"the vault is open again: period {period.number}, under a new master key")


def drill(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="A ledger, or a backup of its vault.", show_default=False
        ),
    ],
    shares: Shares = None,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log", metavar="D", help="The log of that vault, or its backup.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that shares open a vault, without writing anything.

    \b
    counterfoil vault drill vault-backup --share a.txt --share b.txt --share c.txt --log ledger
    """
    source = named(source)
    keys, known, size = _source(source)
    combined = shared.combine(shares or [])
    period = combined.open(known)
    (description,) = (one for one in known if one.number == period.number)
    period.unwrap_tags(description.tags)
    at_hand = log or (None if size is not None else source)
    opened = destroyed = 0
    if at_hand is not None:
        reader = open_reader(named(at_hand))
        try:
            if reader.registry.log != period.log:
                raise BadRequest("this is the log of another vault", hint="name its own log")
            upto = min(size or reader.checkpoint.size, reader.checkpoint.size)
            sampled = try_keys(reader.store, VaultKeys(keys, period), upto)
        finally:
            reader.store.close()
        opened, destroyed = sampled.opened, sampled.destroyed
    if as_json:
        result_json({"period": period.number, "opened_keys": opened, "destroyed_keys": destroyed})
        return
    result(f"the shares open period {period.number} of {combined.origin}: its tag key was opened")
    if at_hand is None:
        note("content keys were not tried: name the log with --log")
    else:
        result(f"{opened} keys opened their payloads, {destroyed} of the sample are destroyed")


def _source(source: Path) -> tuple[Path, list[Description], int | None]:
    """Directory of slots, periods in it, and the size where it is a backup."""
    if (source / MANIFEST).exists():
        manifest = Manifest.read(source)
        manifest.check_files(source)
        return source / "keys", [manifest.description(source)], manifest.size
    keys = VaultPaths(read_layout(source).directory / "vault").keys
    return keys, descriptions(keys), None
