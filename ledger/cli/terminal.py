"""Results go to stdout, everything else to stderr; progress only where somebody watches."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Final, TypeAlias
from unicodedata import bidirectional, category

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from ledger.errors import BadRequest
from ledger.store.files import OWNER_FILE

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | dict[str, Json] | None"
Advance: TypeAlias = Callable[[str, int, int], None]
"""What is done, how much of it, out of how much."""

_LAST_MS: Final = 253_402_300_799_000
_UNBOUNDED = 1_000
_ACTING: Final = {"Cc", "Cs", "Zl", "Zp"}
_TURNING: Final = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def on_one_line(text: str) -> str:
    """Text from others, fit for a terminal: what would move its cursor, end the line or turn the
    direction of writing is replaced, so that nobody writes over what stands beside.
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if _acts(c) else c for c in text)


def _acts(char: str) -> bool:
    return category(char) in _ACTING or bidirectional(char) in _TURNING


def _fit(text: str) -> str:
    return "\n".join(map(on_one_line, text.split("\n")))


def result(text: str) -> None:
    print(_fit(text))


def result_bytes(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def result_json(value: Json) -> None:
    print(json.dumps(value, ensure_ascii=False))


def note(text: str) -> None:
    print(_fit(text), file=sys.stderr)


def result_table(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> None:
    """Columns of plain text; numbers stand right. Never folded: ids are there to be copied."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = [[on_one_line(str(cell)) for cell in row] for row in rows]
    for at, name in enumerate(columns):
        numeric = bool(cells) and all(row[at].replace(",", "").isdigit() for row in cells)
        table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    text = StringIO()
    Console(file=text, width=_UNBOUNDED, force_terminal=sys.stdout.isatty()).print(table)
    print("\n".join(line.rstrip() for line in text.getvalue().splitlines()))


class _Rate(ProgressColumn):
    """How many a second, once that is known."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextmanager
def progress() -> Iterator[Advance]:
    """A bar on stderr that goes away when it is done; nothing at all without a terminal."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("", total=None)
        shown = ""

        def advance(what: str, done: int, total: int) -> None:
            nonlocal shown
            if what != shown:
                bar.reset(task)
                shown = what
            bar.update(task, description=what, completed=done, total=total or None)

        yield advance


def when(unix_ms: int) -> str:
    """UTC, to the second; an author may name a time that no calendar has."""
    if unix_ms > _LAST_MS:
        return "after 9999-12-31"
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def write_file(path: Path, data: bytes) -> None:
    """Write or replace an owner-only file that the user named. Raises BadRequest."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Never into what somebody else has put there, be it a link.
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_FILE)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise BadRequest(
            f"cannot write {path.name}: {(error.strerror or 'refused').lower()}",
            hint="name a file in a directory that can be written",
        ) from error
