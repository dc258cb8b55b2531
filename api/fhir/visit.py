"""Visit: one request at the FHIR surface. Whose record it is about, whether the caller may, and
contents behind access entries that are durable before the first byte leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, ParamSpec, TypeVar

from aiohttp import web

from api.address import ADDRESS
from api.auth.decision import Interaction, by_scope, demand_scope
from api.bridge import BRIDGE, Bridge
from api.caller import CALLER, Caller
from api.denials import note_denial
from api.desk import DESK, Desk, viewer_of
from api.errors import Refused, check_waited_for, not_found
from api.fhir.formats import check_format
from api.keys import METRICS, REQUEST_ID
from ledger.errors import BadRequest, CounterfoilError
from ledger.fhir.interactions import interactions
from ledger.identity.roles import INSTITUTIONS
from ledger.log import Appended, Entry, Outcome
from ledger.record.model import Viewer
from ledger.resources.leads import space_of
from ledger.resources.reading import Access, AskedBy, access_entries, released, released_openly
from ledger.resources.rendering import rendered
from ledger.resources.shelf import Shelf, Stored, StoredVersion
from ledger.resources.writing import NOBODY, WHO, LeadsElsewhere
from ledger.wire.ids import ChainId, Position
from ledger.wire.sealed import Content

P = ParamSpec("P")
T = TypeVar("T")
MAX_QUERY: Final = 2_000
"""Bytes of a query that an access entry keeps."""
_NAMES: Final = {
    Interaction.CREATE: "create",
    Interaction.READ: "read",
    Interaction.VREAD: "vread",
    Interaction.HISTORY: "history-instance",
    Interaction.UPDATE: "update",
    Interaction.DELETE: "delete",
    Interaction.SEARCH: "search-type",
}
"""As the CapabilityStatement names them."""
Wanted = tuple[Stored, StoredVersion]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a resource was found: on whose chain, on which shelf."""

    chain: ChainId
    shelf: Shelf
    stored: Stored
    is_record: bool


