"""enrol: actors with their first keys."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli import acting, author_keys, authors, login_keys
from ledger.cli.acting import Acting
from ledger.cli.author_keys import KeyWanted
from ledger.cli.dates import parse_time
from ledger.cli.key_options import Algorithm, InToken, Name, Passphrase, PublicKey, SigningKey
from ledger.cli.session import AsJson, Directory, find_record, named, read_input, writing
from ledger.cli.terminal import Json, note, result, result_json
from ledger.custody.keys import MAX_COSIGNING, Cosigning, read_cosigning
from ledger.errors import BadRequest
from ledger.identity import Enrol, NewKey, check_role
from ledger.identity.bodies import CUSTODIAN
from ledger.identity.roles import RECORD_ROLES
from ledger.log import Log
from ledger.wire.ids import ActorId, new_chain_id


def add_to(app: typer.Typer) -> None:
    app.command("enrol")(enrol)


def enrol(
    directory: Directory,
    name: Name,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="What the author is.")
    ] = "organisation",
    by: acting.By = None,
    record: Annotated[
        str | None,
        typer.Option(
            "--record",
            metavar="RECORD",
            help="The person's record, for person, guardian and proxy, device and app; its id, or "
            "SYSTEM|VALUE, or @FILE.",
            show_default=False,
        ),
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            "--scope",
            metavar="WORDS",
            help="What a guardian or proxy may do: consent, link, read, write, with commas.",
            show_default=False,
        ),
    ] = None,
    begins: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DAY", help="Signs nothing before that day.", show_default=False
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="DAY",
            help="Signs nothing from that day on. A day begins at 00:00 in UTC; for another moment "
            "give a full ISO time with its zone.",
            show_default=False,
        ),
    ] = None,
    alg: Algorithm = "ed25519",
    public_key: PublicKey = None,
    passphrase: Passphrase = False,
    pkcs11: InToken = None,
    cosigning: Annotated[
        Path | None,
        typer.Option(
            "--cosigning",
            metavar="FILE",
            help="A custodian's keys for checkpoints, as `counterfoil custodian-keys` made it.",
            show_default=False,
        ),
    ] = None,
    login_key: login_keys.LoginKeys = None,
    governor_key: acting.GovernorKey = None,
    propose: acting.Propose = None,
    as_json: AsJson = False,
) -> None:
    """Enrol an author; prints its actor id.

    The name is sealed in the log. This machine remembers it in keys/authors.

    \b
    counterfoil enrol ledger hospital
    counterfoil enrol ledger dr-mori --role practitioner --by hospital --public-key mori.pub
    counterfoil enrol ledger mother --role guardian --by hospital --record RECORD \\
        --scope read,write --until 2044-05-05
    counterfoil enrol ledger clinic --login-key client.pub
    counterfoil enrol ledger prefecture --role custodian --public-key their/statement.pub \\
        --cosigning their/cosigning
    """
    directory, name = named(directory), authors.checked_name(name)
    check_role(role)
    key = SigningKey.of(alg, public_key, passphrase, pkcs11)
    cosigners, logins = _cosigners(role, cosigning), login_keys.read_login_keys(login_key)
    dates = parse_time(begins), parse_time(until)
    if until is not None and dates[1] <= time.time_ns() // 1_000_000:
        raise BadRequest(
            "--until is over already: nothing could be signed", hint="name a later day"
        )
    words = frozenset(word for word in (scope or "").split(",") if word)
    with writing(directory) as log:
        known = authors.actor_of(directory, name)
        if known in log.reader.registry.actors:
            raise BadRequest(
                "an author of this name is enrolled already",
                hint="enrol it under another name; an institution without a login key logs in by a "
                "gateway of its own: --role gateway --by NAME",
            )
        chain = None if record is None else find_record(log.reader, log.vault.tag, record)
        new = key.given or _own_key(log, name, key.wanted)
        keys = (new, *(one.key for one in cosigners), *logins)
        body = Enrol(role, keys, chain, words, *dates)
        actor, index = _enrolled(log, name, body, Acting(by, governor_key, propose))
        authors.remember(directory, name, actor, role)
    lines = [one.line() for one in cosigners]
    if as_json:
        enrolled: dict[str, Json] = {"actor": actor.hex(), "role": role, "index": index}
        result_json(enrolled | ({"policy": lines} if lines else {}))
    else:
        result(actor.hex())
    if index is not None:
        note(f"enrolled at entry {index} as {role}")
    if role in RECORD_ROLES and key.given is None:
        note("its key for signing entries was made here: whoever has this machine can sign with it")
        note("give --public-key for one that the person made")
    if lines and not as_json:
        note("for the policies of those who believe this custodian:")
        for line in lines:
            note(f"  {line}")


def _cosigners(role: str, file: Path | None) -> tuple[Cosigning, ...]:
    """The keys with which a custodian signs checkpoints. Raises BadRequest."""
    if (role == "custodian") != (file is not None):
        raise BadRequest(
            "a custodian is enrolled with its keys for checkpoints, and nobody else has any",
            hint="it makes them with `counterfoil custodian-keys`; give --cosigning FILE",
        )
    if file is None:
        return ()
    keys = read_cosigning(
        read_input(file, MAX_COSIGNING, "it holds two or four lines with verifier keys")
    )
    if not any(one.key.use == CUSTODIAN for one in keys):
        raise BadRequest(f"{file.name} has no line `custodian VKEY`", hint="ask the custodian")
    return keys


def _own_key(log: Log, name: str, wanted: KeyWanted) -> NewKey:
    made = author_keys.first_key(log.layout.directory, name, wanted, log.layout.unlock)
    return NewKey(made.public_key, made.alg)


def _enrolled(log: Log, name: str, body: Enrol, how: Acting) -> tuple[ActorId, int | None]:
    registry, new = log.reader.registry, body.keys[0]
    named_here = authors.known_authors(log.layout.directory, registry)
    # A run cut short behind the enrolment left an actor that no name here means yet.
    found = next((one for one in registry.actors.values() if one.key(new.kid)), None)
    if found is not None and found.id not in named_here:
        return found.id, found.enrolled_at
    chain = new_chain_id()
    appended = acting.change(log, body, chain, how, name)
    return ActorId(chain), None if appended is None else appended.index
