"""A token through python-pkcs11, which is asked for only here and only when a key is in a token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ledger.errors import BadRequest, CounterfoilError, LedgerFault

if TYPE_CHECKING:
    import pkcs11

_AES_BITS: Final = 256
_TAG_BITS: Final = 128


class Pkcs11Session:
    """A session that is logged in; its errors are ours."""

    def __init__(self, session: pkcs11.Session, token: str) -> None:
        self._session = session
        self._token = token

    def public_point(self, label: str | None, key_id: bytes | None) -> bytes:
        """CKA_EC_POINT. Raises BadRequest when there is no such key, or more than one."""
        import pkcs11

        try:
            key = self._session.get_key(
                pkcs11.ObjectClass.PUBLIC_KEY, pkcs11.KeyType.EC_EDWARDS, label, key_id
            )
            return bytes(key[pkcs11.Attribute.EC_POINT])
        except pkcs11.PKCS11Error as error:
            raise _explained(error, self._token) from error

    def sign(self, label: str | None, key_id: bytes | None, message: bytes) -> bytes:
        """CKM_EDDSA. Raises BadRequest, or LedgerFault when the token fails."""
        import pkcs11
        from pkcs11.types import SignMixin

        try:
            key = self._session.get_key(
                pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.KeyType.EC_EDWARDS, label, key_id
            )
            if not isinstance(key, SignMixin):
                raise pkcs11.NoSuchKey
            return bytes(key.sign(message, mechanism=pkcs11.Mechanism.EDDSA))
        except pkcs11.PKCS11Error as error:
            raise _explained(error, self._token) from error

    def generate_aes(self, label: str) -> None:
        """Make an AES-256 key that never leaves the token. Raises BadRequest when the label is
        taken.
        """
        import pkcs11
        from pkcs11 import Attribute

        wanted = {Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY, Attribute.LABEL: label}
        try:
            if list(self._session.get_objects(wanted)):
                raise BadRequest(
                    f"token {self._token} holds a key {label} already", hint="name another label"
                )
            self._session.generate_key(
                pkcs11.KeyType.AES,
                _AES_BITS,
                label=label,
                store=True,
                template={Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True},
            )
        except pkcs11.PKCS11Error as error:
            raise _explained(error, self._token) from error

    def encrypt(self, label: str, nonce: bytes, plain: bytes, context: bytes) -> bytes:
        """CKM_AES_GCM with a tag of 16 bytes behind. Raises BadRequest or LedgerFault."""
        import pkcs11
        from pkcs11.types import EncryptMixin

        how = pkcs11.GCMParams(nonce, context, _TAG_BITS)
        try:
            key = self._aes_key(label)
            if not isinstance(key, EncryptMixin):
                raise pkcs11.NoSuchKey
            return _whole(
                key.encrypt(plain, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=how)
            )
        except pkcs11.PKCS11Error as error:
            raise _explained(error, self._token) from error

    def decrypt(self, label: str, nonce: bytes, sealed: bytes, context: bytes) -> bytes | None:
        """None when it was not encrypted so. Raises BadRequest or LedgerFault without the key."""
        import pkcs11
        from pkcs11.types import DecryptMixin

        how = pkcs11.GCMParams(nonce, context, _TAG_BITS)
        try:
            key = self._aes_key(label)
            if not isinstance(key, DecryptMixin):
                raise pkcs11.NoSuchKey
        except pkcs11.PKCS11Error as error:
            raise _explained(error, self._token) from error
        try:
            return _whole(
                key.decrypt(sealed, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=how)
            )
        except (pkcs11.PKCS11Error, ValueError):
            # Modules disagree on which error a wrong tag is.
            return None

    def _aes_key(self, label: str) -> object:
        import pkcs11

        try:
            return self._session.get_key(pkcs11.ObjectClass.SECRET_KEY, pkcs11.KeyType.AES, label)
        except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned) as error:
            raise LedgerFault(
                f"token {self._token} has not one AES key {label}",
                hint="list its keys with the token's own tools",
            ) from error


def _whole(data: bytes | Iterator[bytes]) -> bytes:
    return data if isinstance(data, bytes) else b"".join(data)


def open_session(module: str, token: str, pin: str, *, writable: bool = False) -> Pkcs11Session:
    """Log in to a token, ``writable`` to make a key there.

    Raises BadRequest for a refused PIN or without the library, LedgerFault when the module or the
    token is not there.
    """
    try:
        import pkcs11
    except ImportError as error:
        raise BadRequest(
            "keys in tokens need the library python-pkcs11",
            hint="install it with `pip install 'counterfoil[server,hsm]'`",
        ) from error
    try:
        found = pkcs11.lib(module).get_token(token_label=token)
        try:
            session = found.open(user_pin=pin, rw=writable)
        except pkcs11.UserAlreadyLoggedIn:
            # One login counts for a whole process.
            session = found.open(rw=writable)
    except RuntimeError as error:
        raise _explained(error, token) from error
    return Pkcs11Session(session, token)


def _explained(error: RuntimeError, token: str) -> CounterfoilError:
    import pkcs11

    match error:
        case pkcs11.PinIncorrect() | pkcs11.PinLenRange() | pkcs11.PinInvalid():
            return BadRequest(
                f"token {token} refuses the PIN", hint="too many wrong ones lock a token"
            )
        case pkcs11.PinLocked():
            return LedgerFault(
                f"the PIN of token {token} is locked", hint="unlock it with the token's own tools"
            )
        case pkcs11.NoSuchToken() | pkcs11.MultipleTokensReturned():
            return LedgerFault(
                f"there is not one token with the label {token}", hint="is it plugged in?"
            )
        case pkcs11.NoSuchKey() | pkcs11.MultipleObjectsReturned():
            return BadRequest(
                f"token {token} has not one Ed25519 key of that label and id",
                hint="list its keys with the token's own tools",
            )
        case _:
            return LedgerFault(
                f"token {token} cannot be used: {type(error).__name__}",
                hint="check the path of its module, and the token with its own tools",
            )
