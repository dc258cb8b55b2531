"""Writes the examples in docs/spec anew after the vectors have changed.

    python -m tests.vectors.spec_blocks

A hex block keeps its lines and remarks, so the fields must have kept their sizes; a test compares
every block with its vector and says which one needs a hand.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

from tests.vectors.entries_log import leaf_claim

VECTORS = Path(__file__).parent
SPEC = VECTORS.parents[1] / "docs" / "spec"
BLOCK = re.compile(r"^```(\w+) (\S+\.json) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BYTES = (
    *("claim", "statement", "leaf", "body", "blob", "cbor"),
    *("entry_id", "key", "note", "file", "bundle", "policy"),
)
BASE64 = {"note", "file", "bundle", "policy"}


def find(value: Any, name: str) -> dict[str, Any] | None:
    """The case of that name, wherever in the file."""
    if isinstance(value, dict):
        if value.get("name") == name:
            return value
        value = list(value.values())
    if isinstance(value, list):
        return next(filter(None, (find(item, name) for item in value)), None)
    return None


def case_bytes(vectors: Any, case: str) -> bytes:
    """The bytes that ``CASE`` or ``CASE.FIELD`` names."""
    name, _, field = case.partition(".")
    found = find(vectors, name)
    if found is None:
        raise SystemExit(f"there is no case {name}")
    field = field or next(field for field in BYTES if field in found)
    return b64decode(found[field]) if field in BASE64 else bytes.fromhex(found[field])


def hex_lines(old: str, data: bytes) -> str:
    """The block's lines with other bytes."""
    lines, at = [], 0
    for line in old.splitlines():
        shown, mark, remark = line.partition("#")
        before = bytes.fromhex(shown)
        now = data[at : at + len(before)]
        if now == before:
            lines.append(line)
        else:
            lines.append(f"{now.hex().ljust(len(shown))}{mark}{remark}" if mark else now.hex())
        at += len(before)
    if at != len(data):
        raise SystemExit(f"a block has {at} bytes, its vector {len(data)}: edit it by hand")
    return "\n".join(lines) + "\n"


def chain_lines(old: str, vectors: Any) -> str:
    """The chains of the small log, in the order of their first leaves."""
    chains: dict[str, None] = {}
    for row in vectors["leaves"]:
        chains[leaf_claim(bytes.fromhex(row["leaf"]))[34:50].hex()] = None
    rows = zip(chains, old.splitlines(), strict=True)
    return "".join(f"{chain}{line[32:]}\n" for chain, line in rows)


def derived_lines(vectors: Any) -> str:
    """The first two derived chain ids."""
    return "".join(
        f"label  {case['label']}\nlog    {case['log']}\nowner  {case['owner']}\n"
        f"chain  {case['chain']}\n"
        for case in vectors["chains"][:2]
    )


def renewed(match: re.Match[str]) -> str:
    """One block with what its vector says now."""
    kind, file, case, old = match.groups()
    vectors = json.loads((VECTORS / file).read_text(encoding="utf-8"))
    if kind == "hex":
        new = hex_lines(old, case_bytes(vectors, case))
    elif kind == "text":
        new = case_bytes(vectors, case).decode()
    elif kind == "chains":
        new = chain_lines(old, vectors)
    elif kind == "derived":
        new = derived_lines(vectors)
    else:
        return match.group()
    return match.group().replace(old, new)


def main() -> None:
    for page in sorted(SPEC.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        page.write_text(BLOCK.sub(renewed, text), encoding="utf-8")


if __name__ == "__main__":
    main()
