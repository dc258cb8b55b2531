"""Small true logs that evidence files are made of, and how a test checks such a file."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.verifier.cosigners import Cosigner
from tests.verifier.evidencemaker import Maker
from tests.verifier.formats import ACCESS, RECORD, Signer, ed25519_key, sha256
from tests.verifier.heads import add_epoch
from tests.verifier.logmaker import Log, Sample
from verifier.evidence.check import EvidenceReport, check_evidence
from verifier.formats.keys import verifies
from verifier.formats.policy import Policy, parse_policy
from verifier.rules.signatures import Job

GUARD, SECOND = Cosigner("guard.example.org"), Cosigner("second.example.org")
STRANGER = Cosigner("stranger.example.org")


class World(Sample):
    """A sample log with two custodians, an old epoch, one more access, an epoch, and a record
    behind it.
    """

    def __init__(self, name: str = "one", **change: Any) -> None:
        super().__init__(name, **change)
        self.guard = enrol_custodian(self, GUARD)
        self.second = enrol_custodian(self, SECOND)
        self.nurse = self.enrol("nurse", "practitioner", by=self.clinic)
        self.old_epoch = add_epoch(self)
        self.last_access = self.add(ACCESS, self.person, self.nurse)
        self.epoch = add_epoch(self)
        self.behind = self.add(RECORD, self.person, self.clinic)

    @property
    def enrolled(self) -> tuple[bytes, ...]:
        """Actors of the custodians, for a file to hold."""
        return self.guard.id, self.second.id


class CrowdedWorld(World):
    """With so many chains that a run has several pages, not all of which are needed."""

    def __init__(self, name: str = "crowded", **change: Any) -> None:
        super().__init__(name, **change)
        for number in range(80):
            self.open(f"crowd {number}", self.clinic)
        self.epoch = add_epoch(self)


def enrol_custodian(log: Log, cosigner: Cosigner, use: str = "custodian") -> Signer:
    statement = Signer(b"", ed25519_key("statements of " + cosigner.name))
    keys = [
        {"alg": -19, "key": statement.public, "use": "statement"},
        {"alg": -19, "key": cosigner.ed_public, "use": use},
        {"alg": -48, "key": cosigner.ml_public, "use": use},
    ]
    return log.enrol(cosigner.name, "custodian", actor_key=statement.key, fields={"keys": keys})


def policy(log: Log, *custodians: Cosigner, quorum: int | None = None) -> Policy:
    lines = [f"log {vkey}" for vkey in log.vkeys]
    for signer in custodians:
        lines += [f"custodian {signer.ed_vkey}", f"custodian {signer.ml_vkey}"]
    if quorum is not None:
        lines.append(f"quorum {quorum}")
    return parse_policy("".join(f"{line}\n" for line in lines).encode())


class AtOnce:
    """Checks signatures where they are submitted."""

    def __init__(self) -> None:
        self._failed: list[int] = []

    def submit(self, job: Job) -> None:
        if not verifies(job.key, job.signature, job.signed):
            self._failed.append(job.leaf_index)

    def failures(self, wait: bool = False) -> list[int]:
        failed, self._failed = self._failed, []
        return failed

    def close(self) -> None:
        pass


def check(file: Maker | bytes, believed: Policy, **options: Any) -> EvidenceReport:
    raw = file if isinstance(file, bytes) else file.render()
    return check_evidence(raw, believed, checker=AtOnce(), **options)


def step(file: Maker | bytes, believed: Policy, **options: Any) -> str:
    """The step that a file fails in, empty when it is verified."""
    problems = check(file, believed, **options).problems
    return problems[0].step if problems else ""


def seal(place: bytes, content: bytes, key: bytes = bytes(range(32))) -> bytes:
    """A sealed blob with this content, of type text/plain."""
    return seal_text(place, padded_text(content), key)


def padded_text(content: bytes) -> bytes:
    header = b"\xa1dtypejtext/plain"
    text = len(header).to_bytes(4, "big") + header + len(content).to_bytes(8, "big") + content
    e = len(text).bit_length() - 1
    unit = 2 ** (e - e.bit_length())
    return text + bytes(-len(text) % unit)


def seal_text(place: bytes, text: bytes, key: bytes = bytes(range(32))) -> bytes:
    """A sealed blob that opens to whatever text."""
    derived = sha256(b"\0\0\0\1" + key + b"counterfoil/seal/v1/encrypt")
    committed = sha256(b"\0\0\0\1" + key + b"counterfoil/seal/v1/commit")
    nonce = bytes(12)
    return b"\x01" + committed + nonce + AESGCM(derived).encrypt(nonce, text, place)
