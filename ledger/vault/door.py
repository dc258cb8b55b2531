"""The one door through which content leaves.

``release`` gives content to a caller, and only against the receipt of a durable access entry that
names it; ``disclose`` gives the key itself, on the same terms; ``use`` opens content for internal
work. All are written to the vault's own journal first. Run in another process, by another party
than the log's operator, the same door stops that operator from reading without a trace; here it is
a seam.

A resource of an institution's directory belongs to no person and needs no access entry.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby
from typing import Final

from ledger.errors import BadEvidence, BadRequest, LedgerFault
from ledger.identity import Registry
from ledger.large import Stream, open_stream
from ledger.merkle import check_inclusion, leaf_hash
from ledger.store.store import Store
from ledger.store.tables import DAMAGED
from ledger.vault.journal import Fields, Journal
from ledger.vault.keys import Progress, VaultKeys
from ledger.vault.master import NewMaster
from ledger.vault.opening import Secrets, VaultPaths, open_keys, renew_master
from ledger.vault.rotation import new_period
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.claim import CHAIN_AT, Claim, Kind
from ledger.wire.evidence import Disclosure
from ledger.wire.ids import Position
from ledger.wire.leaf import Leaf, claim_bytes, decode_leaf
from ledger.wire.receipt import Receipt
from ledger.wire.sealed import MAX_CONTENT, Content, associated_data, commits_to, unseal

ENTRIES_FIELD: Final = "entries"
"""Field of an access entry's sealed header: leaf hashes of what is released."""
MOST: Final = 256
"""Entries that are opened at once: a line of the journal has room for their names."""
_REMEMBERED: Final = 65_536
_PLAINLY: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the payloads and content keys of one log of the line lie."""

    store: Store
    keys: VaultKeys


class Vault:
    """Keys, journal and door of an open ledger. Any thread may ask."""

    def __init__(
        self,
        paths: VaultPaths,
        secrets: Secrets,
        store: Store,
        registry: Registry,
        earlier: Sequence[Shelf] = (),
    ) -> None:
        """``earlier`` has the shelves of the logs before this one, the nearest first."""
        self.keys = open_keys(paths, secrets)
        self.secrets = secrets
        self._paths = paths
        self._earlier = tuple(earlier)
        self._store = store
        self._registry = registry
        self._journal = Journal(paths.journal)
        self._verifier = checkpoint_verifier(registry.genesis.checkpoint_keys[0])
        self._mutex = threading.Lock()
        self._released: set[tuple[int, Position]] = set()
        # An access entry from before this opening may have been used already: it takes a new one.
        self._first_access = store.state().size

    def tag(self, domain: bytes, *parts: bytes) -> bytes:
        """A keyed fingerprint for the tag index (16 bytes)."""
        return self.secrets.tags.tag(domain, *parts)

    def use(self, index: int, purpose: str, back: int = 0) -> Content:
        """Open an entry for internal work, which must not hand it to a caller."""
        return _whole(self.use_stream(index, purpose, back), index)

    def use_stream(self, index: int, purpose: str, back: int = 0) -> Stream:
        """``use``, for content of any size."""
        return _opened(next(self.use_all([Position(index, back)], purpose)))

    def use_all(self, places: Sequence[Position], purpose: str) -> Iterator[Stream | BadRequest]:
        """``use_stream`` of up to ``MOST`` entries, with one line of the journal; an entry that
        has no content or none that can be opened is there as its error. Each is opened when it is
        asked for, so that only one need be in memory.
        """
        leaves = [self._leaf(*place) for place in _some(places)]
        self._journal.add({**_named(places), "use": purpose})
        return (self._tried(*pair) for pair in zip(places, leaves, strict=True))

    def release(self, index: int, access: Receipt | None, back: int = 0) -> Content:
        """The content of an entry, up to 16 MiB, against the receipt of the access entry that names
        it; see ``release_stream``.
        """
        return _whole(self.release_stream(index, access, back), index)

    def release_stream(self, index: int, access: Receipt | None, back: int = 0) -> Stream:
        """The content of an entry in pieces, against the receipt of the access entry that names it.

        ``back`` counts the logs of the line between the entry's log and this one, where the access
        entry stands.

        Each access entry releases each of its entries once. Raises BadRequest or BadEvidence when
        the receipt does not allow it, LedgerFault when payload or key are not as the log says.
        """
        return _opened(next(self.release_all([Position(index, back)], access)))

    def release_all(
        self, places: Sequence[Position], access: Receipt | None
    ) -> Iterator[Stream | BadRequest]:
        """``release_stream`` of up to ``MOST`` entries of one record against one access entry, with
        one line of the journal. The receipt must allow all of them; an entry that has no content or
        none that can be opened is then there as its error. Each is opened when it is asked for.
        """
        leaves = self._let_out(_some(places), access)
        return (self._tried(*pair) for pair in zip(places, leaves, strict=True))

    def _tried(self, place: Position, leaf: bytes) -> Stream | BadRequest:
        try:
            return self._open(place.at, leaf, place.back)
        except BadRequest as error:
            return error

    def disclose(self, at: Position, access: Receipt | None) -> Disclosure:
        """The content key and the sealed blob of an entry, for an evidence file: whoever has both
        opens this content anywhere and for good. Admitted as ``release_stream`` is, and raises the
        same.
        """
        self.check_disclosable(at)
        (leaf,) = self._let_out([at], access, {"as": "disclosure"})
        claim = Claim.decode(claim_bytes(leaf))
        shelf = self.shelf(at.back)
        _, key = unseal_entry(shelf.store, shelf.keys, claim, at.at)
        return Disclosure(key, shelf.store.payload(at.at))

    def check_disclosable(self, at: Position) -> None:
        """Raises BadRequest for content that no evidence file can hold."""
        if self.shelf(at.back).store.chunks_of(at.at) is not None:
            raise BadRequest(
                f"entry {at} holds more than 16 MiB: an evidence file cannot hold that",
                hint="`counterfoil show --content` gives the content",
            )

    def _let_out(
        self,
        places: Sequence[Position],
        access: Receipt | None,
        how: Mapping[str, str] = _PLAINLY,
    ) -> list[bytes]:
        """Whether content may leave, written to the journal; returns the entries' leaves."""
        leaves = [self._leaf(*place) for place in places]
        chains = {claim[CHAIN_AT] for claim in map(claim_bytes, leaves)}
        if access is None:
            if not chains <= self._registry.derived.keys():
                raise BadRequest("content of a record is released against an access entry only")
            self._journal.add({**_named(places), **how})
        else:
            self._check_access(access, chains, places, leaves)
            self._take(access.index, places)
            self._journal.add({**_named(places), "access": access.index, **how})
        return leaves

    def destroy(self, indexes: Iterable[int], reason: str) -> None:
        """Destroy content keys for good; the journal says so first, one line for each row of
        neighbours. ``reason`` names no person.
        """
        doomed = sorted(set(indexes))
        for first, count in _neighbours(doomed):
            self._journal.add({"entry": first, "count": count, "destroy": reason})
        self.keys.destroy(doomed)

    def new_period(self, progress: Progress = lambda *_: None) -> int:
        """Move all keys under a new period key and destroy the old one; returns its number.

        Nothing else may be asked of the ledger meanwhile.
        """
        self.keys.close()
        period = new_period(self._paths, self.secrets, self.note, progress)
        self.secrets = replace(self.secrets, period=period)
        self.keys = open_keys(self._paths, self.secrets)
        return period.number

    def renew_master(self, new: NewMaster) -> None:
        """Put the period key under a new master key and destroy the old one."""
        renew_master(self._paths, self.secrets, new)
        self.secrets = replace(self.secrets, master=new.key)
        self.note({"period": self.secrets.period.number, "master": "renewed"})

    def note(self, fields: Fields) -> None:
        """A line about the vault itself."""
        self._journal.add(fields)

    def _check_access(
        self,
        access: Receipt,
        chains: Collection[bytes],
        places: Sequence[Position],
        leaves: Sequence[bytes],
    ) -> None:
        origin = self._registry.genesis.origin
        checkpoint = open_checkpoint(access.checkpoint, origin, [self._verifier]).checkpoint
        check_inclusion(
            access.index, leaf_hash(access.leaf), checkpoint.size, access.hashes, checkpoint.root
        )
        entry = decode_leaf(access.leaf)
        if entry.claim.kind is not Kind.ACCESS or {entry.claim.chain} != chains:
            raise BadRequest("the receipt is not of an access to this record")
        if any(not place.back and access.index <= place.at for place in places):
            raise BadRequest("the access entry is older than what it is to release")
        named = set(self._named_entries(entry, access.index))
        for place, leaf in zip(places, leaves, strict=True):
            if leaf_hash(leaf) not in named:
                raise BadRequest(
                    f"the access entry does not name entry {place.at}", hint="append one that does"
                )

    def _named_entries(self, access: Leaf, index: int) -> list[bytes]:
        header = unseal_entry(self._store, self.keys, access.claim, index)[0].header
        named = header.get(ENTRIES_FIELD)
        return [one for one in named if isinstance(one, bytes)] if isinstance(named, list) else []

    def _take(self, access: int, places: Sequence[Position]) -> None:
        taken = {(access, place) for place in places}
        with self._mutex:
            if access < self._first_access or not taken.isdisjoint(self._released):
                raise BadRequest(
                    "this access entry was used already", hint="append a new one for a new release"
                )
            self._released |= taken
            if len(self._released) > _REMEMBERED:
                first, _ = sorted(self._released)[_REMEMBERED // 2]
                self._first_access = first
                self._released = {pair for pair in self._released if pair[0] >= first}

    def shelf(self, back: int) -> Shelf:
        """Where a log of the line keeps payloads and keys, 0 for this one. Raises BadRequest."""
        if not back:
            return Shelf(self._store, self.keys)
        if not 0 < back <= len(self._earlier):
            raise BadRequest("there is no such earlier log", hint="count back from the newest one")
        return self._earlier[back - 1]

    def _leaf(self, index: int, back: int) -> bytes:
        store = self.shelf(back).store
        size = store.state().size
        if not 0 <= index < size:
            raise BadRequest(
                f"there is no entry {index}", hint=f"the log has entries 0 to {size - 1}"
            )
        return store.leaf(index)

    def _open(self, index: int, leaf: bytes, back: int) -> Stream:
        claim, shelf = Claim.decode(claim_bytes(leaf)), self.shelf(back)
        content, key = unseal_entry(shelf.store, shelf.keys, claim, index)
        place = associated_data(claim.log, claim.chain, claim.entry_id)
        return open_stream(content, key, place, claim.blob_hash, index, shelf.store.large)

    def close(self) -> None:
        """Close journal and key file."""
        self._journal.close()
        self.keys.close()
        for shelf in self._earlier:
            shelf.keys.close()


def _named(places: Sequence[Position]) -> dict[str, int | str | list[int | str]]:
    """Entries, as the journal names them."""
    if len(places) == 1:
        (index, back), *_ = places
        return {"entry": index, "back": back} if back else {"entry": index}
    return {"entries": [str(place) if place.back else place.at for place in places]}


def _some(places: Sequence[Position]) -> Sequence[Position]:
    """Raises BadRequest for none, for too many, and for one that is there twice."""
    if not 1 <= len(places) <= MOST or len(set(places)) < len(places):
        raise BadRequest(f"1 to {MOST} different entries are opened at once")
    return places


def _opened(stream: Stream | BadRequest) -> Stream:
    if isinstance(stream, BadRequest):
        raise stream
    return stream


def _neighbours(indexes: list[int]) -> Iterator[tuple[int, int]]:
    """First and number of each row of indexes that follow each other."""
    for _, group in groupby(enumerate(indexes), lambda pair: pair[1] - pair[0]):
        row = [index for _, index in group]
        yield row[0], len(row)


def _whole(stream: Stream, index: int) -> Content:
    """A content that fits into memory."""
    if stream.size > MAX_CONTENT:
        raise BadRequest(
            f"entry {index} holds {stream.size} bytes", hint="ask for it as a stream of pieces"
        )
    return Content(stream.header, b"".join(stream.pieces))


def unseal_entry(store: Store, keys: VaultKeys, claim: Claim, index: int) -> tuple[Content, bytes]:
    """An entry's opened blob and its content key. Raises BadRequest or LedgerFault."""
    if not claim.blob_size:
        raise BadRequest(f"entry {index} has no content")
    key = keys.load(index)
    if key is None:
        raise BadRequest(f"the key of entry {index} was destroyed: its content is gone for good")
    blob = store.payload(index)
    if sha256(blob).digest() != claim.blob_hash:
        raise LedgerFault(f"payload {index} is not the one that its leaf names", hint=DAMAGED)
    try:
        place = associated_data(claim.log, claim.chain, claim.entry_id)
        return unseal(blob, key, place), key
    except BadEvidence as error:
        if commits_to(blob, key):
            # Blob and key are those that were handed in: nothing here is damaged.
            raise BadRequest(
                f"entry {index} cannot be opened: its author sealed it wrongly",
                hint="ask its author to amend it",
            ) from error
        raise LedgerFault(
            f"entry {index} cannot be opened: {error}", hint="restore the vault's key files"
        ) from error
