"""fhir-kit-client (Node) against the service: what ``tests/clients/node/client.mjs`` reports, and
what it left in the record. ``make clients`` installs the library and runs this.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from ledger.record.header import decode_header
from tests.api.running import Running
from tests.api.traces import accesses
from tests.project.tree import ROOT

pytestmark = pytest.mark.clients

INSTALLED = ROOT / ".venv/node"
SCRIPT = ROOT / "tests/clients/node/client.mjs"


@pytest.fixture(scope="module")
def report(service: Running) -> Any:
    assert (INSTALLED / "node_modules").is_dir(), "run `make clients`"
    # Modules are looked for beside the script, and nothing is installed among the sources.
    script = shutil.copy(SCRIPT, INSTALLED)
    token = service.token("hospital", "system/*.cruds")
    done = subprocess.run(
        ["node", script, service.url + "/fhir", token], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(status: int, code: str) -> list[Any]:
    return [status, "OperationOutcome", code]


def test_where_things_are_is_found(service: Running, report: Any) -> None:
    assert report["found"] == {"version": "4.0.1", "token": f"{service.url}/auth/token"}


def test_create_read_update_and_delete(report: Any) -> None:
    assert report["made"] == {"status": 201, "etag": 'W/"1"', "location": True, "subject": True}
    assert report["read"] == {"same": True, "traced": True}
    assert report["update"] == {"version": "2", "stale": refused(412, "conflict"), "first": 72.5}
    assert report["deleted"] == {
        "read": refused(410, "deleted"),
        "methods": ["DELETE", "PUT", "POST"],
    }


def test_search(report: Any) -> None:
    assert report["search"] == {
        "total": 3,
        "all": True,
        "last": True,
        "range": 1,
        "post": 3,
        "compartment": 3,
        "nobody": refused(400, "required"),
    }


def test_references_are_resolved(report: Any) -> None:
    assert report["references"] == {
        "modes": ["match", "include"],
        "fromBundle": True,
        "fromService": True,
        "absolute": True,
    }


def test_everything(report: Any) -> None:
    # The person, three weights; what has no time of care is in every span of it.
    assert report["everything"] == {
        "get": 4,
        "some": 3,
        "post": 4,
        "input": 2,
        "ofAll": refused(404, "not-supported"),
    }


def test_conditional_create(report: Any) -> None:
    assert report["conditional"] == {
        "status": 200,
        "same": True,
        "several": refused(412, "multiple-matches"),
    }


def test_conditional_update(report: Any) -> None:
    assert report["conditionalUpdate"] == [True, "other", "2"]


def test_bundles(report: Any) -> None:
    assert report["bundles"] == {
        "transaction": ["201", "201"],
        "referred": True,
        "batch": ["200", "422"],
    }


def test_refusals(report: Any) -> None:
    assert report["refused"] == {
        "absent": refused(404, "not-found"),
        "invalid": refused(422, "invalid"),
        "noToken": refused(401, "login"),
        "patch": refused(405, "not-supported"),
        "typeHistory": refused(404, "not-found"),
        "systemHistory": refused(404, "not-found"),
        "systemSearch": refused(405, "not-supported"),
    }


def test_what_it_left_in_the_record(service: Running, report: Any) -> None:
    who = report["person"]
    headers = [decode_header(one) for one in accesses(service, who)]
    released = [(len(one.entries), (one.query or "read").partition("?")[0]) for one in headers]
    found, everything = "Observation", f"Patient/{who}/$everything"
    assert released == [
        *[(1, "read")] * 2,
        (2, released[2][1]),
        (2, found),  # a page, and the next one
        (1, found),
        (1, found),
        (3, found),
        (3, found),
        (2, found),  # with the person included
        *[(1, "read")] * 2,  # references
        *[(count, everything) for count in (4, 3, 4, 2)],
        *[(1, "read")] * 2,  # what a condition found; a part of a batch
    ]
    assert released[2][1].endswith("/_history")
    assert {one.on_behalf_of for one in headers} == {service.members["hospital"].actor}
