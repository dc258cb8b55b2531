"""The published log over HTTP (c2sp.org/tlog-tiles)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from api.caller import CALLER, Caller
from api.routing import Handler
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.tile import decode_bundle, decode_tile
from tests.api.running import ORIGIN, Running, quiet_settings
from tests.log.sample import memory_directory
from verifier.cli import main

Capture = pytest.CaptureFixture[str]
ENTRIES = frozenset({"log/entries"})


def test_a_checkpoint_for_everybody(service: Running) -> None:
    answer = service.get("/checkpoint")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    keys = [checkpoint_verifier(key) for key in service.vkeys]
    opened = open_checkpoint(answer.body, ORIGIN, keys)
    assert not opened.provisional
    assert opened.checkpoint.size == 6


def test_a_tile_for_everybody(service: Running) -> None:
    answer = service.get("/tile/0/000.p/6")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert len(decode_tile(answer.body, 6)) == 6
    assert service.ask("HEAD", "/tile/0/000.p/6").body == b""


@pytest.mark.parametrize(
    "path",
    [
        "/tile/0/000",
        "/tile/0/000.p/7",
        "/tile/0/000.p/0",
        "/tile/0/000.p/256",
        "/tile/0/001.p/1",
        "/tile/1/000.p/1",
        "/tile/00/000.p/6",
        "/tile/0/x000/000.p/6",
        "/tile/63/000.p/1",
        "/tile/64/000.p/1",
        "/tile/0/x999/x999/x999/x999/x999/999",
        "/tile/0",
        "/tile/entries",
    ],
)
def test_what_is_not_published_is_not_there(service: Running, path: str) -> None:
    assert service.get(path).status == 404


def test_only_what_is_published(service: Running) -> None:
    before = service.get("/checkpoint").body
    service.enrol("late", "organisation")
    assert service.get("/checkpoint").body == before
    assert service.get("/tile/0/000.p/7").status == 404


def test_bundles_want_a_token(service: Running) -> None:
    answer = service.get("/tile/entries/000.p/6")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def as_caller(role: str, scopes: frozenset[str]) -> Iterator[Running]:
    """A service whose every request with ``Authorization: Bearer good`` is of such a caller."""

    @web.middleware
    async def known(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Authorization") == "Bearer good":
            actor = running.members["hospital"].actor
            request[CALLER] = Caller(actor, role, None, None, scopes, "HOPERAT")
        return await handler(request)

    with memory_directory() as place:
        running = Running.made(place, prepare=lambda app: app.middlewares.append(known))
        with running:
            yield running


@pytest.fixture(scope="module")
def audited() -> Iterator[Running]:
    yield from as_caller("auditor", ENTRIES)


def test_bundles_for_auditors(audited: Running) -> None:
    answer = audited.get("/tile/entries/000.p/6", token="good")
    assert answer.status == 200
    assert answer.headers["Cache-Control"].startswith("private")
    assert decode_bundle(answer.body, 6) == list(audited.log.reader.store.leaves(0, 6))


def test_an_audit_of_the_service(audited: Running, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "token").write_text("good\n")
    keys = [word for key in audited.vkeys for word in ("--vkey", key)]
    assert main(["log", audited.url, *keys]) == 3
    assert "answered 401" in capsys.readouterr().err
    assert main(["log", audited.url, *keys, "--bearer-file", str(tmp_path / "token")]) == 0
    assert "verified" in capsys.readouterr().out


def test_an_audit_with_a_token_as_auditors_get_it(tmp_path: Path, capsys: Capture) -> None:
    running = Running.made(tmp_path)
    running.enrol("checker", "auditor")
    with running:
        (tmp_path / "token").write_text(running.token("checker", "log/entries"))
        keys = [word for key in running.vkeys for word in ("--vkey", key)]
        assert main(["log", running.url, *keys, "--bearer-file", str(tmp_path / "token")]) == 0
        assert "verified" in capsys.readouterr().out
        # A token is no secret of the log, and stays out of its service's.
        assert (tmp_path / "token").read_text() not in running.lines.getvalue()


@pytest.mark.parametrize(
    ("role", "scopes"), [("organisation", ENTRIES), ("auditor", frozenset({"ledger/read"}))]
)
def test_bundles_for_nobody_else(role: str, scopes: frozenset[str]) -> None:
    for running in as_caller(role, scopes):
        answer = running.get("/tile/entries/000.p/6", token="good")
        assert answer.status == 403
        assert "insufficient_scope" in answer.headers["WWW-Authenticate"]


def test_bundles_that_were_opened(tmp_path: Path, capsys: Capture) -> None:
    with Running.made(tmp_path, quiet_settings(open_entries=True)) as running:
        assert running.get("/tile/entries/000.p/6").headers["Cache-Control"].startswith("public")
        keys = [word for key in running.vkeys for word in ("--vkey", key)]
        assert main(["log", running.url, *keys]) == 0
    capsys.readouterr()
