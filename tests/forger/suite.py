"""All lies, in the order of the document."""

from __future__ import annotations

from tests.forger import (
    authors,
    custodians,
    governors,
    holder,
    network,
    operator_claims,
    operator_disk,
    operator_entries,
    operator_history,
    operator_index,
)

BOOKS = (
    operator_history.BOOK,
    operator_entries.BOOK,
    operator_index.BOOK,
    operator_claims.BOOK,
    operator_disk.BOOK,
    authors.BOOK,
    governors.BOOK,
    custodians.BOOK,
    network.BOOK,
    holder.BOOK,
)
LIES = tuple(lie for book in BOOKS for lie in book.lies)
