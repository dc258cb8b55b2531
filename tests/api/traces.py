"""What reading left in a record."""

from __future__ import annotations

from typing import Any

from ledger.record.header import Header, decode_header
from ledger.wire.claim import Kind
from tests.api.running import Running


def accesses(service: Running, identity: str) -> list[dict[str, Any]]:
    """Headers of the access entries of the record that a resource stands in, oldest first."""
    log = service.log
    chain = log.reader.entry(int(identity.partition("-")[2])).leaf.claim.chain
    entries = [one for one in log.reader.history(chain) if one.leaf.claim.kind is Kind.ACCESS]
    return [dict(log.vault.use(one.index, "test").header) for one in entries[::-1]]


class Trace:
    """Accesses to one record, from one look to the next; the first looks from here on."""

    def __init__(self, service: Running, identity: str) -> None:
        self._service = service
        self._identity = identity
        self._seen = len(accesses(service, identity))

    def new(self) -> list[tuple[int, str | None]]:
        """Since the last look: how many contents each released, and what was searched for."""
        return [(len(one.entries), one.query) for one in self.headers()]

    def headers(self) -> list[Header]:
        """The same, whole."""
        found = accesses(self._service, self._identity)
        new, self._seen = found[self._seen :], len(found)
        return [decode_header(one) for one in new]