@dataclass(slots=True)
class Visit:
    """Made for each request."""

    bridge: Bridge
    desk: Desk
    caller: Caller
    request_id: str
    base: str
    """The URL of the FHIR surface."""
    request: web.Request
    accesses: list[int] = field(default_factory=list)
    """Indexes of the access entries of this request."""
    told: int = 0
    """Bytes that parts of a Bundle are answered with so far."""

    @classmethod
    def of(cls, request: web.Request) -> Visit:
        """Raises Refused 406 for a request that wants another format than JSON."""
        check_format(request)
        app = request.app
        return cls(
            app[BRIDGE], app[DESK], request[CALLER], request[REQUEST_ID], base_of(request), request
        )

    @property
    def app(self) -> web.Application:
        """Of which the request is."""
        return self.request.app

    @property
    def viewer(self) -> Viewer:
        """With whose eyes the caller sees a record."""
        return viewer_of(self.caller)

    def demand(self, interaction: Interaction, type_: str) -> None:
        """Whether it is done here at all, and whether the scope reaches that far, before anything
        is looked up. Raises Refused 404, 405 or 403.
        """
        offered = interactions(type_)
        if not offered:
            raise not_found()
        name = _NAMES.get(interaction)
        if name is not None and name not in offered:
            raise Refused(
                405,
                f"{interaction.word} is not done with {type_}",
                hint="the CapabilityStatement says what is",
                code="not-supported",
                headers={"Allow": "GET"},
            )
        demand_scope(self.caller, interaction, type_)

    def reaches(self, interaction: Interaction, type_: str) -> bool:
        """Whether the token's scope does."""
        return by_scope(self.caller, interaction, type_).allowed

    async def find(self, type_: str, identity: str, interaction: Interaction) -> Place:
        """A resource that the caller may do this with. Raises what an absent one is answered
        with.
        """
        place = await self.bridge.call(self._find, type_, identity, interaction)
        if isinstance(place, Place):
            return place
        if place is not None:
            self.note_denial(place)
        raise not_found()

    def _find(self, type_: str, identity: str, interaction: Interaction) -> Place | ChainId | None:
        """The chain alone where the caller is denied."""
        library = self.desk.library
        chain = library.chain_of(identity)
        if chain is None:
            return None
        is_record = library.is_record(chain)
        if is_record and not self.desk.decide(self.caller, interaction, type_, chain).allowed:
            return chain
        if not is_record and not library.is_directory(chain):
            return None
        shelf = library.shelf(chain, self.viewer)
        stored = shelf.get(type_, identity)
        if stored is None:
            return None
        if interaction.writes:
            self._demand_kept(stored, in_directory=not is_record)
        return Place(chain, shelf, stored, is_record)

    def _demand_kept(self, stored: Stored, *, in_directory: bool) -> None:
        """A resource is changed by whoever wrote it first, an institution or a person, and by
        nobody else. The caller may read it, so this is no 404. Raises Refused.
        """
        registry = self.desk.log.reader.registry
        keeper = space_of(registry, stored.versions[0].writer)
        stranger = space_of(registry, self.caller.actor) != keeper
        if stranger or (in_directory and self.caller.role not in INSTITUTIONS):
            raise Refused(
                403,
                "somebody else wrote this resource",
                hint="ask whoever did to change it, or write one of your own",
                code="forbidden",
                denied="directory" if in_directory else "author",
            )

    async def may(self, interaction: Interaction, type_: str, record: ChainId) -> bool:
        """Whether the caller may do this in a record; a denial is noted."""
        decision = await self.bridge.call(self.desk.decide, self.caller, interaction, type_, record)
        if not decision.allowed:
            self.note_denial(record)
        return decision.allowed

    def note_denial(self, record: ChainId) -> None:
        """A denial is counted, and an entry if it is the first for a while."""
        self.app[METRICS].denied.labels("record").inc()
        note_denial(self.app, self._asked(None), record)

    async def plan(self, planning: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Plan a write. Where it names somebody whom the caller may not know of, that is noted in
        that record: the refusal tells that it exists.
        """
        try:
            return await self.bridge.call(planning, *args, **kwargs)
        except LeadsElsewhere as error:
            for record in error.records:
                await self.may(Interaction.READ, "Patient", record)
            raise

    def note_denials(self, records: Iterable[ChainId]) -> None:
        """The same for several."""
        for record in records:
            self.note_denial(record)

    async def release(
        self,
        wanted: Sequence[Wanted],
        records: Iterable[ChainId],
        *,
        query: str | None = None,
    ) -> dict[Position, bytes]:
        """The FHIR views of versions, by where they stand. Every record that is named gets its
        access entry, also where nothing of it is released. What cannot be opened is not there.
        """
        wanted = [pair for pair in wanted if pair[1].values is not None]
        made = await self.bridge.call(self._traces, wanted, list(records), query)
        indexes = await self._appended(made)
        return await self.bridge.call(self._rendered, wanted, made, indexes)

    async def release_entries(
        self, named: Mapping[ChainId, Sequence[Entry]], *, query: str | None = None
    ) -> dict[Position, Content]:
        """Contents of entries of records, behind an access entry in each."""
        made = await self.bridge.call(access_entries, self.desk.gateway, named, self._asked(query))
        indexes = await self._appended(made)
        return await self.bridge.call(released, self.desk.log, made, indexes)

    async def _appended(self, made: Sequence[Access]) -> Sequence[int]:
        """Append access entries: where they stand now."""
        check_waited_for(self.request)
        outcomes = await self.bridge.append([one.submission for one in made]) if made else []
        indexes = [one.index for one in appended(outcomes)]
        self.accesses += indexes
        return indexes

    def _traces(
        self, wanted: Sequence[Wanted], records: list[ChainId], query: str | None
    ) -> list[Access]:
        """The access entries of a release, to be appended before it."""
        return access_entries(self.desk.gateway, self._named(wanted, records), self._asked(query))

    def _named(
        self, wanted: Sequence[Wanted], records: list[ChainId]
    ) -> dict[ChainId, list[Entry]]:
        reader, library = self.desk.log.reader, self.desk.library
        named: dict[ChainId, list[Position]] = {record: [] for record in records}
        for stored, version in wanted:
            if not library.is_directory(stored.chain):
                named.setdefault(stored.chain, []).append(version.place)
        return {
            chain: [reader.entry(*place) for place in dict.fromkeys(places)]
            for chain, places in named.items()
        }

    def _rendered(
        self, wanted: Sequence[Wanted], made: Sequence[Access], indexes: Sequence[int]
    ) -> dict[Position, bytes]:
        log, library = self.desk.log, self.desk.library
        contents = released(log, made, indexes)
        openly = [version.place for stored, version in wanted if library.is_directory(stored.chain)]
        contents |= released_openly(log, list(dict.fromkeys(openly)))
        views: dict[Position, bytes] = {}
        chains = {stored.chain for stored, _ in wanted}
        leads = library.leads({one for chain in chains for one in library.joined(chain)})
        for stored, version in wanted:
            content = contents.get(version.place)
            if content is not None:
                views[version.place] = rendered(leads, stored, version, content.content)
        return views

    def _asked(self, query: str | None) -> AskedBy:
        if query is not None:
            query = query.encode()[:MAX_QUERY].decode(errors="ignore") or None
        return AskedBy(self.caller.actor, self.caller.purpose, self.request_id, query)

    def headers(self) -> Mapping[str, str]:
        """What every answer of this visit says."""
        if not self.accesses:
            return {}
        return {"Access-Entry": ", ".join(map(str, self.accesses))}


def base_of(request: web.Request) -> str:
    """The URL of the FHIR surface."""
    return f"{request.app[ADDRESS].url}/fhir"


def appended(outcomes: Sequence[Outcome]) -> list[Appended]:
    """All of them. Raises what the first refused entry is refused for."""
    for outcome in outcomes:
        if isinstance(outcome, CounterfoilError):
            raise outcome
    return [one for one in outcomes if isinstance(one, Appended)]


def refuse_nobody() -> BadRequest:
    """The answer to what would belong to somebody whom the caller may not know of."""
    return BadRequest(NOBODY, hint=WHO)
