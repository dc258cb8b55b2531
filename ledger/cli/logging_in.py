"""login: a token of a service, for whoever signs its challenge (docs/spec/login.md)."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ledger.cli.session import AsJson
from ledger.cli.terminal import note, result
from ledger.cli.unlocking import current_unlock
from ledger.errors import BadRequest
from ledger.keyfiles import load_key
from ledger.wire.ids import HASH_SIZE, ID_SIZE, Hash
from ledger.wire.login_challenge import NONCE_SIZE, login_message
from ledger.wire.service_url import checked_url

_MOST: Final = 65_536
"""Bytes of an answer."""
_PATIENCE_S: Final = 30
_UNKNOWN: Final = 401
_WHICH: Final = "ACTOR, KEY or --log is not right; the service says nobody which"
_URL: Final = "check the URL: that of the service, without a path like /fhir"
_AHEAD_MS: Final = 300_000
"""By which the end of a challenge may lie ahead."""


def add_to(app: typer.Typer) -> None:
    app.command("login")(login)


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of the service.", show_default=False)],
    actor: Annotated[
        str,
        typer.Argument(metavar="ACTOR", help="Your actor id (hex).", show_default=False),
    ],
    key: Annotated[
        Path,
        typer.Argument(
            metavar="KEY",
            help="Your private login key: Ed25519 or ML-DSA-44, in a file of yours alone.",
            show_default=False,
        ),
    ],
    log: Annotated[
        str,
        typer.Option(
            "--log",
            metavar="ID",
            help="Id of the log (hex), as you were given it, not as the service says.",
            show_default=False,
        ),
    ],
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            metavar="S",
            help="[default: what your role may do under /fhir]",
            show_default=False,
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Log in to a service by signing its challenge; prints an access token.

    What is signed names the log and the service's URL, so nobody else can use it. The token is good
    for some minutes: give it to one command, and keep it out of files and logs. Clients with keys
    of ES384 or RS384 ask with a JSON Web Token instead: docs/service.md.

    \b
    counterfoil login https://records.example.org 0123…ef tanaka.key --log 89ab…cd
    TOKEN=$(counterfoil login $URL $ME tanaka.key --log $LOG --scope patient/Observation.rs)
    """
    url, log_id = checked_url(url, "URL"), Hash(_hex(log, HASH_SIZE, "--log"))
    name = _hex(actor, ID_SIZE, "ACTOR").hex()
    signing = load_key(key, current_unlock())
    given = _ask(url, "/auth/challenge", {"actor": name})
    nonce, expiry_ms = _challenge(given, url)
    signature = signing.sign(login_message(log_id, nonce, expiry_ms, url))
    answer: dict[str, object] = {"actor": name, "nonce": nonce.hex(), "expiry": expiry_ms}
    answer["signature"] = signature.hex()
    token = _ask(url, "/auth/login", answer | ({"scope": scope} if scope else {}))
    if not isinstance(token.get("access_token"), str):
        raise _no_service()
    result(json.dumps(token) if as_json else str(token["access_token"]))
    note(f"good for {token.get('expires_in')} s, with scope {token.get('scope')}")


def _hex(text: str, size: int, name: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size:
        raise BadRequest(f"{name} is not of {2 * size} hexadecimal digits")
    return data


def _challenge(given: dict[str, Any], url: str) -> tuple[bytes, int]:
    """Nonce and expiry, if it is a challenge to be signed. Raises BadRequest."""
    nonce, expiry_ms, service = (given.get(name) for name in ("nonce", "expiry", "service"))
    if not (isinstance(nonce, str) and type(expiry_ms) is int):
        raise _no_service()
    if service != url:
        raise BadRequest(
            f"the service calls itself {service}, and was asked as {url}",
            hint="ask it as it calls itself, if that is the URL that you were given: localhost is "
            "not 127.0.0.1; else a false server may stand in between",
        )
    if not 0 < expiry_ms - time.time_ns() // 1_000_000 <= _AHEAD_MS:
        raise BadRequest(
            "the challenge is not of now", hint="look at the clock of this machine, and try again"
        )
    return _hex(nonce, NONCE_SIZE, "the nonce"), expiry_ms


def _ask(url: str, path: str, row: dict[str, Any]) -> dict[str, Any]:
    """The JSON object that a service answers. Raises BadRequest."""
    request = urllib.request.Request(
        url + path, json.dumps(row).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
            return _object(answer.read(_MOST))
    except urllib.error.HTTPError as error:
        with error:
            problem = _object(error.read(_MOST))
        raise BadRequest(
            f"the service answers: {problem.get('detail', error.reason)}",
            hint=_WHICH if error.code == _UNKNOWN else str(problem.get("hint") or _URL),
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise BadRequest(
            f"the service cannot be asked: {getattr(reason, 'strerror', None) or reason}",
            hint="is it running, and is this its URL? A certificate of one's own: SSL_CERT_FILE",
        ) from None


def _object(data: bytes) -> dict[str, Any]:
    try:
        row = json.loads(data)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise _no_service()
    return row


def _no_service() -> BadRequest:
    return BadRequest("what answers there is no counterfoil service", hint=_URL)
