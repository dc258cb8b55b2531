"""rotate, revoke, contest: what happens to actors and their keys later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.cli import acting, author_keys, authors, login_keys
from ledger.cli.acting import Acting
from ledger.cli.author_keys import KeyWanted
from ledger.cli.key_options import Algorithm, InToken, Name, Passphrase, PublicKey, SigningKey
from ledger.cli.session import AsJson, Directory, named, writing
from ledger.cli.terminal import result, result_json
from ledger.errors import BadRequest
from ledger.identity import Contest, NewKey, Revoke, Rotate
from ledger.identity.bodies import LOGIN, STATEMENT
from ledger.log import Log
from ledger.sequencer import Appended
from ledger.wire.ids import ActorId, ChainId


def add_to(app: typer.Typer) -> None:
    app.command("rotate")(rotate)
    app.command("revoke")(revoke)
    app.command("contest")(contest)


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
    key = SigningKey.of(alg, public_key, passphrase, pkcs11)
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
