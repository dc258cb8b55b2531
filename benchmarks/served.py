"""A service as it is run, for load: the real command over a ledger on disk, and callers of it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.settings import Settings
from ledger.author import Author
from ledger.cli import authors
from ledger.founding import found
from ledger.identity import NewKey
from ledger.identity.bodies import LOGIN
from ledger.keyfiles import authors_directory, create_key
from ledger.log import Log
from ledger.wire.ids import ActorId, ChainId
from ledger.wire.keys import ED25519, raw_public
from ledger.wire.statement import StatementKey

ROOT: Final = Path(__file__).resolve().parent.parent
_SCOPES: Final = "system/*.cruds ledger/append ledger/read"
_JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Served:
    """A running service, and a hospital that calls it and signs its entries."""

    url: str
    pid: int
    hospital: Author
    login: Ed25519PrivateKey
    chains: list[ChainId]

    async def session(self) -> aiohttp.ClientSession:
        """A client with a fresh token."""
        now = int(time.time())
        claims = {
            "iss": self.hospital.id.hex(),
            "sub": self.hospital.id.hex(),
            "aud": f"{self.url}/auth/token",
            "exp": now + 240,
            "jti": uuid.uuid4().hex,
        }
        form = {
            "grant_type": "client_credentials",
            "scope": _SCOPES,
            "client_assertion_type": _JWT_BEARER,
            "client_assertion": jwt.encode(claims, self.login, algorithm="EdDSA"),
        }
        connector = aiohttp.TCPConnector(limit=Settings().caller_requests)
        session = aiohttp.ClientSession(self.url, connector=connector)
        async with session.post("/auth/token", data=form) as answer:
            answer.raise_for_status()
            token = (await answer.json())["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        return session


@contextmanager
def served(directory: Path, records: int, workers: int) -> Iterator[Served]:
    """A ledger, new unless it is there, with a gateway, a hospital and some records of its own, and
    the command that serves it.
    """
    if not directory.exists():
        found(directory, "example.org/benchmark")
    signing, login = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    with Log.open(directory) as log:
        name = f"gate-{log.reader.checkpoint.size}"
        key = create_key(authors_directory(directory) / f"{name}.ed25519", ED25519)
        gate, _ = log.enrol(name, "gateway", [NewKey(StatementKey.of(key).public_key)])
        authors.remember(directory, name, gate, "gateway")
        keys = [NewKey(raw_public(signing)), NewKey(raw_public(login), use=LOGIN)]
        actor, _ = log.enrol("hospital", "organisation", keys)
        hospital = Author(log.reader.registry.log, ActorId(actor), StatementKey.of(signing))
        openings = [hospital.open_record() for _ in range(records)]
        log.append([opening for _, opening in openings])
    command = [sys.executable, "-m", "ledger.cli", "serve", str(directory), "--as", name]
    command += ["--listen", "127.0.0.1:0", "--workers", str(workers)]
    errors = directory.with_name(directory.name + ".log")
    with errors.open("w") as lines:
        process = subprocess.Popen(command, cwd=ROOT, stderr=lines)
        try:
            url = _address(process, errors)
            yield Served(url, process.pid, hospital, login, [chain for chain, _ in openings])
        finally:
            process.terminate()
            process.wait()


def _address(process: subprocess.Popen[bytes], errors: Path) -> str:
    while process.poll() is None:
        match = re.search(r"at (http://\S+)", errors.read_text())
        if match:
            return match[1]
        time.sleep(0.05)
    raise RuntimeError(f"the service ended with {process.returncode}: {errors.read_text()}")
