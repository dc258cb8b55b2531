"""FHIR over HTTP, changed at random: requests that were good, in all their parts.

    python -m tests.fuzz.surface --minutes 10 --seed 1

Whatever is sent, the answer is one of ours and no 500; what is refused has changed nothing; below
``/fhir`` it is an OperationOutcome. What is found is printed as the bytes that were sent.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from api.settings import Settings
from tests.api.running import Running, quiet_settings
from tests.api.wire import Raw, raw
from tests.fuzz.changes import changed
from tests.fuzz.fhir_samples import SYSTEM, bundles, queries, resources
from tests.log.sample import memory_directory

_READ: Final = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUSES: Final = frozenset(
    {200, 201, 204, 304, 400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 417, 422, 431}
)
_HEADERS: Final = (
    b'If-Match: W/"1"',
    b'If-None-Match: W/"1"',
    b"If-None-Exist: identifier=" + SYSTEM.encode() + b"|1",
    b"If-Modified-Since: Sat, 28 Nov 2026 09:30:00 GMT",
    b"Prefer: return=minimal, handling=strict",
    b"Prefer: return=OperationOutcome",
    b"Accept: application/fhir+json; fhirVersion=4.0",
    b"Content-Type: application/fhir+json; charset=utf-8",
    b"Content-Encoding: identity",
    b"Expect: 100-continue",
    b"Origin: https://x.example",
)


class Request(NamedTuple):
    """In parts, so that each can be changed by itself."""

    method: bytes
    path: bytes
    query: bytes
    headers: tuple[bytes, ...]
    body: bytes

    def encoded(self, token: str) -> bytes:
        target = self.path + (b"?" + self.query if self.query else b"")
        lines = [
            self.method + b" " + target + b" HTTP/1.1",
            b"Host: x",
            b"Connection: close",
            b"Authorization: Bearer " + token.encode(),
            *self.headers,
        ]
        if self.body or self.method in (b"POST", b"PUT"):
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"", self.body])


class Found(NamedTuple):
    sent: bytes
    what: str


class Surface:
    """A service with one patient's record, and good requests about it."""

    def __init__(self, service: Running) -> None:
        self.service = service
        self.seen: Counter[tuple[bytes, int]] = Counter()
        self._got = 0.0
        self._token = ""
        self.requests = list(self._good())

    @property
    def token(self) -> str:
        if time.monotonic() - self._got > 120:
            self._token, self._got = (
                self.service.token("hospital", "system/*.cruds"),
                (time.monotonic()),
            )
        return self._token

    def _good(self) -> Iterator[Request]:
        sent = b"Content-Type: application/fhir+json"
        who, identity = self._create(resources()[0]), ""
        for one in resources(who)[1:]:
            identity = self._create(one)
            at = f"/fhir/{one['resourceType']}"
            text = json.dumps(one, ensure_ascii=False).encode()
            yield Request(b"POST", at.encode(), b"", (sent,), text)
            own = json.dumps(one | {"id": identity}).encode()
            yield Request(b"PUT", f"{at}/{identity}".encode(), b"", (sent,), own)
            for end in ("", "/_history", "/_history/1"):
                yield Request(b"GET", f"{at}/{identity}{end}".encode(), b"", (), b"")
            yield Request(b"DELETE", f"{at}/{identity}".encode(), b"", (), b"")
        for body in bundles(who):
            yield Request(b"POST", b"/fhir", b"", (sent,), json.dumps(body).encode())
        form = b"Content-Type: application/x-www-form-urlencoded"
        for query in queries(who):
            for type_ in ("Observation", "Patient", "AuditEvent", "Provenance"):
                searched = f"/fhir/{type_}".encode()
                yield Request(b"GET", searched, query.encode(), (), b"")
                yield Request(b"POST", searched + b"/_search", b"", (form,), query.encode())
        whole = f"/fhir/Patient/{who}/$everything".encode()
        yield Request(b"GET", whole, b"_type=Observation&start=2026-01-01&_count=2", (), b"")
        yield Request(b"GET", f"/fhir/Patient/{who}/Observation".encode(), b"code=x", (), b"")
        yield Request(b"GET", b"/fhir/metadata", b"_format=json", (), b"")

    def _create(self, resource: dict[str, Any]) -> str:
        text = json.dumps(resource).encode()
        answer = self.service.ask(
            "POST",
            f"/fhir/{resource['resourceType']}",
            text,
            {"Content-Type": "application/fhir+json"},
            self.token,
        )
        assert answer.status == 201, answer.text
        return str(answer.json["id"])

    def tried(self, request: Request) -> Found | None:
        """Send it, and say what is wrong with what follows."""
        sent = request.encoded(self.token)
        before = self.service.log.reader.checkpoint.size
        faults = len(self._faults())
        answer = Raw(raw(self.service.port, sent).data.removeprefix(_CONTINUE))
        wrong = self._judged(request, answer, before)
        if wrong is None and len(self._faults()) > faults:
            wrong = "a fault in the log"
        return None if wrong is None else Found(sent, wrong)

    def _judged(self, request: Request, answer: Raw, before: int) -> str | None:
        if not answer.data:
            return "no answer"
        # What cannot be read at all is answered by the connection, and may end in two answers.
        status = int(_READ.match(answer.data)[1])  # type: ignore[index]
        self.seen[request.method, status] += 1
        if status not in _STATUSES:
            return f"status {status}"
        if status >= 400 and self.service.log.reader.checkpoint.size != before:
            return f"{status}, and the log has grown"
        kind = answer.data.partition(b"\r\n\r\n")[0].lower()
        if b"application/fhir+json" in kind and answer.body and request.method != b"HEAD":
            try:
                body = json.loads(answer.body)
            except ValueError:
                return "the body is no JSON"
            if status >= 400 and body.get("resourceType") != "OperationOutcome":
                return f"{status} without an OperationOutcome"
        return None

    def _faults(self) -> list[dict[str, Any]]:
        return [one for one in self.service.logged()[-20:] if one["level"] == "error"]


