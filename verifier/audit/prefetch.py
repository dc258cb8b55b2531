"""Files of a server, several at a time: what a span takes is asked for before it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from verifier.audit.spans import Span
from verifier.formats.tiles import MAX_BUNDLE_BYTES, TILE_BYTES, WIDTH, Source, tile_path

_AT_ONCE = 8


class Prefetching:
    """A source whose answers are on the way. Each is handed out once, and then asked for again."""

    def __init__(self, source: Source, wanted: Iterable[tuple[str, int]]) -> None:
        self._source = source
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="prefetch")
        self._coming: dict[str, tuple[int, Future[bytes | None]]] = {
            path: (limit, self._pool.submit(source.read, path, limit)) for path, limit in wanted
        }

    def read(self, path: str, limit: int) -> bytes | None:
        asked, coming = self._coming.pop(path, (None, None))
        if coming is None or asked != limit:
            return self._source.read(path, limit)
        return coming.result()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def at_hand(source: Source, span: Span, size: int) -> Iterator[Source]:
    """The source, for reading a span of a log of some size."""
    if not getattr(source, "remote", False):
        yield source
        return
    coming = Prefetching(source, _files(span, size))
    try:
        yield coming
    finally:
        coming.close()


def _files(span: Span, size: int) -> Iterator[tuple[str, int]]:
    for first in range(span.first // WIDTH * WIDTH, span.end, WIDTH):
        width = min(WIDTH, size - first)
        yield tile_path("entries", first // WIDTH, width), MAX_BUNDLE_BYTES
        if width == WIDTH:
            yield tile_path(0, first // WIDTH), TILE_BYTES
