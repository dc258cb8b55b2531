"""init, enrol, revoke."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.cli import authors
from ledger.cli.author_keys import KeyWanted, first_key
from ledger.cli.session import AsJson, Directory, named, read_input, writing
from ledger.cli.terminal import note, result, result_json
from ledger.errors import BadRequest
from ledger.founding import found
from ledger.identity import NewKey, check_role
from ledger.keyfiles import decode_public
from ledger.layout import read_layout
from ledger.wire.keys import ED25519, key_id

_MAX_KEY_FILE = 16_384

Name = Annotated[str, typer.Argument(metavar="NAME", help="The author's name.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    app.command("init")(init)
    app.command("enrol")(enrol)
    app.command("revoke")(revoke)


def init(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A new or empty directory.", show_default=False),
    ],
    origin: Annotated[
        str,
        typer.Option(
            "--origin",
            metavar="NAME",
            help="The log's name for good, like a URL without its scheme.",
            show_default=False,
        ),
    ],
    guard: Annotated[
        Path | None,
        typer.Option(
            "--guard",
            metavar="FILE",
            help="Where the guard goes, best on another disk. [default: DIR.guard]",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a ledger; prints its verifier keys.

    Ed25519 on the first line, ML-DSA-44 on the next.

    \b
    counterfoil init ledger --origin log.example.org/records > vkeys
    """
    directory = named(directory)
    keys = found(directory, origin, guard)
    layout = read_layout(directory)
    if as_json:
        result_json({"origin": origin, "vkeys": list(keys), "guard": str(layout.guard)})
    else:
        result("\n".join(keys))
    note(f"made {directory.name}; its guard is {layout.guard.name}: keep it on another disk")
    note(f"back up {directory.name}/keys; split the vault's key with `counterfoil vault escrow`")
    note("give the verifier keys to whoever is to check this log")


def enrol(
    directory: Directory,
    name: Name,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="What the author is.")
    ] = "organisation",
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="The author's Ed25519 public key (PEM); without it a key is made here.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Enrol an author; prints its actor id.

    The name is sealed in the log. This machine remembers it in keys/authors.

    \b
    counterfoil enrol ledger hospital
    counterfoil enrol ledger dr-mori --role practitioner --key mori.pub.pem
    """
    directory, name = named(directory), authors.checked_name(name)
    check_role(role)
    given = None if key is None else _given_key(key)
    with writing(directory) as log:
        if authors.actor_of(directory, name) is not None:
            raise BadRequest(
                "an author of this name is enrolled already", hint="enrol it under another name"
            )
        public = given or first_key(directory, name, KeyWanted(), log.layout.unlock).public_key
        registry, kid = log.reader.registry, key_id(ED25519, public)
        known = authors.known_authors(directory, registry)
        # A run cut short behind the enrolment left an actor that no name here means yet.
        found_actor = next((one for one in registry.actors.values() if one.key(kid)), None)
        if found_actor is not None and found_actor.id not in known:
            actor, index = found_actor.id, found_actor.enrolled_at
        else:
            actor, appended = log.enrol(name, role, [NewKey(public)])
            index = appended.index
        authors.remember(directory, name, actor, role)
    if as_json:
        result_json({"actor": actor.hex(), "role": role, "index": index})
    else:
        result(actor.hex())
    note(f"enrolled at entry {index} as {role}")


def _given_key(path: Path) -> bytes:
    alg, raw = decode_public(read_input(path, _MAX_KEY_FILE, "give the public key's own file"))
    if alg != ED25519:
        raise BadRequest("the key is not of Ed25519", hint="make one of Ed25519")
    return raw


def revoke(directory: Directory, name: Name, as_json: AsJson = False) -> None:
    """End the validity of an author's key.

    No later entry can be signed with it; what it signed before stays valid.

    \b
    counterfoil revoke ledger dr-mori
    """
    directory = named(directory)
    with writing(directory) as log:
        actor = authors.must_know(directory, name)
        enrolled = log.reader.registry.actors.get(actor)
        if enrolled is None:
            raise BadRequest(
                "this log has not enrolled that author", hint="is it another ledger's directory?"
            )
        key = enrolled.statement_key
        if key is None:
            raise BadRequest("this author has no key that is valid now")
        appended = log.revoke(actor, key.kid)
    if as_json:
        result_json({"actor": actor.hex(), "index": appended.index})
    else:
        result(f"revoked at entry {appended.index}")
