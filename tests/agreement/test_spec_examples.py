"""The examples and limits in docs/spec are those of vectors and code, and both readers read them.

A block's first line names the vector, "hex FILE CASE" or "text FILE CASE", with ``CASE.FIELD``
where the case's own bytes are not meant. In hex, " # " starts a remark.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections import defaultdict
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from ledger.identity import MAX_GOVERNORS, ROLES
from ledger.identity import roles as roles_table
from ledger.merkle import MAX_PROOF_LEAVES
from ledger.sequencer import FUTURE_MS, ID_WINDOW_MS
from ledger.wire import (
    batch,
    cbor,
    checkpoint,
    claim,
    evidence,
    leaf,
    manifest,
    note,
    proof,
    sealed,
    tile,
)
from ledger.wire import epoch as epoch_body
from tests.agreement.readers import BOTH, VECTORS, accepted, load
from tests.vectors.entries_log import leaf_claim
from verifier.formats.policy import MAX_POLICY_BYTES

SPEC = Path(__file__).parents[2] / "docs" / "spec"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(SPEC.glob("*.md"))}
BLOCK = re.compile(r"^```(\w+) (\S+\.json) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BYTES: Final = (
    *("claim", "statement", "leaf", "body", "blob", "cbor"),
    *("entry_id", "key", "note", "file", "bundle", "policy"),
)
"""The field with the bytes of a case, whatever the file."""
BASE64: Final = {"note", "file", "bundle", "policy"}
FORMATS: Final = {
    "cbor.json": ["cbor"],
    "claim.json": ["claim"],
    "statement.json": ["statement"],
    "leaf.json": ["leaf"],
    "batch.json": ["batch"],
    "registry.json": ["genesis", "actor", "trust"],
}


class Block(NamedTuple):
    """A fenced block that names a vector."""

    page: str
    kind: str
    file: str
    case: str
    text: str

    def bytes(self) -> bytes:
        if self.kind == "text":
            return self.text.encode()
        lines = (line.partition("#")[0] for line in self.text.splitlines())
        return bytes.fromhex("".join(lines))


BLOCKS = [
    Block(page, *match.groups()) for page, text in PAGES.items() for match in BLOCK.finditer(text)
]
EXAMPLES = [block for block in BLOCKS if block.kind in ("hex", "text")]


def find(value: Any, name: str) -> dict[str, Any] | None:
    """The case of that name, wherever in the file."""
    if isinstance(value, dict):
        if value.get("name") == name:
            return value
        value = list(value.values())
    if isinstance(value, list):
        return next(filter(None, (find(item, name) for item in value)), None)
    return None


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda b: f"{b.page}-{b.case}")
def test_examples(block: Block) -> None:
    name, _, field = block.case.partition(".")
    case = find(load(block.file), name)
    assert case is not None
    if not field:
        field = next(field for field in BYTES if field in case)
    expected = b64decode(case[field]) if field in BASE64 else bytes.fromhex(case[field])
    assert block.bytes() == expected
    assert case.get("valid", True)
    formats = FORMATS.get(block.file, [])
    if formats:
        assert any(all(accepted(reader, expected) for reader in BOTH[format]) for format in formats)


def test_chains_of_the_small_log() -> None:
    (block,) = (block for block in BLOCKS if block.kind == "chains")
    chains = defaultdict(list)
    for index, row in enumerate(load(block.file)["leaves"]):
        chains[leaf_claim(bytes.fromhex(row["leaf"]))[34:50].hex()].append(index)
    shown = {}
    for line in block.text.splitlines():
        chain, *indexes = line.partition("#")[0].split()
        shown[chain] = [int(index) for index in indexes]
    assert shown == chains


def test_derived_chains() -> None:
    (block,) = (block for block in BLOCKS if block.kind == "derived")
    values = [line.split()[1] for line in block.text.splitlines()]
    for label, log, owner, chain in zip(*[iter(values)] * 4, strict=True):
        whole = label.encode() + bytes.fromhex(log) + bytes.fromhex(owner)
        assert sha256(whole).hexdigest()[:32] == chain
        assert any(case["chain"] == chain for case in load(block.file)["chains"])


def test_every_page_begins_with_an_example() -> None:
    for page, text in PAGES.items():
        if page == "README.md":
            continue
        example = text.index("```")
        assert page == "registry.md" or example < text.index("## "), page
        assert any(block.page == page for block in BLOCKS), page
        assert "\nVectors: `" in text, page


def test_pages_and_vectors_name_each_other() -> None:
    named = set(re.findall(r"`([a-z-]+\.json)`", PAGES["README.md"]))
    assert named == {path.name for path in VECTORS.glob("*.json")}
    linked = set(re.findall(r"\[[a-z-]+\.md\]\(([a-z-]+\.md)\)", PAGES["README.md"]))
    assert linked == set(PAGES) - {"README.md"}


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        if not target.startswith("https://"):
            assert (SPEC / target).exists(), target


LIMITS: Final = {
    "leaf, bytes": leaf.MAX_LEAF,
    "claim with its body, bytes": claim.MAX_CLAIM,
    "sealed blob, bytes": claim.MAX_BLOB,
    "content in a sealed blob, bytes": sealed.MAX_CONTENT,
    "header in a sealed blob, bytes": sealed.MAX_HEADER,
    "members of a batch": batch.MAX_MEMBERS,
    "large payload, bytes": manifest.MAX_SIZE,
    "CBOR item, bytes": cbor.MAX_BYTES,
    "CBOR depth": cbor.MAX_DEPTH,
    "entry bundle, entries": tile.FULL_WIDTH,
    "note, bytes": note.MAX_NOTE_SIZE,
    "signature lines of a note": note.MAX_SIGNATURES,
    "origin, bytes": checkpoint.MAX_NAME_SIZE,
    "proof hashes": proof.MAX_HASHES,
    "leaves of a multi-leaf proof, and of an evidence file": MAX_PROOF_LEAVES,
    "evidence file, bytes": evidence.MAX_FILE,
    "runs of an epoch": epoch_body.MAX_RUNS,
    "policy, bytes": MAX_POLICY_BYTES,
    "`extra` line, decoded bytes": proof.MAX_EXTRA_SIZE,
    "age of an entry id, ms": ID_WINDOW_MS,
    "clock ahead, ms": FUTURE_MS,
}


def test_limits() -> None:
    assert evidence.MAX_LEAVES == MAX_PROOF_LEAVES
    rows = re.findall(r"^\| ([^|]+) \| ([0-9,]+) \|$", PAGES["README.md"], re.MULTILINE)
    assert {name: int(value.replace(",", "")) for name, value in rows} == LIMITS


def test_kinds() -> None:
    rows = re.findall(r"^\| (\d+) \| ([a-z]+) \|", PAGES["claim.md"], re.MULTILINE)
    built = {int(kind): kind.name.lower() for kind in claim.BUILT_KINDS}
    assert {int(code): name for code, name in rows} == built
    (reserved,) = re.findall(
        r"^Reserved, .*?: (.*?)\.", PAGES["claim.md"], re.MULTILINE | re.DOTALL
    )
    named = dict(pair.split() for pair in reserved.replace("\n", " ").split(", "))
    assert {int(code): name for code, name in named.items()} == {
        int(kind): kind.name.lower() for kind in claim.Kind if kind not in claim.BUILT_KINDS
    }


def test_roles() -> None:
    """The tables of roles: who enrols them, what they sign and where."""
    page = PAGES["registry.md"]
    table = page[page.index("| role |") : page.index("By scope:")]
    enrolled, signs, bound = {}, {}, set()
    for roles, by, kinds, where in re.findall(
        r"^\| ([a-z, ]+) \| ([a-z, ]+) \| ([a-z ]+) \| ([a-z ,]+) \|$", table, re.MULTILINE
    ):
        for role in roles.split(", "):
            if role == "role":
                continue
            enrolled[role] = frozenset(by.split(", "))
            signs[role] = kinds
            bound |= {role} if where == "its record" else set()
    words = {"as organisation": signs["organisation"], "by scope": ""}
    kinds_of = {
        role: frozenset(claim.Kind[word.upper()] for word in words.get(kinds, kinds).split())
        for role, kinds in signs.items()
    }
    assert enrolled == roles_table.ENROLLED_BY
    assert kinds_of == roles_table.ROLE_KINDS
    assert bound == roles_table.RECORD_ROLES
    assert set(enrolled) == ROLES
    assert f"1 to {MAX_GOVERNORS}," in page


def test_scopes() -> None:
    (text,) = re.findall(r"^By scope: (.*?)\.$", PAGES["registry.md"], re.MULTILINE | re.DOTALL)
    rows = re.findall(r"`([a-z]+)` ([a-z ]+)", text)
    nothing = "nothing yet"
    assert {
        word: frozenset(claim.Kind[kind.upper()] for kind in kinds.split() if kinds != nothing)
        for word, kinds in rows
    } == roles_table.SCOPE_KINDS
