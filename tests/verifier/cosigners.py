"""Custodians' and witnesses' lines on checkpoints, right ones, wrong where told."""

from __future__ import annotations

from tests.verifier.formats import b64, ed25519_key, ml_dsa_key, sha256


class Cosigner:
    """`secret` names the keys; a name of its own by default."""

    def __init__(self, name: str, secret: str = "") -> None:
        self.name = name
        self.ed25519 = ed25519_key("cosigner " + (secret or name))
        self.ml_dsa = ml_dsa_key("cosigner " + (secret or name))
        self.ed_public = self.ed25519.public_key().public_bytes_raw()
        self.ml_public = self.ml_dsa.public_key().public_bytes_raw()
        self.ed_vkey = self._vkey(4, self.ed_public)
        self.ml_vkey = self._vkey(6, self.ml_public)

    def _vkey(self, kind: int, public: bytes) -> str:
        key = bytes([kind]) + public
        key_id = sha256(self.name.encode() + b"\n" + key)[:4]
        return f"{self.name}+{key_id.hex()}+{b64(key)}"

    def line(
        self,
        kinds: str,
        origin: str,
        size: int,
        root: bytes,
        *,
        seconds: int = 1_750_000_000,
        signed_seconds: int | None = None,
        cut: int = 0,
        claimed: Cosigner | None = None,
    ) -> bytes:
        """Lines under the name and key id of `claimed`, of types 04 (e) and 06 (m)."""
        signed = seconds if signed_seconds is None else signed_seconds
        named = claimed or self
        lines = []
        for kind in kinds:
            if kind == "e":
                text = f"cosignature/v1\ntime {signed}\n{origin}\n{size}\n{b64(root)}\n"
                signature = self.ed25519.sign(text.encode())
            else:
                message = b"subtree/v1\n\0" + bytes([len(named.name)]) + named.name.encode()
                message += signed.to_bytes(8, "big") + bytes([len(origin)]) + origin.encode()
                message += bytes(8) + size.to_bytes(8, "big") + root
                signature = self.ml_dsa.sign(message)
            vkey = named.ed_vkey if kind == "e" else named.ml_vkey
            field = bytes.fromhex(vkey.split("+")[1]) + seconds.to_bytes(8, "big")
            whole = field + signature[: len(signature) - cut]
            lines.append(f"— {named.name} {b64(whole)}\n")
        return "".join(lines).encode()
