"""A span of which nothing but its place in the tree is looked at."""

from __future__ import annotations

from verifier.audit.reading import SpanReader, leaf_hashes
from verifier.audit.spans import MemoryRecord, Span
from verifier.errors import NotVerified, Problem
from verifier.formats.merkle import perfect_root
from verifier.formats.tiles import WIDTH, Source, compare_tile


def skim(source: Source, reader: SpanReader, span: Span) -> MemoryRecord:
    problems: list[Problem] = []
    bundles: list[bytes] = []
    hashes: list[bytes] = []
    stopped = None
    try:
        for first, entries in reader.bundles():
            row = leaf_hashes(entries)
            hashes += row
            if len(row) == WIDTH:
                try:
                    compare_tile(source, 0, first // WIDTH, row)
                except NotVerified as error:
                    problems.append(error.problem)
                bundles.append(perfect_root(row))
    except NotVerified as error:
        problems.append(error.problem)
        stopped = "unreadable"
    header = {
        "first": span.first,
        "count": len(hashes),
        "stopped": stopped,
        "capped": False,
        "problems": [[one.step, one.expected, one.found, one.index] for one in problems],
    }
    return MemoryRecord(header, {"bundles": b"".join(bundles), "hashes": b"".join(hashes)})
