"""A client of ``/v1``: a hospital and a clinic with records, and requests in CBOR and JSON."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import cbor2

from ledger.admission import BatchSubmission, Submission
from ledger.author import Author, Draft
from ledger.linkage.aliases import link_draft
from ledger.record.contents import LinkedIdentifier
from ledger.sequencer import Appended
from ledger.vault.keys import NO_KEY
from ledger.wire import cbor
from ledger.wire.ids import ChainId
from tests.api.running import Answer, Running

CBOR: Final = "application/cbor"
JSON: Final = "application/json"
FORMS: Final = (CBOR, JSON)
SYSTEM: Final = "urn:oid:1.2.392.100495.20.3.51.1310000001"
APPEND: Final = "ledger/append"
READ: Final = "ledger/read"


def observation(value: str = "1.50", number: str | None = None) -> bytes:
    """A resource about a patient by number, or about whoever ``Patient/1`` is."""
    subject = (
        f'{{"identifier":{{"system":"{SYSTEM}","value":"{number}"}}}}'
        if number
        else '{"reference":"Patient/1"}'
    )
    return (
        '{"resourceType":"Observation","status":"final","code":{"text":"blood pressure"},'
        f'"subject":{subject},"valueQuantity":{{"value":{value}}}}}'
    ).encode()


def entry_body(submission: Submission) -> dict[str, Any]:
    """What is posted for one entry."""
    body: dict[str, Any] = {"statement": submission.statement}
    if submission.blob:
        body |= {"blob": submission.blob}
    if submission.key != NO_KEY:
        body |= {"key": submission.key}
    if submission.amends is not None:
        body["amends"] = {"index": submission.amends.at, "back": submission.amends.back}
    if submission.erases:
        body["erases"] = [{"index": one.at} for one in submission.erases]
    return body


def batch_body(batch: BatchSubmission) -> dict[str, Any]:
    """What is posted for a batch."""
    return {
        "statement": batch.statement,
        "claims": b"".join(batch.claims),
        "keys": b"".join(batch.keys),
        "blobs": b"".join(batch.blobs),
    }


def otherwise_signed(body: Mapping[str, Any]) -> bytes:
    """The statement with another signature."""
    statement: bytes = body["statement"]
    return statement[:-2] + bytes([statement[-2] ^ 1]) + statement[-1:]


def encoded(body: Mapping[str, Any], form: str) -> bytes:
    if form == CBOR:
        return cbor.encode(body, 1 << 30)
    return json.dumps(body, default=lambda raw: b64encode(raw).decode()).encode()


def decoded(answer: Answer) -> Any:
    """The body of an answer; bytes in JSON stay base64."""
    if answer.headers["Content-Type"] == CBOR:
        return cbor2.loads(answer.body)
    return json.loads(answer.body)


@dataclass
class Client:
    """Somebody with a token."""

    running: Running
    name: str
    scopes: tuple[str, ...] = (APPEND, READ)

    @property
    def author(self) -> Author:
        return self.running.members[self.name].author

    @cached_property
    def token(self) -> str:
        return self.running.token(self.name, " ".join(self.scopes))

    def get(self, path: str, form: str = JSON, **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.running.ask("GET", path, headers={"Accept": form, **given}, token=self.token)

    def post(self, path: str, body: Mapping[str, Any] | bytes, form: str = CBOR) -> Answer:
        raw = body if isinstance(body, bytes) else encoded(body, form)
        headers = {"Content-Type": form, "Accept": form}
        return self.running.ask("POST", path, raw, headers, self.token)

    def append(self, draft: Draft, form: str = CBOR) -> Answer:
        return self.post("/v1/entries", entry_body(self.author.entry(draft)), form)

    def new_record(self, number: str) -> ChainId:
        """A record that this institution opened, linked and wrote to."""
        record, opening = self.author.open_record()
        assert self.post("/v1/entries", entry_body(opening)).status == 201
        linked = self.append(link(record, number))
        assert linked.status == 201, linked.text
        written = self.append(Draft(record, observation("0.10")))
        assert written.status == 201, written.text
        return record


def link(record: ChainId, number: str) -> Draft:
    """A link of a patient number, without its tag: that is the service's."""
    return link_to(record, SYSTEM, number)


def link_to(record: ChainId, system: str, number: str) -> Draft:
    """The same for a number of any system."""
    return replace(link_draft(record, LinkedIdentifier(system, number), b""), tags=())


def in_log(running: Running, submission: Submission) -> Appended:
    """Append past the service."""
    (outcome,) = running.log.append([submission])
    assert isinstance(outcome, Appended), outcome
    return outcome


def appended_behind(running: Running, size: int) -> int:
    """The index of what is appended behind a size, soon."""
    for _ in range(500):
        if running.log.reader.checkpoint.size > size:
            return size
        time.sleep(0.01)
    raise AssertionError("nothing was appended")
