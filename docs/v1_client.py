"""Append one FHIR resource under /v1, keep its receipt, read it back.

python docs/v1_client.py URL ACTOR KEYFILE RECORD RESOURCE.json      the token stands in $TOKEN

KEYFILE is the private key (PEM, Ed25519) that ACTOR signs entries with, not the one that it logs
in with; the token needs the scopes ledger/append and ledger/read. The key stays here, and so does
the plain content but for its way through TLS. Whatever goes wrong in between, send the same bytes
again.
"""

import json
import os
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ledger.author import Author, Draft
from ledger.wire.ids import ActorId, ChainId, Hash
from ledger.wire.statement import StatementKey

url, actor, key_file, record, resource = sys.argv[1:]
headers = {"Authorization": f"Bearer {os.environ['TOKEN']}", "Content-Type": "application/json"}


def ask(path: str, body: dict[str, Any] | None = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url + path, data, headers), timeout=30) as answer:
        return bytes(answer.read())


key = load_pem_private_key(Path(key_file).read_bytes(), None)
assert isinstance(key, Ed25519PrivateKey)
log = Hash(bytes.fromhex(json.loads(ask("/v1/log"))["log"]))
author = Author(log, ActorId(bytes.fromhex(actor)), StatementKey.of(key))

content = Path(resource).read_bytes()
entry = author.entry(Draft(ChainId(bytes.fromhex(record)), content))
body = {
    "statement": b64encode(entry.statement).decode(),
    "blob": b64encode(entry.blob).decode(),
    "key": b64encode(entry.key).decode(),
}
appended = json.loads(ask("/v1/entries", body))
index = appended["index"]
Path(f"{index}.receipt").write_bytes(b64decode(appended["receipt"]))
assert ask(f"/v1/entries/{index}/content") == content
print(index)
