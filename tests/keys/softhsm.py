"""A SoftHSM of its own for one test, in a directory that goes away."""

from __future__ import annotations

import gc
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pkcs11

PIN: Final = "1234"
_SO_PIN: Final = "12345678"
ED25519_PARAMETERS: Final = b"\x13\x0cedwards25519"
"""PrintableString, as PKCS #11 v3.0 section 2.3.5 has it."""


@dataclass(frozen=True)
class SoftHsm:
    """One token, initialised."""

    module: str
    token: str

    def make_ed25519(self, label: str, key_id: bytes) -> None:
        """A key pair that stays in the token."""
        with (
            pkcs11.lib(self.module)
            .get_token(token_label=self.token)
            .open(rw=True, user_pin=PIN) as session
        ):
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC_EDWARDS,
                {pkcs11.Attribute.EC_PARAMS: ED25519_PARAMETERS},
                local=True,
            )
            parameters.generate_keypair(id=key_id, label=label, store=True)


def make_token(directory: Path, token: str) -> SoftHsm:
    """Initialise a token in SOFTHSM2_CONF's new store; what was loaded before is forgotten."""
    module = os.environ["SOFTHSM"]
    (directory / "tokens").mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {directory / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    command = ["softhsm2-util", "--init-token", "--free", "--label", token]
    subprocess.run([*command, "--pin", PIN, "--so-pin", _SO_PIN], check=True, capture_output=True)
    # A session that outlives its library would end the process.
    gc.collect()
    pkcs11.unload(module)
    return SoftHsm(module, token)
