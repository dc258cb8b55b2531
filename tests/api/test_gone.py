"""Peers that go away in the middle: nothing of them stays in memory, and nothing waits for them."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from base64 import b64encode
from pathlib import Path

import pytest

from api.fhir import bundles
from api.settings import Settings
from tests.api.apart import Apart
from tests.api.hostile import HOSPITAL, Party, bundle, patient
from tests.api.running import Running, quiet_settings

SIZE = 2_900_000
ROUNDS = 40
GROWTH = 60 << 20
"""Far less than what came or was to leave, far more than what is left of it."""


def document(who: str) -> dict[str, object]:
    data = b64encode(os.urandom(SIZE)).decode()
    attachment = {"contentType": "application/pdf", "data": data}
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": f"Patient/{who}"},
        "content": [{"attachment": attachment}],
    }


def with_a_document(place: Path, settings: Settings) -> tuple[Apart, str, str]:
    """A service that is not started, a Patient, and a large document of that person."""
    made = Running.made(place)
    with made:
        hospital = Party(made, "hospital", HOSPITAL)
        who = hospital.made(patient((HOSPITAL, "1")))
        identity = hospital.made(document(who))
    service = Apart.of(made)
    service.settings = settings
    return service, who, identity


def leave(port: int, sent: bytes, *, until: int) -> None:
    """Send something, take so many bytes of the answer, and reset."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.sendall(sent)
        if until:
            peer.recv(until)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def head(method: str, path: str, token: str, length: int = 0) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Authorization: Bearer {token}"]
    lines += ["Content-Type: application/fhir+json", f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize("way", ["download", "upload"])
def test_nothing_stays_of_whoever_leaves(tmp_path: Path, way: str) -> None:
    service, who, identity = with_a_document(tmp_path, Settings())
    path = f"/fhir/DocumentReference/{identity}" if way == "download" else "/fhir/DocumentReference"
    with service:
        token = service.token("hospital", "system/*.cruds")
        body = json.dumps(document(who)).encode()
        if way == "download":
            sent, until = head("GET", path, token), 100
        else:
            sent, until = head("POST", path, token, len(body)) + body[:-1], 0
        leave(service.port, sent, until=until)
        before = service.resident()
        for _ in range(ROUNDS):
            leave(service.port, sent, until=until)
            time.sleep(0.02)
        time.sleep(0.5)
        assert service.resident() - before < GROWTH


def test_what_does_not_fit_beside_others_is_refused(tmp_path: Path) -> None:
    service, who, identity = with_a_document(tmp_path, quiet_settings(held_bytes=1 << 20))
    with service:
        hospital = Party(service, "hospital", HOSPITAL)
        posted = hospital.ask("POST", "/fhir/DocumentReference", document(who))
        assert (posted.status, posted.headers["Retry-After"]) == (503, "1")
        answer = hospital.ask("GET", f"/fhir/DocumentReference/{identity}")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json["issue"][0]["code"] == "throttled"
        assert hospital.ask("GET", f"/fhir/Patient/{who}").status == 200


def test_a_bundle_is_answered_no_more_than_an_answer_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "PAGE_BYTES", 4 << 20)
    with Running.made(tmp_path) as service:
        hospital = Party(service, "hospital", HOSPITAL)
        identity = hospital.made(document(hospital.made(patient((HOSPITAL, "1")))))
        reads = [("GET", f"DocumentReference/{identity}", None)] * 4
        answer = hospital.ask("POST", "/fhir", bundle(*reads, kind="batch"))
        statuses = [one["response"]["status"] for one in answer.json["entry"]]
        assert statuses == ["200", "200", "413", "413"]
