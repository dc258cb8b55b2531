"""Large payloads: the table, the directories, and every chunk against its manifest."""

from __future__ import annotations

from hashlib import sha256

from ledger.check.erasure import ErasureCheck
from ledger.check.report import Report
from ledger.errors import CounterfoilError
from ledger.store.environment import Reader
from ledger.store.store import Store, large_payloads_in, leaves_in
from ledger.vault.door import unseal_entry
from ledger.vault.keys import VaultKeys
from ledger.wire.claim import Claim
from ledger.wire.ids import Hash
from ledger.wire.leaf import claim_bytes
from ledger.wire.manifest import Manifest


def check_large(
    report: Report, store: Store, reader: Reader, vault: VaultKeys | None, erasure: ErasureCheck
) -> None:
    """Each large payload has the chunks that its manifest names, whole; without a vault, that it
    has so many.
    """
    known: list[Hash] = []
    for index, blob_hash, chunks in large_payloads_in(reader):
        known.append(blob_hash)
        if index >= report.size:
            report.add("table large", "names a leaf that the log does not have")
            continue
        if erasure.ordered(index):
            continue
        try:
            what = _wrong(store, reader, vault, index, blob_hash, chunks)
        except CounterfoilError as error:
            what = error.message
        if what:
            report.add(f"large payload {index}", what)
        report.progress("large payloads", index, report.size)
    for path in store.large.strays(known):
        report.note(
            f"payloads/large/{path.name}", "belongs to no entry: the next opening removes it"
        )


def _wrong(
    store: Store, reader: Reader, vault: VaultKeys | None, index: int, blob_hash: Hash, chunks: int
) -> str:
    """What is wrong with one; empty when nothing is."""
    (leaf,) = leaves_in(reader, index, index + 1)
    claim = Claim.decode(claim_bytes(leaf))
    if claim.blob_hash != blob_hash:
        return "the table names another blob than the leaf"
    if store.large.count(blob_hash) != chunks:
        return f"there are not {chunks} chunks"
    if vault is None:
        return ""
    content, _ = unseal_entry(store, vault, claim, index)
    manifest = Manifest.decode(content.content)
    if manifest.count != chunks:
        return f"the table names {chunks} chunks, the manifest {manifest.count}"
    for number in range(chunks):
        if sha256(store.large.read(blob_hash, number)).digest() != manifest.hash(number):
            return f"chunk {number} is damaged"
    return ""
