"""Signing keys of the authors that are enrolled on this machine, in keys/authors.

NAME.ed25519, NAME.mldsa44   private key
NAME.pkcs11.json             where in a token the private key is
NAME.next.…                  the key that a rotation brings in, until the rotation is durable
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.errors import BadRequest
from ledger.keyfiles import (
    TokenKey,
    Unlock,
    authors_directory,
    create_key,
    is_locked,
    load_statement_key,
    open_session,
    token_public_key,
    write_token_file,
)
from ledger.store.files import sync_directory
from ledger.wire.keys import ED25519, ML_DSA_44, KeyId
from ledger.wire.login_keys import ALGORITHM_NAMES
from ledger.wire.statement import StatementKey

ALGORITHMS: Final = {"ed25519": ED25519, "ml-dsa-44": ML_DSA_44}
_SUFFIXES: Final = {ED25519: ".ed25519", ML_DSA_44: ".mldsa44"}
TOKEN_SUFFIX: Final = ".pkcs11.json"
_NEXT: Final = ".next"


@dataclass(frozen=True, slots=True)
class KeyWanted:
    """The key that an enrolment or rotation is to make here."""

    alg: int = ED25519
    locked: bool = False
    """Under a passphrase."""
    token: TokenKey | None = None
    """It is in a token already."""


def algorithm(text: str) -> int:
    """Raises BadRequest."""
    if text not in ALGORITHMS:
        raise BadRequest(
            "there is no such algorithm for signing keys", hint=f"one of {', '.join(ALGORITHMS)}"
        )
    return ALGORITHMS[text]


def algorithm_name(alg: int) -> str:
    """Of any registered key, in the spelling of the options."""
    return ALGORITHM_NAMES[alg].lower()


def read_token_option(text: str) -> TokenKey:
    """MODULE:TOKEN:LABEL, or MODULE:TOKEN:id=HEX. Raises BadRequest."""
    module, _, rest = text.partition(":")
    token, _, key = rest.partition(":")
    if not module or not token or not key:
        raise BadRequest(
            "--pkcs11 names no key of a token",
            hint="MODULE:TOKEN:LABEL, the module by its path, or MODULE:TOKEN:id=HEX",
        )
    if not key.startswith("id="):
        return TokenKey(module, token, key)
    try:
        return TokenKey(module, token, id=bytes.fromhex(key.removeprefix("id=")))
    except ValueError as error:
        raise BadRequest("the id of a token's key is hexadecimal", hint="like id=0a41") from error


def first_key(directory: Path, name: str, wanted: KeyWanted, unlock: Unlock) -> StatementKey:
    """The key for an enrolment: the one that a run cut short left, or a new one. Raises
    BadRequest.
    """
    suffix = _SUFFIXES[wanted.alg] if wanted.token is None else TOKEN_SUFFIX
    path = authors_directory(directory) / (name + suffix)
    if not path.exists():
        return _make(path, wanted, unlock)
    if wanted.locked and not is_locked(path):
        raise BadRequest(
            f"{path.name} is there already, without a passphrase",
            hint="leave --passphrase out, or remove that file if nothing was enrolled with it",
        )
    return load_statement_key(path, unlock, open_session)


def next_key(directory: Path, name: str, wanted: KeyWanted, unlock: Unlock) -> StatementKey:
    """The key for a rotation, likewise."""
    return first_key(directory, name + _NEXT, wanted, unlock)


def finish_rotation(directory: Path, name: str, elsewhere: bool = False) -> None:
    """Let the next key, here or elsewhere, take the place of the one that has ended, whose file is
    removed.
    """
    fresh = list(_present(directory, name + _NEXT))
    if not fresh and not elsewhere:
        return
    for path in _present(directory, name):
        path.unlink()
    for path in fresh:
        suffix = path.name.removeprefix(name + _NEXT)
        path.rename(path.with_name(name + suffix))
    sync_directory(authors_directory(directory))


def has_key(directory: Path, name: str) -> bool:
    """Whether a key of this author is here, or the way to one in a token."""
    return any(_present(directory, name)) or any(_present(directory, name + _NEXT))


def signing_key(directory: Path, name: str, kid: KeyId, unlock: Unlock) -> StatementKey:
    """The key that is registered for this author. Raises BadRequest when it is not here."""
    for stem in (name, name + _NEXT):
        for path in _present(directory, stem):
            key = load_statement_key(path, unlock, open_session)
            if key.kid != kid:
                continue
            if stem != name:
                finish_rotation(directory, name)
            return key
    raise BadRequest(
        "the signing key of this author is not on this machine",
        hint="sign where it is: it was enrolled by a public key, or rotated elsewhere",
    )


def _make(path: Path, wanted: KeyWanted, unlock: Unlock) -> StatementKey:
    if wanted.token is not None:
        token = wanted.token
        session = open_session(token.module, token.token, unlock.pin(token.token))
        write_token_file(path, token, token_public_key(session, token))
        return load_statement_key(path, unlock, open_session)
    passphrase = unlock.new_passphrase() if wanted.locked else b""
    return StatementKey.of(create_key(path, wanted.alg, passphrase))


def _present(directory: Path, stem: str) -> Iterator[Path]:
    for suffix in (*_SUFFIXES.values(), TOKEN_SUFFIX):
        path = authors_directory(directory) / (stem + suffix)
        if path.exists():
            yield path
