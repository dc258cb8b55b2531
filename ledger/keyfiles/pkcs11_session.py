"""A token through python-pkcs11, which is asked for only here and only when a key is in a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import BadRequest, CounterfoilError, LedgerFault

if TYPE_CHECKING:
    import pkcs11


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


def open_session(module: str, token: str, pin: str) -> Pkcs11Session:
    """Log in to a token. Raises BadRequest for a refused PIN or without the library, LedgerFault
    when the module or the token is not there.
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
            session = found.open(user_pin=pin)
        except pkcs11.UserAlreadyLoggedIn:
            # One login counts for a whole process.
            session = found.open()
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
