"""login-key: a key with which a client logs in to a service; and login keys in other commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from ledger.cli.session import read_input
from ledger.cli.terminal import note, result
from ledger.errors import BadRequest
from ledger.identity import Actor, NewKey
from ledger.identity.actors import ActorKey
from ledger.identity.bodies import LOGIN
from ledger.keyfiles.login import LOGIN_ALGORITHMS, create_login_key, decode_login_public

_MAX_KEY_FILE: Final = 16_384
_MIN_KID: Final = 8
_LOGS_IN: Final = (
    "a key is added by an enrolment only; an institution enrols a gateway that logs in for it: "
    "`counterfoil enrol DIR NAME-client --role gateway --by NAME --login-key FILE`"
)

LoginKeys = Annotated[
    list[Path] | None,
    typer.Option(
        "--login-key",
        metavar="FILE",
        help="A public key (PEM) with which the author logs in to a service: Ed25519, ES384, "
        "RS384 or ML-DSA-44; once for each.",
        show_default=False,
    ),
]
NewLoginKey = Annotated[
    Path | None,
    typer.Option(
        "--login-key",
        metavar="FILE",
        help="Replace a login key, not the signing key, by this public key (PEM).",
        show_default=False,
    ),
]
WhichKey = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="KID",
        help="Which key, where there are several: the beginning of its id, as `counterfoil "
        "actors` shows it.",
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    app.command("login-key")(login_key)


def login_key(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new file.", show_default=False)],
    alg: Annotated[
        str,
        typer.Option("--alg", metavar="ALG", help="One of ed25519, es384, rs384."),
    ] = "ed25519",
) -> None:
    """Make a key with which a client logs in to a service; prints its public key.

    The private key goes into OUT, for its owner only, and stays with the client: whoever runs the
    log needs what is printed.

    \b
    counterfoil login-key client.key --alg es384 > client.pub
    counterfoil enrol ledger clinic --login-key client.pub
    """
    if alg not in LOGIN_ALGORITHMS:
        raise BadRequest(
            "there is no such algorithm for login keys",
            hint=f"one of {', '.join(LOGIN_ALGORITHMS)}",
        )
    try:
        public = create_login_key(out, LOGIN_ALGORITHMS[alg])
    except OSError as error:
        raise BadRequest(
            f"cannot make {out.name}: {(error.strerror or 'refused').lower()}",
            hint="name a file that is not there yet",
        ) from error
    result(public.decode().rstrip("\n"))
    note(f"{out.name} is the client's secret; register the public key with `counterfoil enrol`")


def read_login_keys(paths: Sequence[Path] | None) -> tuple[NewKey, ...]:
    """Public keys in PEM files. Raises BadRequest."""
    return tuple(_read(path) for path in paths or ())


def _read(path: Path) -> NewKey:
    data = read_input(path, _MAX_KEY_FILE, "give the public key's own file")
    alg, raw = decode_login_public(data)
    return NewKey(raw, alg, LOGIN)


def current_key(actor: Actor, use: str, kid: str | None) -> ActorKey:
    """The one valid key for a use, or the one whose id begins so. Raises BadRequest."""
    valid = [key for key in actor.keys if key.use == use and key.ended_at is None]
    if not valid:
        raise BadRequest(
            f"this author has no key for use {use} that is valid now",
            hint=_LOGS_IN if use == LOGIN else "a key is added by an enrolment only",
        )
    if kid is not None:
        valid = [key for key in valid if key.kid.hex().startswith(kid.lower())]
        if len(kid) < _MIN_KID or len(valid) != 1:
            raise BadRequest(
                f"--key names no valid key for use {use} of this author",
                hint=f"{_MIN_KID} or more hexadecimal digits, as `counterfoil actors` shows them",
            )
    if len(valid) > 1:
        raise BadRequest(
            f"this author has {len(valid)} keys for use {use}", hint="say which with --key KID"
        )
    return valid[0]
