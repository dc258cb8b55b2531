"""Files to resources: FHIR NDJSON and Bundles, as the bytes that their author wrote.

    for item in read_file(path):
        if isinstance(item, BadItem): ...     # report it, go on with the rest
        else: validate(item.raw)

``SourceItem.raw`` is exact. In NDJSON it is the line without its line end (LF, or CR LF), with the
space around the resource; in a Bundle it is the part of the file from the ``{`` to the ``}`` of the
entry's ``resource``. Nothing is parsed and written again: 1.50 stays 1.50.

NDJSON is read line by line, so its size does not matter. A Bundle or single resource is read whole,
up to 128 MiB; a damaged one is refused whole, since half a transaction is not what its author sent.
``.ndjson`` and ``.jsonl`` are NDJSON by their name; other files are looked at: two lines that each
hold an object of their own are NDJSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from ledger.errors import BadRequest
from ledger.fhir import document, jsontext

MAX_RESOURCE = 16 << 20
MAX_DOCUMENT = 128 << 20
BUNDLE_TYPES = frozenset(
    {
        "batch",
        "batch-response",
        "collection",
        "document",
        "history",
        "message",
        "searchset",
        "transaction",
        "transaction-response",
    }
)

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Source:
    """Where an item stands, without the folder: paths name people more often than files do."""

    name: str
    unit: Literal["file", "line", "entry"] = "file"
    number: int = 0

    def __str__(self) -> str:
        return self.name if self.unit == "file" else f"{self.name} {self.unit} {self.number}"


@dataclass(frozen=True, slots=True)
class SourceItem:
    source: Source
    raw: bytes
    full_url: str | None = None  # of a Bundle entry: what urn:uuid references point at


@dataclass(frozen=True, slots=True)
class BadItem:
    source: Source
    reason: str
    hint: str
    raw: bytes = b""  # for the error file; empty where there is too much or nothing of it


Item = SourceItem | BadItem


def read_file(path: Path) -> Iterator[Item]:
    """Raises BadRequest where the file cannot be opened or read."""
    try:
        with path.open("rb") as file:
            if path.suffix.lower() in (".ndjson", ".jsonl") or _looks_like_ndjson(file):
                yield from read_ndjson(file, path.name)
            else:
                yield from read_document(file.read(MAX_DOCUMENT + 1), path.name)
    except FileNotFoundError:
        raise BadRequest(f"{path.name}: no such file", hint="check the path") from None
    except IsADirectoryError:
        raise BadRequest(
            f"{path.name or path}: is a directory", hint="name the files in it"
        ) from None
    except OSError as error:
        why = (error.strerror or "cannot be read").lower()
        raise BadRequest(f"{path.name}: {why}", hint="check the file and its permissions") from None


def read_ndjson(file: IO[bytes], name: str) -> Iterator[Item]:
    number = 0
    while line := file.readline(MAX_RESOURCE + 2):
        number += 1
        source = Source(name, "line", number)
        if number == 1 and line.startswith(_UTF16):
            yield BadItem(Source(name), "is UTF-16", "save it as UTF-8 without a byte order mark")
            return
        ended = line.endswith(b"\n")
        raw = line.removesuffix(b"\n").removesuffix(b"\r") if ended else line
        if len(raw) > MAX_RESOURCE:
            while not ended and (rest := file.readline(MAX_RESOURCE)):
                ended = rest.endswith(b"\n")
            yield _too_large(source)
        elif raw.strip(b" \t\r"):
            yield _checked(source, raw, None)


def read_document(data: bytes, name: str) -> Iterator[Item]:
    """A file, or the body of a request, that holds one Bundle or one resource."""
    whole = Source(name)
    if len(data) > MAX_DOCUMENT:
        size = MAX_DOCUMENT >> 20
        yield BadItem(whole, f"is larger than {size} MiB", "split it, or convert it to NDJSON")
        return
    if data.startswith(_UTF16):
        yield BadItem(whole, "is UTF-16", "save it as UTF-8 without a byte order mark")
        return
    try:
        text = jsontext.decode(data)
        found = document.scan(text)
    except BadRequest as error:
        yield BadItem(whole, error.message, error.hint)
        return
    if found.resource_type is None:
        yield BadItem(whole, "is not a FHIR resource", "give a Bundle, a resource or NDJSON")
    elif found.resource_type != "Bundle":
        yield _checked(whole, data.strip(b" \t\r\n"), None)
    elif not isinstance(found.type, str) or found.type not in BUNDLE_TYPES:
        yield BadItem(whole, "is a Bundle without a type that R4 knows", "set Bundle.type")
    elif not found.entries_are_a_list:
        yield BadItem(whole, "has entries that are no list", "export it again")
    else:
        yield from _entries(text, found.entries, name)


def _entries(text: str, spans: list[document.EntrySpan], name: str) -> Iterator[Item]:
    for number, span in enumerate(spans, 1):
        source = Source(name, "entry", number)
        if span.start < 0:
            yield BadItem(
                source,
                "has no resource",
                "nothing to import; a deletion is made by retracting the entry",
            )
        else:
            raw = text[span.start : span.end].encode("utf-8")
            yield _checked(source, raw, span.full_url)


def _checked(source: Source, raw: bytes, full_url: str | None) -> Item:
    if len(raw) > MAX_RESOURCE:
        return _too_large(source)
    try:
        jsontext.decode(raw)
    except BadRequest as error:
        return BadItem(source, error.message, error.hint, raw)
    return SourceItem(source, raw, full_url)


def _too_large(source: Source) -> BadItem:
    return BadItem(
        source,
        f"is larger than {MAX_RESOURCE >> 20} MiB",
        "keep large attachments outside and refer to them by url and hash",
    )


def _looks_like_ndjson(file: IO[bytes]) -> bool:
    """Whether two lines each begin an object at their start and the first is complete by itself."""
    start = file.tell()
    lines: list[bytes] = []
    while len(lines) < 2 and (line := file.readline(MAX_RESOURCE)):
        if line.strip():
            lines.append(line)
    file.seek(start)
    if len(lines) < 2 or not lines[1].lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(jsontext.parse(lines[0]), dict)
    except BadRequest:
        return False
