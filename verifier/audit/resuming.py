"""What a record of an audit before is good for."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.audit.reading import RegistryEntry, registry_entry
from verifier.audit.spanaudit import LogFacts
from verifier.audit.spans import Record, Span


def fits(record: Record, span: Span, facts: LogFacts) -> bool:
    """It says all that an audit of this span would find out. What is false is looked at again: it
    may have been mended.
    """
    header = record.header
    return (
        header["log"] == facts.log.hex()
        and (header["first"], header["count"]) == (span.first, span.count)
        and header["stopped"] is None
        and not header["problems"]
        and (header["signatures"] or not facts.signatures)
        and (header["renewed"] is not None or not facts.renewed)
    )


def known_hashes(record: Record, span: Span, facts: LogFacts) -> bytes:
    """Of leaves whose signatures need not be checked again, in a span that was shorter."""
    header = record.header
    checked = header["log"] == facts.log.hex() and header["signatures"] and not header["problems"]
    return record.section("hashes") if checked and header["count"] < span.count else b""


def kept_entries(record: Record) -> Iterator[RegistryEntry]:
    raw, at = record.section("registry"), 0
    while at < len(raw):
        index = int.from_bytes(raw[at : at + 8], "big")
        end = at + 12 + int.from_bytes(raw[at + 8 : at + 12], "big")
        entry = registry_entry(index, raw[at + 12 : end])
        if entry is not None:
            yield entry
        at = end
