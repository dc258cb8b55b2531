"""The master key in a real PKCS #11 module: SoftHSM, through python-pkcs11."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import BadRequest, LedgerFault
from ledger.keyfiles import Unlock
from ledger.keyfiles.pkcs11_session import open_session
from ledger.log import Log
from ledger.vault.master import new_token_master
from ledger.vault.opening import VaultPaths, open_vault
from tests.cli.console import done
from tests.keys.softhsm import PIN, SoftHsm, make_token
from tests.log.sample import Sample

pytestmark = pytest.mark.hsm
RIGHT = Unlock(ask=lambda _: PIN)


@pytest.fixture
def token(tmp_path: Path) -> SoftHsm:
    return make_token(tmp_path, "vault")


def test_a_vault_under_a_key_in_a_token(sample: Sample, token: SoftHsm) -> None:
    session = open_session(token.module, token.token, PIN, writable=True)
    with Log.open(sample.directory) as log:
        log.vault.renew_master(new_token_master(token.module, token.token, "master", session))
        log.vault.new_period()
    with Log.open(sample.directory, unlock=RIGHT) as log:
        assert log.vault.use(6, "x").content == sample.content
    with pytest.raises(BadRequest, match="asks for a PIN"):
        Log.open(sample.directory)
    with pytest.raises(BadRequest, match="holds a key master already"):
        session.generate_aes("master")


def test_another_key_or_context_does_not_unwrap(token: SoftHsm) -> None:
    session = open_session(token.module, token.token, PIN, writable=True)
    one, two = (
        new_token_master(token.module, token.token, label, session).key for label in ("one", "two")
    )
    wrapped = one.wrap(bytes(32), b"period 1")
    assert one.unwrap(wrapped, b"period 1") == bytes(32)
    for key, context in ((one, b"period 2"), (two, b"period 1")):
        with pytest.raises(LedgerFault, match="not wrapped under this master key"):
            key.unwrap(wrapped, context)


def test_a_key_that_is_not_there(token: SoftHsm) -> None:
    session = open_session(token.module, token.token, PIN)
    with pytest.raises(LedgerFault, match="has not one AES key other"):
        session.encrypt("other", bytes(12), b"x", b"")


def test_the_command(sample: Sample, token: SoftHsm, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text(PIN)
    pin.chmod(0o600)
    words = ["--module", token.module, "--token", token.token, "--pin-file", str(pin)]
    done("vault", "new-master", sample.directory, *words)
    done("vault", "new-period", sample.directory, "--pin-file", pin)
    assert open_vault(VaultPaths(sample.directory / "vault"), RIGHT).period.number == 2
