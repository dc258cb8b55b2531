"""A real PKCS #11 module: SoftHSM, through python-pkcs11."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import BadRequest, LedgerFault
from ledger.keyfiles import (
    TokenKey,
    Unlock,
    load_statement_key,
    open_session,
    token_public_key,
    write_token_file,
)
from ledger.wire.keys import load_ed25519, verifies
from ledger.wire.statement import parse_statement
from tests.keys.softhsm import PIN, SoftHsm, make_token

pytestmark = pytest.mark.hsm
RIGHT = Unlock(ask=lambda _: PIN)


@pytest.fixture
def token(tmp_path: Path) -> SoftHsm:
    token = make_token(tmp_path, "clinic")
    token.make_ed25519("signing", b"\x0a")
    return token


@pytest.fixture
def file(tmp_path: Path, token: SoftHsm) -> Path:
    key = TokenKey(token.module, token.token, "signing", b"\x0a")
    public = token_public_key(open_session(token.module, token.token, PIN), key)
    write_token_file(tmp_path / "clinic.pkcs11.json", key, public)
    return tmp_path / "clinic.pkcs11.json"


def test_signing(file: Path) -> None:
    key = load_statement_key(file, RIGHT)
    statement = parse_statement(key.sign_bytes(bytes(170)))
    assert statement.kid == key.kid
    assert verifies(load_ed25519(key.public_key), statement.signature, statement.signed)


def test_two_keys_of_one_token_at_once(file: Path, token: SoftHsm) -> None:
    one, other = load_statement_key(file, RIGHT), load_statement_key(file, RIGHT)
    assert one.sign_raw(b"m") == other.sign_raw(b"m")


def test_a_wrong_pin(token: SoftHsm) -> None:
    with pytest.raises(BadRequest, match="refuses the PIN"):
        open_session(token.module, token.token, "0000")


def test_no_such_token(token: SoftHsm) -> None:
    with pytest.raises(LedgerFault, match="there is not one token"):
        open_session(token.module, "another", PIN)


@pytest.mark.parametrize(("label", "key_id"), [("another", None), (None, b"\x0b")])
def test_no_such_key(token: SoftHsm, label: str | None, key_id: bytes | None) -> None:
    session = open_session(token.module, token.token, PIN)
    with pytest.raises(BadRequest, match="has not one Ed25519 key"):
        session.public_point(label, key_id)
    with pytest.raises(BadRequest, match="has not one Ed25519 key"):
        session.sign(label, key_id, b"m")


def test_two_keys_of_the_same_label(token: SoftHsm) -> None:
    token.make_ed25519("signing", b"\x0b")
    session = open_session(token.module, token.token, PIN)
    with pytest.raises(BadRequest, match="has not one Ed25519 key"):
        session.sign("signing", None, b"m")
    assert session.public_point("signing", b"\x0a") != session.public_point("signing", b"\x0b")


def test_another_token_with_the_same_labels(file: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    make_token(tmp_path / "other", "clinic").make_ed25519("signing", b"\x0a")
    with pytest.raises(LedgerFault, match="holds another key"):
        load_statement_key(file, RIGHT)
