"""Where evidence comes from: a directory, a file, or a server over http(s).

Nothing is trusted here, only bounded: size caps, a deadline per answer, regular files only, no
redirects (a log answers directly), no scheme but http and https. A missing file is None; a server
or disk that does not answer is `Unreadable`, which is no verdict.
"""

from __future__ import annotations

import http.client
import os
import queue
import ssl
import stat
import threading
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from verifier.errors import BadArgument, Unreadable, quote
from verifier.formats.tiles import Source

_TIMEOUT_S = 30
_DEADLINE_S = 120
_CHUNK = 1 << 16
_IN_A_BACKUP = "tiles"
_HERE = ("localhost", "127.0.0.1", "::1")
_HINT = "the evidence could not be read"


class Credentials(NamedTuple):
    """What shows a server who asks."""

    bearer: str | None = None
    certificate: str | None = None
    """Path of a PEM file."""
    key: str | None = None
    """Path of its private key, where that is in another file."""


NOBODY = Credentials()


def open_source(place: str, credentials: Credentials = NOBODY) -> Source:
    if "://" in place:
        return HttpSource(place, credentials)
    return DirectorySource(place)


def same_server(one: str, other: str) -> bool:
    """Whether what is meant for one may be shown to the other."""
    first, second = (urllib.parse.urlsplit(place) for place in (one, other))
    return (first.scheme, first.netloc) == (second.scheme, second.netloc)


class DirectorySource:
    def __init__(self, path: str) -> None:
        self._path = Path(path)
        if not self._path.is_dir():
            raise Unreadable(f"no such directory: {quote(path)}")
        exported = self._path / _IN_A_BACKUP
        if not (self._path / "checkpoint").exists() and (exported / "checkpoint").exists():
            self._path = exported

    def read(self, path: str, limit: int) -> bytes | None:
        return read_file(self._path / path, limit)


def read_file(path: Path, limit: int) -> bytes | None:
    """At most limit + 1 bytes; None when there is no such file."""
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for its writer for ever.
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable(f"not a regular file: {quote(str(path))}")
            return file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unreadable(f"cannot read {quote(str(path))}: {reason}") from None


class HttpSource:
    remote = True
    """Each answer takes a while: see `audit.prefetch`."""

    def __init__(self, url: str, credentials: Credentials = NOBODY) -> None:
        self._url, self._credentials = url, credentials
        try:
            parts = urllib.parse.urlsplit(url)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise BadArgument(
                "a URL with a user name or password in it is not taken", "leave it out"
            )
        if (
            not usable
            or parts.query
            or parts.fragment
            or not url.isascii()
            or not url.isprintable()
        ):
            raise BadArgument(
                f"not a plain http or https URL: {quote(url)}", "as in https://log.example.com/"
            )
        if credentials != NOBODY and parts.scheme != "https" and parts.hostname not in _HERE:
            raise BadArgument(
                "over http, anybody on the way could read what shows who you are",
                "use https, or leave the token or certificate out",
            )
        self._base = url.rstrip("/") + "/"
        self._headers = {"User-Agent": "counterfoil-verify"}
        if credentials.bearer is not None:
            self._headers["Authorization"] = f"Bearer {credentials.bearer}"
        # Built by hand: urllib's own opener also follows redirects and reads file: and ftp:.
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(context=_tls(credentials)),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
        ):
            self._opener.add_handler(handler)

    def __reduce__(self) -> tuple[type[HttpSource], tuple[str, Credentials]]:
        return HttpSource, (self._url, self._credentials)

    def read(self, path: str, limit: int) -> bytes | None:
        url = self._base + path
        return _in_time(lambda: self._fetch(url, limit), url)

    def _fetch(self, url: str, limit: int) -> bytes | None:
        request = urllib.request.Request(url, headers=self._headers)
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as response:
                raw = _read_capped(response, limit, url)
                encoding = response.headers.get("Content-Encoding", "identity").lower()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (404, 410):
                return None
            refused = error.code in (401, 403)
            hint = "give what shows who you are: --bearer-file, --client-cert" if refused else _HINT
            raise Unreadable(f"{quote(url)} answered {error.code}", hint) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreadable(f"cannot read {quote(url)}: {quote(str(error))}") from None
        if encoding == "identity":
            return raw
        if encoding == "gzip":
            return _gunzip(raw, limit, url)
        raise Unreadable(f"{quote(url)} answered with encoding {quote(encoding)}")


def _tls(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if credentials.certificate is not None:
        try:
            context.load_cert_chain(credentials.certificate, credentials.key)
        except (OSError, ValueError) as error:
            shown = quote(credentials.certificate)
            raise BadArgument(
                f"cannot use the certificate {shown}: {error}", "PEM files of a certificate and key"
            ) from None
    return context


def _in_time(fetch: Callable[[], bytes | None], url: str) -> bytes | None:
    """The socket's timeout starts anew with each byte, so a server could drip for ever: a body, a
    header, an answer of 100 after the other. A fetch that took too long is left behind.
    """
    answers: queue.SimpleQueue[bytes | Exception | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(fetch())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=work, name="fetch", daemon=True).start()
    try:
        answer = answers.get(timeout=_DEADLINE_S)
    except queue.Empty:
        raise Unreadable(f"{quote(url)} took over {_DEADLINE_S} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _read_capped(response: http.client.HTTPResponse, limit: int, url: str) -> bytes:
    chunks: list[bytes] = []
    promised = response.length
    left = limit + 1 if promised is None else min(limit + 1, promised)
    while left > 0:
        chunk = response.read1(min(left, _CHUNK))
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    if promised is not None and left > 0:
        raise Unreadable(f"{quote(url)} ended early")
    return b"".join(chunks)


def _gunzip(raw: bytes, limit: int, url: str) -> bytes:
    unzip = zlib.decompressobj(wbits=31)
    try:
        plain = unzip.decompress(raw, limit + 1)
    except zlib.error:
        raise Unreadable(f"{quote(url)} answered with broken gzip") from None
    if len(plain) <= limit and (not unzip.eof or unzip.unused_data):
        raise Unreadable(f"{quote(url)} answered with broken gzip")
    return plain
