"""What is kept on disk, durably: the last state that was seen, and evidence of a lie.

first.checkpoint   second.checkpoint     the notes that contradict each other
answers/                                 whatever the source answered, in tlog-tiles layout
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from verifier.errors import BadArgument, quote
from verifier.formats.tiles import Source

FIRST, SECOND, ANSWERS = "first.checkpoint", "second.checkpoint", "answers"


class Recorded:
    """A source that remembers its answers."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.answers: dict[str, bytes] = {}

    def read(self, path: str, limit: int) -> bytes | None:
        raw = self._source.read(path, limit)
        if raw is not None:
            self.answers[path] = raw
        return raw


def keep_evidence(
    directory: Path, first: bytes | None, second: bytes, answers: Mapping[str, bytes]
) -> None:
    """Never over evidence that is there."""
    if (directory / SECOND).exists():
        raise BadArgument(f"{quote(str(directory))} holds evidence already", "name another place")
    for path, raw in answers.items():
        write(directory / ANSWERS / path, raw)
    if first is not None:
        write(directory / FIRST, first)
    write(directory / SECOND, second)


def write(path: Path, raw: bytes) -> None:
    """Whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".new")
        with open(unfinished, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadArgument(
            f"cannot write {quote(str(path))}: {reason}", "name a place where you may write"
        ) from None
