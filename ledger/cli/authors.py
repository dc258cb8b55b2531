"""Authors by name on this machine: which actor a name means, and its signing key.

    keys/authors/NAME.json    {"name", "actor", "role"}
    keys/authors/NAME.…       its signing key, if it was made here (``author_keys``)

Names are sealed in the log, so the name of an actor is known only where it was enrolled.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Final

from ledger.author import Author
from ledger.cli.author_keys import TOKEN_SUFFIX, signing_key
from ledger.errors import BadRequest, LedgerFault
from ledger.identity import Actor, Registry
from ledger.keyfiles import authors_directory
from ledger.log import Log
from ledger.store.files import replace
from ledger.wire.ids import ActorId

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
        # Names of key files are made of these (``author_keys``).
        or plain.endswith((".next", ".pkcs11"))
    ):
        raise BadRequest(
            "this name of an author cannot be used",
            hint=f"up to {_MAX_NAME} bytes, printable, without a slash, not beginning with a dot",
        )
    return plain


def known_authors(directory: Path, registry: Registry) -> dict[ActorId, str]:
    """Actor id -> name, as far as this machine knows; the governor too."""
    known = dict.fromkeys(registry.ever_governors, GOVERNOR)
    for path in sorted(authors_directory(directory).glob("*.json")):
        if path.name.endswith(TOKEN_SUFFIX):
            continue
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
    enrolled_as(registry, actor)
    # Nobody is asked for the passphrase of a key that has ended.
    kid = registry.current_kid(actor)
    key = signing_key(log.layout.directory, checked_name(name), kid, log.layout.unlock)
    return Author(registry.log, actor, key, registry.first_log)


def enrolled_as(registry: Registry, actor: ActorId) -> Actor:
    """The actor. Raises BadRequest when this log has not enrolled it."""
    enrolled = registry.actors.get(actor)
    if enrolled is None:
        raise BadRequest(
            "this log has not enrolled that author", hint="is it another ledger's directory?"
        )
    return enrolled


def _path(directory: Path, name: str) -> Path:
    return authors_directory(directory) / f"{name}.json"


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