def run(surface: Surface, go_on: Callable[[int], bool], seed: int) -> Iterator[Found]:
    """Good requests with up to three parts changed; ``go_on`` gets the number of tries."""
    source = random.Random(seed)
    pool = [part for one in surface.requests for part in (one.query, one.body, one.path)]
    tries = 0
    while go_on(tries):
        request = source.choice(surface.requests)
        for _ in range(source.choice((0, 1, 1, 1, 2, 3))):
            request = _otherwise(request, surface.requests, pool, source)
        tries += 1
        found = surface.tried(request)
        if found is not None:
            yield found


def _otherwise(
    request: Request, others: list[Request], pool: list[bytes], source: random.Random
) -> Request:
    match source.randrange(8):
        case 0:
            return request._replace(method=source.choice(others).method)
        case 1:
            return request._replace(path=source.choice(others).path)
        case 2:
            return request._replace(path=_target(changed(request.path, pool, source)))
        case 3:
            return request._replace(query=_target(changed(request.query, pool, source)))
        case 4:
            header = source.choice(_HEADERS)
            if source.random() < 0.5:
                header = changed(header, _HEADERS, source).replace(b"\r", b"").replace(b"\n", b"")
            return request._replace(headers=(*request.headers, header))
        case _:
            return request._replace(body=changed(request.body, pool, source))


def _target(text: bytes) -> bytes:
    """Nothing that ends the request line; else it is the parser of HTTP that is tried."""
    return re.sub(rb"[\x00-\x20\x7f-\xff]", lambda one: b"%%%02x" % one[0][0], text) or b"/"


def free() -> Settings:
    """Without limits of rate."""
    return quiet_settings(
        address_rate=1e6, address_burst=10**6, caller_rate=1e6, caller_burst=10**6
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.surface", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    options = parser.parse_args(arguments)
    until: float = time.monotonic() + 60 * options.minutes
    print(f"seed {options.seed}, {options.minutes} minutes")
    count = 0
    with memory_directory() as place, Running.made(place, free()) as service:
        surface = Surface(service)
        for found in run(surface, lambda _: time.monotonic() < until, options.seed):
            print(f"{found.what}\n  {found.sent!r}", file=sys.stderr)
            count += 1
        statuses: Counter[int] = Counter()
        for (_, status), times in surface.seen.items():
            statuses[status] += times
    print(f"{statuses.total()} requests, {count} found; by status {dict(sorted(statuses.items()))}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
