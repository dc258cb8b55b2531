"""Key files: private keys in owner-only files, in the clear, under a passphrase, or in a token.

pem             PKCS #8 in PEM
tokens          NAME.pkcs11.json, and signing with a key that never leaves its token
pkcs11_session  the one place that talks to python-pkcs11
unlock          where passphrases and PINs come from
log_keys        the keys of a ledger, and where they lie
signing         any of these as a StatementKey
"""

from ledger.keyfiles.log_keys import (
    KEYS_DIRECTORY,
    LogKeys,
    authors_directory,
    create_governor_key,
    create_log_keys,
    governor_key,
    governor_key_path,
    load_log_keys,
)
from ledger.keyfiles.pem import (
    PrivateKey,
    create_key,
    decode_public,
    encode_public,
    is_locked,
    load_ed25519_file,
    load_key,
)
from ledger.keyfiles.pkcs11_session import open_session
from ledger.keyfiles.signing import load_statement_key
from ledger.keyfiles.tokens import (
    OpenToken,
    TokenKey,
    read_token_file,
    token_public_key,
    write_token_file,
)
from ledger.keyfiles.unlock import Unlock

__all__ = [
    "KEYS_DIRECTORY",
    "LogKeys",
    "OpenToken",
    "PrivateKey",
    "TokenKey",
    "Unlock",
    "authors_directory",
    "create_governor_key",
    "create_key",
    "create_log_keys",
    "decode_public",
    "encode_public",
    "governor_key",
    "governor_key_path",
    "is_locked",
    "load_ed25519_file",
    "load_key",
    "load_log_keys",
    "load_statement_key",
    "open_session",
    "read_token_file",
    "token_public_key",
    "write_token_file",
]
