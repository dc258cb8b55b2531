"""What the fuzzer begins with: every byte string in the vectors, and files made for it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.fuzz import fhir_samples
from tests.verifier.evidencemaker import ENTRY, HISTORY, prove
from tests.verifier.evidenceworld import GUARD, World, padded_text, policy, seal
from tests.verifier.formats import RECORD, sha256
from tests.verifier.heads import add_epoch
from tests.verifier.logmaker import new_governor
from verifier.formats.claim import Claim, parse_claim

_VECTORS = Path(__file__).parent.parent / "vectors"
_LARGEST = 200_000


class _Log:
    """A small line of two logs, and evidence of it."""

    def __init__(self) -> None:
        old = World("old", origin="log.example.com/old")
        add_epoch(old)
        self.new = old.succeed("new", [new_governor("new", 1), new_governor("new", 2)])
        add_epoch(self.new)
        self.old = old
        self.believed = policy(self.new)
        line = [self.new, old]
        self.files = {
            prove(line, HISTORY, old.person).render(),
            prove(line, ENTRY, old.person, old.members[0], back=1).render(),
        }


LOG = _Log()
POLICY = policy(LOG.new, GUARD)
PLACE = bytes(64)


def claim_of(blob: bytes) -> Claim:
    """One that names this blob, in the place above."""
    raw = LOG.new.claim(RECORD, bytes(16), bytes(16), entry_id=LOG.new.entry_id(1))
    claim = parse_claim(raw)._replace(blob_hash=sha256(blob), sealed_size=len(blob))
    return claim._replace(log=PLACE[:32], chain=PLACE[32:48], entry_id=PLACE[48:])


def samples() -> list[bytes]:
    found = {*LOG.files, *_made(), *fhir_samples.as_bytes()}
    for path in sorted(_VECTORS.glob("*.json")):
        for string in _strings(json.loads(path.read_text(encoding="utf-8"))):
            found |= set(_meanings(string))
    return sorted(raw for raw in found if len(raw) <= _LARGEST)


def _made() -> Iterator[bytes]:
    old, new = LOG.old, LOG.new
    yield from old.leaves
    yield from new.leaves
    yield old.checkpoint().partition(b"\n\n")[0] + b"\n"
    yield from (old.checkpoint(), new.checkpoint(), old.proof(5, extra=old.leaves[5]))
    yield new.proof(0, extra=new.leaves[0])
    yield new.succession_file(15, old)
    yield new.checkpoint() + GUARD.line("em", new.origin, len(new.leaves), new.root())
    lines = [*(f"log {vkey}" for vkey in new.vkeys), f"custodian {GUARD.ed_vkey}", "quorum 1"]
    yield "".join(f"{line}\n" for line in lines).encode()
    yield bytes(range(32)) + seal(PLACE, b"content")
    yield padded_text(b"content")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)


def _meanings(string: str) -> Iterator[bytes]:
    """As it stands, as hex and as base64, whichever it is."""
    yield string.encode("utf-8", "surrogatepass")
    with suppress(ValueError):
        yield bytes.fromhex(string)
    with suppress(binascii.Error, ValueError):
        yield base64.b64decode(string, validate=True)
