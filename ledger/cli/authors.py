"""Authors by name on this machine: which actor a name means, and its signing key.

    keys/authors/NAME.ed25519    private key, if it was made here
    keys/authors/NAME.json       {"name", "actor", "role"}

Names are sealed in the log, so the name of an actor is known only where it was enrolled.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ledger.author import Author
from ledger.errors import BadRequest, LedgerFault
from ledger.identity import Registry
from ledger.keyfiles import author_key_path, create_ed25519, load_ed25519_file
from ledger.log import Log
from ledger.store.files import replace
from ledger.wire.ids import ActorId
from ledger.wire.statement import StatementKey

GOVERNOR: Final = "governor"
_MAX_NAME: Final = 120
_HOW_TO_ENROL: Final = "enrol it with `counterfoil enrol DIR NAME`"


def checked_name(name: str) -> str:
    """The name in one spelling, fit to be a file's. Raises BadRequest."""
    plain = unicodedata.normalize("NFC", name).strip()
    if (
        not plain
        or plain.startswith(".")
        or "/" in plain
        or not plain.isprintable()
        or len(plain.encode()) > _MAX_NAME
        or plain == GOVERNOR
    ):
        raise BadRequest(
            "this name of an author cannot be used",
            hint=f"up to {_MAX_NAME} bytes, printable, without a slash, not beginning with a dot",
        )
    return plain


def known_authors(directory: Path, registry: Registry) -> dict[ActorId, str]:
    """Actor id -> name, as far as this machine knows; the governor too."""
    known = {registry.genesis.governor: GOVERNOR}
    for path in sorted(author_key_path(directory, "x").parent.glob("*.json")):
        row = _read(path)
        known[ActorId(bytes.fromhex(row["actor"]))] = row["name"]
    return known


def actor_of(directory: Path, name: str) -> ActorId | None:
    """The actor that a name means here, None when it means none."""
    path = _path(directory, checked_name(name))
    return ActorId(bytes.fromhex(_read(path)["actor"])) if path.exists() else None


def must_know(directory: Path, name: str) -> ActorId:
    """Raises BadRequest when the name means nobody here."""
    actor = actor_of(directory, name)
    if actor is None:
        raise BadRequest("no author of this name is known here", hint=_HOW_TO_ENROL)
    return actor


def remember(directory: Path, name: str, actor: ActorId, role: str) -> None:
    """Keep which actor a name means."""
    row = {"name": name, "actor": actor.hex(), "role": role}
    replace(_path(directory, name), json.dumps(row, ensure_ascii=False).encode() + b"\n")


def signer(log: Log, name: str) -> Author:
    """The author of this name, ready to sign. Raises BadRequest."""
    actor, registry = must_know(log.layout.directory, name), log.reader.registry
    path = author_key_path(log.layout.directory, checked_name(name))
    if not path.exists():
        raise BadRequest(
            "the signing key of this author is not on this machine",
            hint="sign where the key is: this author was enrolled by a public key",
        )
    key = StatementKey.of(load_ed25519_file(path))
    registry.author(actor, key.kid)
    return Author(registry.log, actor, key)


def own_public_key(directory: Path, name: str) -> bytes:
    """The public key of a name enrolled here; its key is made when there is none yet."""
    path = author_key_path(directory, name)
    # A run that was cut short before the enrolment has left its key: it is as good as a new one.
    private = load_ed25519_file(path) if path.exists() else create_ed25519(path)
    return private.public_key().public_bytes_raw()


def read_public_key(data: bytes) -> bytes:
    """An Ed25519 public key in PEM. Raises BadRequest."""
    try:
        key = load_pem_public_key(data)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise BadRequest(
            "the key file holds no Ed25519 public key in PEM form",
            hint="make one with `openssl pkey -in PRIVATE -pubout`",
        )
    return key.public_bytes_raw()


def _path(directory: Path, name: str) -> Path:
    return author_key_path(directory, name).with_name(f"{name}.json")


def _read(path: Path) -> dict[str, str]:
    try:
        row = json.loads(path.read_bytes())
        if len(bytes.fromhex(row["actor"])) == 16 and isinstance(row["name"], str):
            return {"actor": str(row["actor"]), "name": row["name"]}
    except (OSError, ValueError, TypeError, KeyError):
        pass
    raise LedgerFault(
        "a file in keys/authors cannot be read", hint="restore it, or enrol under another name"
    )
