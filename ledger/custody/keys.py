"""A custodian's keys: made where the custodian is, and the lines by which others know them.

    OUT/statement.ed25519   signs its statements
    OUT/custodian.ed25519   signs checkpoints that it has recomputed, as NAME
    OUT/cosign.ed25519      signs as a witness, as NAME/witness
    OUT/statement.pub       the first one's public half
    OUT/cosigning           those of the others, as lines of a policy

A line is `custodian VKEY` or `witness VKEY` (docs/spec/custody.md): what a verifier pins, and what
an enrolment registers. No name is both, hence two.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from ledger.custody.cosigners import TYPES, cosigner
from ledger.errors import BadRequest
from ledger.identity import NewKey
from ledger.identity.bodies import COSIGN, CUSTODIAN
from ledger.keyfiles import create_key, encode_public
from ledger.store.files import make_directory, write_new
from ledger.wire.keys import ED25519
from ledger.wire.lines import check_name
from ledger.wire.note import VerifierKey, parse_vkey
from ledger.wire.statement import StatementKey

STATEMENT_FILE: Final = "statement.ed25519"
PUBLIC_FILE: Final = "statement.pub"
COSIGNING_FILE: Final = "cosigning"
WITNESS_SUFFIX: Final = "/witness"
MAX_COSIGNING: Final = 16_384
_WORDS: Final = {CUSTODIAN: "custodian", COSIGN: "witness"}
_USES: Final = {word: use for use, word in _WORDS.items()}
_ALGORITHMS: Final = {type_: alg for alg, type_ in TYPES.items()}


class Cosigning(NamedTuple):
    """A key to register, and the verifier key under which its owner signs."""

    key: NewKey
    vkey: VerifierKey

    def line(self) -> str:
        """As it stands in a policy."""
        return f"{_WORDS[self.key.use]} {self.vkey}"


def make_custodian(out: Path, name: str, passphrase: bytes = b"") -> tuple[Cosigning, ...]:
    """Make all keys of a custodian in a new directory. OSError goes to the caller."""
    check_name(name)
    make_directory(out)
    statement = StatementKey.of(create_key(out / STATEMENT_FILE, ED25519, passphrase))
    write_new(out / PUBLIC_FILE, encode_public(ED25519, statement.public_key))
    made = (
        _make(out, CUSTODIAN, name, passphrase),
        _make(out, COSIGN, name + WITNESS_SUFFIX, passphrase),
    )
    write_new(out / COSIGNING_FILE, "".join(f"{one.line()}\n" for one in made).encode())
    return made


def _make(out: Path, use: str, name: str, passphrase: bytes) -> Cosigning:
    vkey = cosigner(name, create_key(out / f"{use}.ed25519", ED25519, passphrase)).vkey
    return Cosigning(NewKey(vkey.public_key, ED25519, use), vkey)


def read_cosigning(data: bytes) -> tuple[Cosigning, ...]:
    """The lines of a custodian that is to be enrolled. Raises BadRequest."""
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        raise _not_lines() from None
    return tuple(_read_line(line) for line in lines if line and not line.startswith("#"))


def _read_line(line: str) -> Cosigning:
    word, _, text = line.partition(" ")
    if word not in _USES:
        raise _not_lines()
    vkey = parse_vkey(text)
    if vkey.type not in _ALGORITHMS:
        raise BadRequest(
            f"a {word}'s verifier key is of type 0x04 or 0x06, not {vkey.type:#04x}",
            hint="take the lines that `counterfoil custodian-keys` prints",
        )
    return Cosigning(NewKey(vkey.public_key, _ALGORITHMS[vkey.type], _USES[word]), vkey)


def _not_lines() -> BadRequest:
    return BadRequest(
        "the file holds no lines `custodian VKEY` or `witness VKEY`",
        hint="take the lines that `counterfoil custodian-keys` prints",
    )
