"""The OpenAPI document: valid, the same as the routes, and what the service does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from api.routes import V1
from api.routing import Body
from api.v1.contract import OPERATIONS
from api.v1.openapi import document
from tests.api.running import Running, quiet_settings
from tests.api.v1 import FORMS, Client
from tests.log.sample import memory_directory

ROOT = Path(__file__).resolve().parents[2]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
)


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    free = quiet_settings(
        address_rate=1e6, address_burst=10**6, caller_rate=1e6, caller_burst=10**6
    )
    with memory_directory() as place, Running.made(place, free) as running:
        yield running


def test_it_is_openapi() -> None:
    validate(document())


def test_it_tells_every_route_and_no_other() -> None:
    told = {(one.method, one.path): one for one in OPERATIONS}
    assert told.keys() == {(row.method, row.path) for row in V1}
    for row in V1:
        operation = told[row.method, row.path]
        assert row.open is not bool(operation.scope)
        assert (row.body is Body.NONE) is (row.method == "GET")
        assert row.body is Body.NONE or row.media == operation.body_media


def test_it_is_served_without_a_token(service: Running) -> None:
    answer = service.get("/v1/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == document()


@pytest.mark.parametrize("form", FORMS)
def test_schemathesis_finds_nothing(service: Running, tmp_path: Path, form: str) -> None:
    """Requests that follow the document and requests that do not: each status and content type is a
    documented one, and none is a 500.
    """
    hospital = Client(service, "hospital")
    record = hospital.new_record(f"fuzzed-{form}")
    (tmp_path / "schemathesis.toml").write_text(f'[parameters]\nrecord = "{record.hex()}"\n')
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        f"{service.url}/v1/openapi.json",
        "--header",
        f"Authorization: Bearer {hospital.token}",
        "--header",
        f"Accept: {form}",
        "--checks",
        ",".join(CHECKS),
        "--max-examples",
        "15",
        "--seed",
        "1",
        "--generation-database",
        "none",
        "--no-color",
    ]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.api.v1_hooks",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    seen = {(line["route"], line["status"]) for line in service.logged() if "route" in line}
    assert {(f"/v1/records/{{record}}/{what}", 200) for what in ("entries", "accesses")} <= seen
    assert not any(status == 500 for _, status in seen)
