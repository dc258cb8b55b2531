"""What supervisors and Prometheus are told."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp.test_utils import make_mocked_request
from prometheus_client.parser import text_string_to_metric_families

from api.operations.health import _is_here
from ledger.author import Draft
from ledger.errors import LedgerFault
from ledger.store.guard import Guard
from ledger.wire.ids import new_chain_id
from tests.api.hostile import FHIR, NOBODY
from tests.api.running import Running, quiet_settings
from tests.api.v1 import Client, entry_body
from tests.api.wire import SECRET, with_routes
from tests.log.sample import memory_directory


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with memory_directory() as place, Running.made(place, prepare=with_routes) as running:
        yield running


def test_it_lives_and_is_ready(service: Running) -> None:
    assert service.get("/livez").text == "ok\n"
    assert service.get("/readyz").text == "ready\n"
    assert service.ask("HEAD", "/readyz").status == 200


def test_not_without_its_guard(service: Running) -> None:
    guard = service.log.layout.guard
    away = guard.with_name("away")
    guard.rename(away)
    try:
        answer = service.get("/readyz")
        assert answer.status == 503
        assert "the guard file ledger.guard is no longer at its place\nhint: " in answer.text
        assert service.get("/livez").status == 200
        guard.write_bytes(away.read_bytes())
        assert service.get("/readyz").status == 503
    finally:
        away.replace(guard)
    assert service.get("/readyz").status == 200


def test_not_on_a_full_disk(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=1, f_frsize=4096))
        answer = service.get("/readyz")
    assert answer.status == 503
    assert answer.text.startswith("not ready: the disk is full\nhint: ")


def test_not_when_the_clock_was_set_back(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    with monkeypatch.context() as patched:
        patched.setattr(time, "time_ns", lambda: now - 3_600 * 10**9)
        answer = service.get("/readyz")
    assert answer.status == 503
    assert answer.text.startswith("not ready: the clock is 3")


def test_the_reason_is_for_this_machine(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault() -> None:
        raise LedgerFault(f"the ledger has stopped: /{SECRET}")

    with monkeypatch.context() as patched:
        patched.setattr(service.log, "check_ready", fault)
        answer = service.get("/readyz", **{"X-Forwarded-For": "192.0.2.1"})
    assert (answer.status, answer.text) == (503, "not ready: see the service's log\n")
    assert any(line["event"] == "not ready" for line in service.logged())


def test_not_when_the_ledger_has_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Guard, __: bytes) -> None:
        raise OSError(5, "Input/output error")

    with Running.made(tmp_path) as running, monkeypatch.context() as patched:
        patched.setattr(Guard, "advance", refuse)
        with pytest.raises(LedgerFault):
            running.enrol("late", "organisation")
        answer = running.get("/readyz")
        assert answer.status == 503
        assert answer.text.startswith("not ready: the ledger has stopped: ")
        # What is published can still be read.
        assert running.get("/checkpoint").status == 200
    assert [line["event"] for line in running.logged()] == ["not ready", "request", "request"]


@pytest.mark.parametrize(
    ("remote", "headers", "here"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("::ffff:127.0.0.1", {}, True),
        ("192.0.2.1", {}, False),
        ("2001:db8::1", {}, False),
        ("", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1"}, False),
        ("127.0.0.1", {"Via": "1.1 proxy"}, False),
    ],
)
def test_who_is_on_this_machine(remote: str, headers: dict[str, str], here: bool) -> None:
    request = make_mocked_request("GET", "/metrics", headers=headers).clone(remote=remote)
    assert _is_here(request) is here


def test_metrics_are_for_this_machine(service: Running, tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    assert service.get("/metrics").status == 200
    assert service.get("/metrics", **forwarded).status == 404
    with Running.made(tmp_path, quiet_settings(metrics_beyond_loopback=True)) as running:
        assert running.get("/metrics", **forwarded).status == 200


def test_metrics_have_conventional_names_and_no_identifiers(service: Running) -> None:
    service.get(f"/test/thing/{SECRET}?s=0&id={SECRET}", X_Secret=SECRET, User_Agent=SECRET)
    service.get(f"/{SECRET}")
    service.ask("SHINOBU", "/livez")
    answer = service.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "shinobu" not in answer.text.lower()
    for member in service.members.values():
        assert member.actor.hex() not in answer.text
        assert member.name not in answer.text
    families = {one.name: one for one in text_string_to_metric_families(answer.text)}
    labels = {name for one in families.values() for row in one.samples for name in row.labels}
    assert labels <= {"route", "method", "status", "limit", "reason", "le"}
    assert all(name.startswith(("counterfoil_", "process_")) for name in families)
    assert {
        "counterfoil_http_requests",
        "counterfoil_http_request_duration_seconds",
        "counterfoil_http_requests_in_flight",
        "counterfoil_http_refused",
        "counterfoil_denied_reads",
        "counterfoil_unforeseen_errors",
        "counterfoil_event_loop_lag_seconds",
        "counterfoil_log_size",
        "counterfoil_entries_appended",
        "counterfoil_published_size",
        "counterfoil_checkpoint_age_seconds",
    } <= set(families)


def value(service: Running, name: str, **labels: str) -> float:
    for family in text_string_to_metric_families(service.get("/metrics").text):
        for row in family.samples:
            if row.name == name and row.labels == labels:
                return float(row.value)
    raise LookupError(name)


def test_metrics_count(service: Running) -> None:
    labels = {"route": "/checkpoint", "method": "GET", "status": "200"}
    for _ in range(3):
        service.get("/checkpoint")
    before = value(service, "counterfoil_http_requests_total", **labels)
    service.get("/checkpoint")
    assert value(service, "counterfoil_http_requests_total", **labels) == before + 1
    size = value(service, "counterfoil_log_size")
    appended = value(service, "counterfoil_entries_appended_total")
    service.enrol("one more", "organisation")
    assert value(service, "counterfoil_log_size") == size + 1
    assert value(service, "counterfoil_entries_appended_total") == appended + 1
    assert value(service, "counterfoil_published_size") <= size
    assert 0 <= value(service, "counterfoil_checkpoint_age_seconds") < 600
    assert value(service, "counterfoil_http_requests_in_flight") == 1


def test_denials_of_callers_are_counted_by_rule(service: Running) -> None:
    token = service.token("hospital", "ledger/read")
    assert service.get("/tile/entries/000.p/6", token=token).status == 403
    hidden, absent = service.get("/test/hidden", token=token), service.get("/nothing", token=token)
    assert [one.json | {"instance": ""} for one in (hidden, absent)] == [
        hidden.json | {"instance": ""}
    ] * 2
    service.get("/test/hidden")
    assert value(service, "counterfoil_denied_reads_total", reason="scope") == 1
    assert value(service, "counterfoil_denied_reads_total", reason="not-linked") == 1


def denials(service: Running) -> dict[str, float]:
    """How many there were, by reason."""
    (family,) = service.metrics.denied.collect()
    return {
        row.labels["reason"]: row.value for row in family.samples if row.name.endswith("_total")
    }


def test_a_denial_by_scope_counts_one(service: Running) -> None:
    token = service.token("hospital", "system/Patient.r")
    parts = [{"request": {"method": "GET", "url": f"Observation/{NOBODY}"}}] * 2
    batch = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": parts}).encode()
    before = denials(service).get("scope", 0)
    assert service.get(f"/fhir/Observation/{NOBODY}", token).status == 403
    assert denials(service)["scope"] == before + 1
    assert service.get("/v1/log", token).status == 403
    assert denials(service)["scope"] == before + 2
    assert service.ask("POST", "/fhir", batch, FHIR, token).status == 200
    assert denials(service)["scope"] == before + 4


def test_a_denial_says_its_reason(service: Running) -> None:
    before = denials(service)
    hospital, clinic = Client(service, "hospital"), service.members["clinic"].author
    foreign = entry_body(clinic.entry(Draft(new_chain_id(), b"{}")))
    assert hospital.post("/v1/entries", foreign).status == 403
    assert hospital.get(f"/v1/records/{new_chain_id().hex()}/absence").status == 403
    assert denials(service) == before | {
        "role": before.get("role", 0) + 1,
        "author": before.get("author", 0) + 1,
    }


def test_a_loop_that_is_held_shows(service: Running) -> None:
    service.get("/test/block")
    time.sleep(0.2)
    assert value(service, "counterfoil_event_loop_lag_seconds") > 0.15
