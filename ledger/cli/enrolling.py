"""enrol, rotate, revoke, contest: actors and their keys."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli import acting, author_keys, authors, login_keys
from ledger.cli.acting import Acting
from ledger.cli.author_keys import KeyWanted
from ledger.cli.dates import parse_time
from ledger.cli.founding import read_public_key
from ledger.cli.session import AsJson, Directory, find_record, named, read_input, writing
from ledger.cli.terminal import Json, note, result, result_json
from ledger.custody.keys import MAX_COSIGNING, Cosigning, read_cosigning
from ledger.errors import BadRequest
from ledger.identity import Contest, Enrol, NewKey, Revoke, Rotate, check_role
from ledger.identity.bodies import CUSTODIAN, LOGIN, STATEMENT
from ledger.log import Log
from ledger.sequencer import Appended
from ledger.wire.ids import ActorId, ChainId, new_chain_id

Name = Annotated[str, typer.Argument(metavar="NAME", help="The author's name.", show_default=False)]
Algorithm = Annotated[
    str, typer.Option("--alg", metavar="ALG", help="Of a key made here: ed25519 or ml-dsa-44.")
]
PublicKey = Annotated[
    Path | None,
    typer.Option(
        "--public-key",
        metavar="FILE",
        help="The author's public key (PEM); without it a key is made here.",
        show_default=False,
    ),
]
Passphrase = Annotated[
    bool, typer.Option("--passphrase", help="Keep a key made here under a passphrase.")
]
InToken = Annotated[
    str | None,
    typer.Option(
        "--pkcs11",
        metavar="MODULE:TOKEN:LABEL",
        help="The key is in this token already: path of the PKCS #11 module, label of the token, "
        "label of the key (or id=HEX).",
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    app.command("enrol")(enrol)
    app.command("rotate")(rotate)
    app.command("revoke")(revoke)
    app.command("contest")(contest)


@dataclass(frozen=True, slots=True)
class _Key:
    """What the options say about the key to register."""

    given: NewKey | None
    wanted: KeyWanted

    @classmethod
    def of(cls, alg: str, public_key: Path | None, passphrase: bool, token: str | None) -> _Key:
        if public_key is not None and (token is not None or passphrase):
            raise BadRequest(
                "--public-key goes with neither --pkcs11 nor --passphrase",
                hint="its private key is somewhere else",
            )
        number = author_keys.algorithm(alg)
        if token is not None and (passphrase or number != author_keys.ALGORITHMS["ed25519"]):
            raise BadRequest(
                "a key in a token is of Ed25519, and under the token's PIN",
                hint="leave --alg and --passphrase out",
            )
        named_token = None if token is None else author_keys.read_token_option(token)
        given = None
        if public_key is not None:
            number, raw = read_public_key(public_key)
            given = NewKey(raw, number)
        return cls(given, KeyWanted(number, passphrase, named_token))


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
    key = _Key.of(alg, public_key, passphrase, pkcs11)
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
                "an author of this name is enrolled already", hint="enrol it under another name"
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


def rotate(
    directory: Directory,
    name: Name,
    by: acting.By = None,
    alg: Algorithm = "ed25519",
    public_key: PublicKey = None,
    passphrase: Passphrase = False,
    pkcs11: InToken = None,
    login_key: login_keys.NewLoginKey = None,
    key_id: login_keys.WhichKey = None,
    governor_key: acting.GovernorKey = None,
    as_json: AsJson = False,
) -> None:
    """Replace an author's key by another; what it signed before stays.

    The author itself signs this where its key is here; else it takes --by, or the governor.

    \b
    counterfoil rotate ledger hospital --alg ml-dsa-44
    counterfoil rotate ledger clinic --login-key client.pub
    """
    directory, name = named(directory), authors.checked_name(name)
    key = _Key.of(alg, public_key, passphrase, pkcs11)
    if login_key is not None:
        if public_key is not None or key.wanted != KeyWanted():
            raise BadRequest(
                "--login-key replaces a login key, the other options a signing key",
                hint="replace one after the other",
            )
        _rotate_login(directory, name, login_key, key_id, Acting(by, governor_key), as_json)
        return
    if key_id is not None:
        raise BadRequest("--key goes with --login-key", hint="there is one signing key")
    with writing(directory) as log:
        actor = authors.must_know(directory, name)
        current = authors.enrolled_as(log.reader.registry, actor).statement_key
        if current is None:
            raise BadRequest(
                "this author has no key that is valid now", hint="enrol it under another name"
            )
        if by is None and governor_key is None and author_keys.has_key(directory, name):
            by = name
        how = Acting(by, governor_key)
        if by is not None:
            # Before the next key is made: a rotation that was cut short is finished by this.
            authors.signer(log, by)
        new = key.given or _next_key(log, name, key.wanted)
        appended = acting.change(log, Rotate(current.kid, new), ChainId(actor), how)
        author_keys.finish_rotation(directory, name, key.given is not None)
    _say(appended, actor, as_json, "rotated")


def _rotate_login(
    directory: Path, name: str, file: Path, kid: str | None, how: Acting, as_json: bool
) -> None:
    (new,) = login_keys.read_login_keys([file])
    with writing(directory) as log:
        actor = authors.must_know(directory, name)
        current = login_keys.current_key(
            authors.enrolled_as(log.reader.registry, actor), LOGIN, kid
        )
        if how.by is None and how.governor_key is None and author_keys.has_key(directory, name):
            how = Acting(name)
        appended = acting.change(log, Rotate(current.kid, new), ChainId(actor), how)
    _say(appended, actor, as_json, "rotated")


def _next_key(log: Log, name: str, wanted: KeyWanted) -> NewKey:
    made = author_keys.next_key(log.layout.directory, name, wanted, log.layout.unlock)
    return NewKey(made.public_key, made.alg)


def revoke(
    directory: Directory,
    name: Name,
    use: Annotated[
        str,
        typer.Option(
            "--use",
            metavar="USE",
            help="Which of its keys: statement, login; of a custodian also custodian, or cosign.",
        ),
    ] = STATEMENT,
    key_id: login_keys.WhichKey = None,
    by: acting.By = None,
    governor_key: acting.GovernorKey = None,
    propose: acting.Propose = None,
    as_json: AsJson = False,
) -> None:
    """End the validity of an author's key.

    No later entry can be signed with it; what it signed before stays valid.

    \b
    counterfoil revoke ledger dr-mori
    counterfoil revoke ledger dr-mori --by hospital
    counterfoil revoke ledger prefecture --use custodian
    counterfoil revoke ledger clinic --use login --key 00e69e29
    """
    directory = named(directory)
    with writing(directory) as log:
        actor = authors.must_know(directory, name)
        key = login_keys.current_key(authors.enrolled_as(log.reader.registry, actor), use, key_id)
        how = Acting(by, governor_key, propose)
        appended = acting.change(log, Revoke(key.kid), ChainId(actor), how)
    _say(appended, actor, as_json, "revoked")


def contest(
    directory: Directory,
    name: Name,
    since: Annotated[
        int,
        typer.Option(
            "--since",
            metavar="INDEX",
            help="What the author did from this entry on is in doubt.",
            show_default=False,
        ),
    ],
    by: acting.By = None,
    governor_key: acting.GovernorKey = None,
    propose: acting.Propose = None,
    as_json: AsJson = False,
) -> None:
    """Put what an author did from an entry on in doubt; every view shows that.

    Its entries stay, and it can go on signing: revoke its key too, if that is lost. A later contest
    replaces this one.

    \b
    counterfoil contest ledger dr-mori --since 27 --by hospital
    """
    directory = named(directory)
    with writing(directory) as log:
        actor = authors.must_know(directory, name)
        authors.enrolled_as(log.reader.registry, actor)
        how = Acting(by, governor_key, propose)
        appended = acting.change(log, Contest(since), ChainId(actor), how)
    _say(appended, actor, as_json, "contested")


def _say(appended: Appended | None, actor: ActorId, as_json: bool, what: str) -> None:
    index = None if appended is None else appended.index
    if as_json:
        result_json({"actor": actor.hex(), "index": index})
    elif index is not None:
        result(f"{what} at entry {index}")
