"""Options that say which key an author gets: made here, elsewhere, in a token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import typer

from ledger.cli import author_keys
from ledger.cli.author_keys import KeyWanted
from ledger.cli.founding import read_public_key
from ledger.errors import BadRequest
from ledger.identity import NewKey

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


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What the options say about the key to register."""

    given: NewKey | None
    wanted: KeyWanted

    @classmethod
    def of(cls, alg: str, public_key: Path | None, passphrase: bool, token: str | None) -> Self:
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
