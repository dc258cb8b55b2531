"""Key files: who may read them, passphrases, and what a ledger under a passphrase does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ledger.check import check_ledger
from ledger.check.apart import check_apart
from ledger.errors import BadRequest, CounterfoilError, LedgerFault
from ledger.founding import found
from ledger.keyfiles import (
    Unlock,
    create_key,
    decode_public,
    encode_public,
    load_ed25519_file,
    load_key,
    load_statement_key,
)
from ledger.log import Log
from ledger.store.files import write_new
from ledger.wire.keys import ED25519, ML_DSA_44
from ledger.wire.statement import StatementKey

PASSPHRASE = b"correct horse battery"
ALGORITHMS = pytest.mark.parametrize("alg", [ED25519, ML_DSA_44])


@dataclass
class Somebody:
    """At a terminal."""

    answers: list[str]
    asked: list[str] = field(default_factory=list)

    def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.answers.pop(0)


def secret(path: Path, text: str) -> Path:
    write_new(path, text.encode())
    return path


@ALGORITHMS
def test_a_key_comes_back(tmp_path: Path, alg: int) -> None:
    made = StatementKey.of(create_key(tmp_path / "k", alg))
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert load_statement_key(tmp_path / "k", Unlock()).kid == made.kid
    assert made.alg == alg


@ALGORITHMS
@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=repr)
def test_a_key_under_a_passphrase(tmp_path: Path, alg: int, end: str) -> None:
    made = StatementKey.of(create_key(tmp_path / "k", alg, PASSPHRASE))
    assert (tmp_path / "k").read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    file = secret(tmp_path / "p", PASSPHRASE.decode() + end)
    assert load_statement_key(tmp_path / "k", Unlock((file,))).kid == made.kid
    typed = Unlock(ask=Somebody([PASSPHRASE.decode()]))
    assert load_statement_key(tmp_path / "k", typed).kid == made.kid


@ALGORITHMS
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o677])
def test_a_key_file_that_others_can_read(tmp_path: Path, alg: int, mode: int) -> None:
    create_key(tmp_path / "k", alg)
    (tmp_path / "k").chmod(mode)
    with pytest.raises(LedgerFault, match="others") as refused:
        load_key(tmp_path / "k", Unlock())
    assert "chmod 600" in refused.value.hint
    (tmp_path / "k").chmod(0o400)
    load_key(tmp_path / "k", Unlock())


def test_a_passphrase_file_that_others_can_read(tmp_path: Path) -> None:
    create_key(tmp_path / "k", ED25519, PASSPHRASE)
    file = secret(tmp_path / "p", PASSPHRASE.decode())
    file.chmod(0o644)
    with pytest.raises(LedgerFault, match="others"):
        load_key(tmp_path / "k", Unlock((file,)))


def test_nobody_to_ask(tmp_path: Path) -> None:
    create_key(tmp_path / "k", ED25519, PASSPHRASE)
    with pytest.raises(BadRequest, match="under a passphrase") as refused:
        load_key(tmp_path / "k", Unlock())
    assert "--passphrase-file" in refused.value.hint


@pytest.mark.parametrize("wrong", ["correct horse batterie", "x", " correct horse battery"])
def test_a_wrong_passphrase(tmp_path: Path, wrong: str) -> None:
    create_key(tmp_path / "k", ED25519, PASSPHRASE)
    for unlock in (Unlock((secret(tmp_path / "p", wrong),)), Unlock(ask=Somebody([wrong]))):
        with pytest.raises(BadRequest, match="does not open key file k") as refused:
            load_key(tmp_path / "k", unlock)
        assert wrong not in str(refused.value)


def test_several_passphrase_files(tmp_path: Path) -> None:
    made = create_key(tmp_path / "k", ED25519, PASSPHRASE)
    files = (secret(tmp_path / "a", "another"), secret(tmp_path / "b", PASSPHRASE.decode()))
    loaded = load_ed25519_file(tmp_path / "k", Unlock(files))
    assert StatementKey.of(loaded).kid == StatementKey.of(made).kid


def test_one_passphrase_for_several_keys_is_typed_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        create_key(tmp_path / name, ED25519, PASSPHRASE)
    create_key(tmp_path / "c", ED25519, b"another")
    somebody = Somebody([PASSPHRASE.decode(), "another"])
    unlock = Unlock(ask=somebody)
    for name in ("a", "b", "c"):
        load_key(tmp_path / name, unlock)
    assert somebody.asked == ["passphrase of a", "passphrase of c"]


def test_a_new_passphrase(tmp_path: Path) -> None:
    assert Unlock((secret(tmp_path / "p", "one\n"),)).new_passphrase() == b"one"
    assert Unlock(ask=Somebody(["one", "one"])).new_passphrase() == b"one"
    for answers in (["one", "two"], ["", ""]):
        with pytest.raises(BadRequest):
            Unlock(ask=Somebody(answers)).new_passphrase()
    with pytest.raises(BadRequest):
        Unlock().new_passphrase()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\n", b"x" * 5000], ids=len)
def test_a_file_without_a_passphrase(tmp_path: Path, content: bytes) -> None:
    write_new(tmp_path / "p", content)
    with pytest.raises(BadRequest):
        Unlock((tmp_path / "p",)).new_passphrase()


def test_a_pin(tmp_path: Path) -> None:
    assert Unlock(pin_file=secret(tmp_path / "p", "1234\n")).pin("token") == "1234"
    assert Unlock(ask=Somebody(["1234"])).pin("token") == "1234"
    with pytest.raises(BadRequest):
        Unlock().pin("token")


def _p256() -> bytes:
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "content",
    [
        lambda: b"",
        lambda: b"nonsense",
        lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        _p256,
    ],
)
def test_a_file_without_a_key(tmp_path: Path, content: Callable[[], bytes]) -> None:
    write_new(tmp_path / "k", content())
    with pytest.raises(LedgerFault):
        load_key(tmp_path / "k", Unlock())


def test_a_key_of_the_other_algorithm(tmp_path: Path) -> None:
    create_key(tmp_path / "k", ML_DSA_44)
    with pytest.raises(LedgerFault, match="no Ed25519"):
        load_ed25519_file(tmp_path / "k", Unlock())


@ALGORITHMS
def test_public_keys_as_pem(tmp_path: Path, alg: int) -> None:
    key = StatementKey.of(create_key(tmp_path / "k", alg))
    assert decode_public(encode_public(alg, key.public_key)) == (alg, key.public_key)
    for wrong in (b"", (tmp_path / "k").read_bytes()):
        with pytest.raises(BadRequest):
            decode_public(wrong)


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    found(tmp_path / "ledger", "test.example/locked", passphrase=PASSPHRASE)
    secret(tmp_path / "p", PASSPHRASE.decode())
    return tmp_path / "ledger"


def test_a_ledger_under_a_passphrase(locked: Path) -> None:
    files = [path for path in (locked / "keys").iterdir() if path.is_file()]
    assert len(files) == 4
    assert all(b"ENCRYPTED" in path.read_bytes() for path in files)
    with pytest.raises(BadRequest, match="passphrase"):
        Log.open(locked)
    with Log.open(locked, unlock=Unlock((locked.with_name("p"),))) as log:
        log.governor()
        log.publish()


def test_checking_a_ledger_under_a_passphrase(locked: Path) -> None:
    unlock = Unlock((locked.with_name("p"),))
    assert check_ledger(locked, unlock=unlock).problems == []
    assert check_apart(locked, unlock=unlock).problems == []
    for report in (check_ledger(locked), check_apart(locked)):
        assert [problem.where for problem in report.problems] == ["vault", "keys"]
        assert all(problem.what.startswith("not checked: ") for problem in report.problems)


def test_a_ledger_with_a_key_that_others_can_read(tmp_path: Path) -> None:
    found(tmp_path / "ledger", "test.example/open")
    (tmp_path / "ledger" / "keys" / "checkpoint.ed25519").chmod(0o644)
    with pytest.raises(CounterfoilError, match="others"):
        Log.open(tmp_path / "ledger")
    (problem,) = check_ledger(tmp_path / "ledger").problems
    assert "others" in problem.what
