"""A signing key by its file, whatever holds it."""

from __future__ import annotations

from pathlib import Path

from ledger.keyfiles.pem import load_key
from ledger.keyfiles.pkcs11_session import open_session
from ledger.keyfiles.tokens import SUFFIX, OpenToken, load_token_key
from ledger.keyfiles.unlock import Unlock
from ledger.wire.statement import StatementKey


def load_statement_key(
    path: Path, unlock: Unlock, open_token: OpenToken = open_session
) -> StatementKey:
    """The key in a PEM file, or the one in a token that a NAME.pkcs11.json names.

    Raises BadRequest for a passphrase or PIN that is missing or wrong, LedgerFault for the rest.
    """
    if path.name.endswith(SUFFIX):
        return StatementKey.of(load_token_key(path, unlock, open_token))
    return StatementKey.of(load_key(path, unlock))
