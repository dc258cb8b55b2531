"""docs/v1_client.py is run as its reader would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ledger.author import Author
from ledger.identity import NewKey
from ledger.identity.bodies import LOGIN
from ledger.wire.keys import raw_public
from ledger.wire.statement import StatementKey
from tests.api.running import Member, Running
from tests.api.v1 import Client, observation

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_appends_and_reads(service: Running, tmp_path: Path) -> None:
    key, login = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    keys = [NewKey(raw_public(key)), NewKey(raw_public(login), use=LOGIN)]
    actor, _ = service.log.enrol("laboratory", "organisation", keys)
    author = Author(service.log.reader.registry.log, actor, StatementKey.of(key))
    service.members["laboratory"] = Member("laboratory", "organisation", author, login)
    client = Client(service, "laboratory")
    record = client.new_record("example")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "observation.json").write_bytes(observation("120"))
    command = [sys.executable, str(ROOT / "docs" / "v1_client.py"), service.url, actor.hex()]
    command += ["key.pem", record.hex(), "observation.json"]
    environment = os.environ | {"TOKEN": client.token, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    index = int(done.stdout)
    verify = [sys.executable, "-m", "verifier.cli", "proof", f"{index}.receipt"]
    verify += ["--vkey", service.vkeys[0]]
    checked = subprocess.run(
        verify, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, checked.stderr
