"""What opens a locked key: passphrases of key files and PINs of tokens, from files or typed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ledger.errors import BadRequest, LedgerFault

_MAX_SECRET: Final = 4096


@dataclass(frozen=True, slots=True)
class Unlock:
    """Where passphrases and PINs come from. A file's last line end is not part of it."""

    passphrase_files: tuple[Path, ...] = ()
    """Each is tried on every locked key file."""
    pin_file: Path | None = None
    ask: Callable[[str], str] | None = None
    """Shows a prompt and returns what was typed; None where nobody sits."""
    _typed: list[str] = field(default_factory=list, repr=False)
    """One passphrase for several files is typed once."""

    def passphrases(self, name: str) -> Iterator[bytes]:
        """What may open the key file of this name, in the order to try it. Raises BadRequest."""
        if self.passphrase_files:
            yield from (_read_secret(path).encode() for path in self.passphrase_files)
            return
        yield from (typed.encode() for typed in self._typed)
        if self.ask is None:
            raise BadRequest(
                f"key file {name} is under a passphrase", hint="give it with --passphrase-file FILE"
            )
        self._typed.append(self.ask(f"passphrase of {name}"))
        yield self._typed[-1].encode()

    def new_passphrase(self) -> bytes:
        """A passphrase for key files to be made. Raises BadRequest."""
        if self.passphrase_files:
            return _read_secret(self.passphrase_files[0]).encode()
        if self.ask is None:
            raise BadRequest(
                "there is no terminal to type a passphrase at",
                hint="give it with --passphrase-file FILE",
            )
        typed = self.ask("new passphrase")
        if not typed or self.ask("the same again") != typed:
            raise BadRequest("the two passphrases are empty or differ", hint="run it again")
        self._typed.append(typed)
        return typed.encode()

    def pin(self, token: str) -> str:
        """The PIN of the token with this label. Raises BadRequest."""
        if self.pin_file is not None:
            return _read_secret(self.pin_file)
        if self.ask is None:
            raise BadRequest("the token asks for a PIN", hint="give it with --pin-file FILE")
        return self.ask(f"PIN of token {token}")


def check_owner_only(handle: int, name: str) -> None:
    """Raises LedgerFault when others than the owner may use this open file."""
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode) and mode & 0o077:
        raise LedgerFault(
            f"{name} can be read by others than its owner",
            hint="take that away with `chmod 600`; if others had access, replace what is in it",
        )


def _read_secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            check_owner_only(file.fileno(), path.name)
            data = file.read(_MAX_SECRET + 1)
    except OSError as error:
        raise BadRequest(
            f"cannot read {path.name}: {(error.strerror or 'refused').lower()}",
            hint="check the path and its permissions",
        ) from error
    try:
        secret = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        secret = ""
    if not secret or len(data) > _MAX_SECRET:
        raise BadRequest(f"{path.name} holds no passphrase or PIN", hint="one line of UTF-8 text")
    return secret
