"""Keys in tokens, with a token in memory: what is asked of it, and what is not believed."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import BadRequest, LedgerFault
from ledger.keyfiles import TokenKey, Unlock, load_statement_key, open_session, write_token_file
from ledger.keyfiles.tokens import TokenSession, read_token_file
from ledger.wire.keys import ED25519, load_ed25519, raw_public, verifies
from ledger.wire.statement import StatementKey, parse_statement

PIN = "1234"
KEY = TokenKey("/usr/lib/module.so", "clinic", "signing", b"\x0a")


@dataclass
class MemoryToken:
    """A token as our side sees it, with its failings."""

    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    head: bytes = b"\x04\x20"
    signs_with: Ed25519PrivateKey | None = None
    opened: list[tuple[str, str]] = field(default_factory=list)

    def open(self, module: str, token: str, pin: str) -> TokenSession:
        if pin != PIN:
            raise BadRequest("refused")
        self.opened.append((module, token))
        return self

    def public_point(self, label: str | None, key_id: bytes | None) -> bytes:
        assert label in (None, KEY.label) and key_id in (None, KEY.id) and (label or key_id)
        return self.head + raw_public(self.private)

    def sign(self, label: str | None, key_id: bytes | None, message: bytes) -> bytes:
        assert label in (None, KEY.label) and key_id in (None, KEY.id) and (label or key_id)
        return (self.signs_with or self.private).sign(message)


@pytest.fixture
def token() -> MemoryToken:
    return MemoryToken()


@pytest.fixture
def file(tmp_path: Path, token: MemoryToken) -> Path:
    path = tmp_path / "clinic.pkcs11.json"
    write_token_file(path, KEY, raw_public(token.private))
    return path


def load(file: Path, token: MemoryToken, pin: str = PIN) -> StatementKey:
    return load_statement_key(file, Unlock(ask=lambda _: pin), token.open)


def test_the_file_names_the_key_and_no_secret(file: Path, token: MemoryToken) -> None:
    public = raw_public(token.private)
    assert read_token_file(file) == (KEY, public)
    assert json.loads(file.read_bytes()) == {
        "module": KEY.module,
        "token": "clinic",
        "label": "signing",
        "id": "0a",
        "public_key": public.hex(),
    }


@pytest.mark.parametrize("head", [b"\x04\x20", b""], ids=["DER", "raw"])
def test_signing(file: Path, token: MemoryToken, head: bytes) -> None:
    token.head = head
    key = load(file, token)
    assert token.opened == [(KEY.module, "clinic")]
    assert (key.alg, key.public_key) == (ED25519, raw_public(token.private))
    statement = parse_statement(key.sign_bytes(bytes(170)))
    assert statement.kid == key.kid
    assert verifies(load_ed25519(key.public_key), statement.signature, statement.signed)


def test_a_wrong_pin(file: Path, token: MemoryToken) -> None:
    with pytest.raises(BadRequest):
        load(file, token, "0000")
    with pytest.raises(BadRequest, match="PIN"):
        load_statement_key(file, Unlock(), token.open)


def test_another_token_with_the_same_labels(file: Path) -> None:
    with pytest.raises(LedgerFault, match="another key"):
        load(file, MemoryToken())


def test_a_token_that_signs_with_another_key(file: Path, token: MemoryToken) -> None:
    token.signs_with = Ed25519PrivateKey.generate()
    with pytest.raises(LedgerFault, match="not of its key"):
        load(file, token).sign_bytes(bytes(170))


def test_a_key_that_no_statement_may_be_signed_with(file: Path, token: MemoryToken) -> None:
    token.head = b"\x04\x20\x00"
    with pytest.raises(BadRequest):
        load(file, token)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("module", None),
        ("module", 1),
        ("token", None),
        ("public_key", "zz"),
        ("public_key", "00"),
        ("id", "g0"),
        ("id", 7),
        ("label", 7),
    ],
)
def test_a_file_that_names_no_key(file: Path, name: str, value: object) -> None:
    row = json.loads(file.read_bytes())
    row[name] = value
    file.write_text(json.dumps({key: one for key, one in row.items() if one is not None}))
    with pytest.raises(LedgerFault):
        read_token_file(file)


def test_a_file_with_neither_label_nor_id(file: Path) -> None:
    row = json.loads(file.read_bytes())
    del row["label"], row["id"]
    for text in (json.dumps(row), "[]", "nonsense", ""):
        file.write_text(text)
        with pytest.raises(LedgerFault):
            read_token_file(file)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(BadRequest, match="python-pkcs11") as refused:
        open_session(KEY.module, KEY.token, PIN)
    assert "hsm" in refused.value.hint


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(LedgerFault, match="cannot be used"):
        open_session("/no/such/module.so", KEY.token, PIN)
