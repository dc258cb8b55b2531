"""How much a service takes at once, and from one sender; the rest is refused quickly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from aiohttp import web

from api.caller import CALLER, Caller
from api.keys import LOG
from api.load import UNKNOWN, Buckets, network_of
from api.middleware.callers import measured
from api.routing import Handler
from tests.api.running import Answer, Running, quiet_settings
from tests.api.wire import connect, rest, with_routes


def test_a_bucket_fills_at_its_rate() -> None:
    now = 100.0
    buckets = Buckets(8.0, 3, 100, lambda: now)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.125]
    assert buckets.take("b") == 0
    now += 0.0625
    assert buckets.take("a") == 0.0625
    now += 0.0625
    assert buckets.take("a") == 0
    now += 1_000
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.125]


def test_buckets_remember_a_bounded_number() -> None:
    buckets = Buckets(1.0, 1, 2, lambda: 0.0)
    for key in "abc":
        assert buckets.take(key) == 0
    assert buckets.take("c") > 0
    assert buckets.take("a") == 0


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("192.0.2.1:80", UNKNOWN),
        ("proxy", UNKNOWN),
        (" " * 99 + "192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::1%zone", "2001:db8:1:2::"),
        ("2001:db8:1:2::1%" + "z" * 8_000, UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_how_addresses_are_counted(text: str, network: str) -> None:
    assert network_of(text) == network


def together(count: int, ask: Callable[[int], Answer]) -> list[Answer]:
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda number=number: answers.append(ask(number)))
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_requests_at_once(tmp_path: Path) -> None:
    settings = quiet_settings(requests=3)
    with Running.made(tmp_path, settings, prepare=with_routes) as running:
        answers = together(8, lambda _: running.get("/test/wait?s=2"))
        assert running.get("/test/wait?s=0").status == 200
        text = running.get("/metrics").text
    assert sorted(one.status for one in answers) == [200] * 3 + [503] * 5
    refused = next(one for one in answers if one.status == 503)
    assert refused.headers["Retry-After"] == "1"
    assert 'counterfoil_http_refused_total{limit="requests"} 5.0' in text


def test_a_busy_service_says_that_it_lives(tmp_path: Path) -> None:
    settings = quiet_settings(requests=1, address_rate=0.001, address_burst=1)
    with Running.made(tmp_path, settings, prepare=with_routes) as running:
        slow = threading.Thread(target=lambda: running.get("/test/wait?s=2"))
        slow.start()
        time.sleep(0.2)
        for path in ("/livez", "/readyz", "/metrics"):
            assert running.get(path).status == 200
        assert running.get("/checkpoint").status == 503
        slow.join()
        assert running.get("/checkpoint").status == 429


def test_supervisors_have_places_of_their_own(tmp_path: Path) -> None:
    settings = quiet_settings(spare_requests=2)
    with Running.made(tmp_path, settings, prepare=with_routes) as running:
        answers = together(5, lambda _: running.get("/test/spare?s=2"))
    assert sorted(one.status for one in answers) == [200, 200, 503, 503, 503]


def test_one_address(tmp_path: Path) -> None:
    settings = quiet_settings(address_requests=2, behind_proxy=True)
    with Running.made(tmp_path, settings, prepare=with_routes) as running:
        # What a client puts in front of what the proxy adds changes nothing.
        forwarded = ["192.0.2.1", "203.0.113.9, 192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"]
        answers = together(
            5, lambda n: running.get("/test/wait?s=2", **{"X-Forwarded-For": forwarded[n]})
        )
    assert sorted(one.status for one in answers) == [200, 200, 200, 429, 429]


def test_what_a_client_says_of_its_address_is_not_believed(tmp_path: Path) -> None:
    settings = quiet_settings(address_rate=0.001, address_burst=2)
    with Running.made(tmp_path, settings) as running:
        statuses = [
            running.get("/checkpoint", **{"X-Forwarded-For": f"192.0.2.{n}"}).status
            for n in range(4)
        ]
    assert statuses == [200, 200, 429, 429]


def test_one_caller(tmp_path: Path) -> None:
    @web.middleware
    async def known(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.headers.get("Name", "hospital")
        actor = running.members[name].actor
        request[CALLER] = Caller(actor, "organisation", actor, None, frozenset(), "TREAT")
        return await measured(request, handler)

    def prepare(app: web.Application) -> None:
        with_routes(app)
        app.middlewares.append(known)

    settings = quiet_settings(caller_rate=0.001, caller_burst=3, caller_requests=2)
    running = Running.made(tmp_path, settings, prepare=prepare)
    with running:
        together(3, lambda _: running.get("/test/wait?s=2"))
        assert running.get("/test/wait?s=0").status == 429
        answer = running.get("/test/wait?s=0", Name="clinic")
        assert answer.status == 200
        text = running.get("/metrics", Name="clinic").text
    assert 'counterfoil_http_refused_total{limit="caller_rate"} 1.0' in text
    assert 'counterfoil_http_refused_total{limit="caller_requests"} 1.0' in text


@pytest.mark.parametrize("limit", ["connections", "address_connections"])
def test_connections(tmp_path: Path, limit: str) -> None:
    with (
        Running.made(tmp_path, quiet_settings(**{limit: 3})) as running,
        ExitStack() as stack,
    ):
        for _ in range(3):
            stack.enter_context(connect(running.port))
        time.sleep(0.3)
        with connect(running.port) as peer, suppress(ConnectionResetError):
            assert rest(peer) == b""
        stack.close()
        time.sleep(0.3)
        assert (
            f'counterfoil_http_refused_total{{limit="{limit}"}} 1.0' in running.get("/metrics").text
        )


def test_turned_away_is_told_once_a_second(tmp_path: Path) -> None:
    """By limit and number; a line for each would be work for nothing when there is most to do."""
    settings = quiet_settings(address_rate=0.001, address_burst=1)
    with Running.made(tmp_path, settings) as running:
        answers = [running.get("/checkpoint") for _ in range(20)]
    away = [one for one in answers if one.status == 429]
    assert len(away) == 19
    assert len({one.headers["Request-Id"] for one in away}) == 19
    assert {one.headers["Cache-Control"] for one in away} == {"no-store"}
    told = [line for line in running.logged() if line["event"] == "turned away"]
    assert sum(line["times"] for line in told) == 19
    assert {line["limit"] for line in told} == {"address_rate"}
    lines = [line for line in running.logged() if line["event"] == "request"]
    assert [line["status"] for line in lines] == [200]


def test_turned_away_in_the_form_of_what_was_asked(tmp_path: Path) -> None:
    settings = quiet_settings(address_rate=0.001, address_burst=1)
    with Running.made(tmp_path, settings) as running:
        running.get("/checkpoint")
        fhir, ours = running.get("/fhir/Patient/1"), running.get("/v1/log")
    assert (fhir.status, ours.status) == (429, 429)
    assert fhir.json["issue"][0]["code"] == "throttled"
    assert ours.headers["Request-Id"] in ours.text and ours.json["status"] == 429


def test_supervisors_places_are_for_what_they_ask(tmp_path: Path) -> None:
    """And for no other method on the same paths: nobody could say any more that it lives."""
    settings = quiet_settings(address_rate=0.001, address_burst=1)
    with Running.made(tmp_path, settings) as running:
        assert running.get("/checkpoint").status == 200
        assert running.ask("POST", "/livez").status == 429
        assert running.get("/livez").status == 200


def test_what_cannot_be_expected_is_answered_in_our_form(tmp_path: Path) -> None:
    with Running.made(tmp_path, quiet_settings()) as running:
        for path in ("/livez", "/nothing", "/v1/entries"):
            answer = running.ask("POST", path, b"x", {"Expect": "secret"})
            assert (answer.status, answer.json["status"]) == (417, 417)
            assert answer.headers["Request-Id"] in answer.text and "secret" not in answer.text


def test_a_log_that_fails_once_is_written_to_again(tmp_path: Path) -> None:
    class Full:
        """Fails as a full disk behind stderr does."""

        failing = True
        told = 0

        def warning(self, _event: str, *, limit: str, times: int) -> None:
            if self.failing:
                self.failing = False
                raise OSError(28, "No space left on device")
            self.told += times

        def __getattr__(self, _name: str) -> Callable[..., None]:
            return lambda *_, **__: None

    log = Full()
    settings = quiet_settings(address_rate=0.001, address_burst=1)
    with Running.made(
        tmp_path,
        settings,
        prepare=lambda app: app.__setitem__(LOG, log),
    ) as running:
        for _ in range(3):
            running.get("/checkpoint")
        until = time.monotonic() + 10
        while log.failing and time.monotonic() < until:
            time.sleep(0.05)
        running.get("/checkpoint")
    assert (log.failing, log.told) == (False, 1)
