"""Permission under ``/v1``: the scope first (403), then what ties the caller to the record (404, as
if it were absent).

    content, accesses             the decision about the record (``api.auth.decision``)
    amend, retract, unlink,       the same
    erase
    everything else that is new   no tie to the record: the first link and entry begin it
    leaves, receipts, evidence    the decision, and custodians and auditors in force
    absence                       custodians and auditors only: the answer tells what exists
    leaves of nobody's record     every caller with the scope: actors, directories, batches, epochs;
                                  but an actor of one record is that record's

Persons, proxies and guardians get the scope to read alone: the decision lets them read their own
record and no other. Devices and apps of one record get no scope for ``/v1`` (``api.auth.scopes``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from enum import Enum, auto
from typing import Final, ParamSpec, TypeVar

from aiohttp import web

from api.auth.decision import Interaction, demand_scope
from api.auth.scopes import AUDITORS
from api.auth.standing import Standing, standing
from api.bridge import BRIDGE
from api.caller import CALLER
from api.denials import note_denial
from api.desk import DESK, viewer_of
from api.errors import Refused, not_found
from api.keys import REQUEST_ID
from ledger.log import Entry
from ledger.record.model import Viewer
from ledger.resources.reading import AskedBy
from ledger.resources.relations import institution_of
from ledger.serving.arriving import CHANGING, stands
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId, EntryId

P = ParamSpec("P")
T = TypeVar("T")
NO_TYPE: Final = ""
"""Where the decision asks for a FHIR type: a statement has none."""


class _Denied(Exception):
    """The caller may not do this in a record that exists."""

    def __init__(self, record: ChainId, rule: str) -> None:
        super().__init__()
        self.record = record
        self.rule = rule


class Shown(Enum):
    """What of a record is asked for."""

    LEAVES = auto()
    """That there are entries, by whom, when; receipts and evidence."""
    CONTENT = auto()
    """What is sealed."""


class Permission:
    """Of the caller of one request. What begins with ``demand`` looks up: it is called within
    ``look_up``.
    """

    def __init__(self, request: web.Request) -> None:
        self.caller = request[CALLER]
        self.asked = AskedBy(self.caller.actor, self.caller.purpose, request[REQUEST_ID])
        self._app = request.app
        self._desk = request.app[DESK]
        self._reader = request.app[BRIDGE].log.reader

    async def look_up(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something in a thread; what it demands and the caller may not is noted, and answered
        as if it were absent.
        """
        try:
            return await self._app[BRIDGE].call(function, *args, **kwargs)
        except _Denied as error:
            denied = error
        note_denial(self._app, self.asked, denied.record)
        raise not_found(denied=denied.rule)

    async def note_stranger(self, record: ChainId) -> None:
        """Note in a record that the caller asked for it, if the caller may not know of it."""
        decision = await self._app[BRIDGE].call(
            self._desk.decide, self.caller, Interaction.FETCH, NO_TYPE, record
        )
        if not decision.allowed:
            note_denial(self._app, self.asked, record)

    def demand_author(self, author: ActorId) -> None:
        """Whoever hands in a statement signed it, or somebody of its institution. Raises
        Refused.
        """
        registry, ours = self._reader.registry, self.caller.institution
        if author == self.caller.actor:
            return
        if ours is None or institution_of(registry, author) != ours:
            raise Refused(
                403,
                "the author of the statement is neither the caller nor of its institution",
                hint="hand in what your institution signed",
                code="forbidden",
                denied="author",
            )

    def demand_append(
        self, kind: Kind, author: ActorId, entry_id: EntryId, chains: Collection[ChainId]
    ) -> None:
        """Raises Refused when entries of this kind may not be handed in for one of the chains. What
        stands already is answered as before.
        """
        if stands(self._reader, author, entry_id):
            return
        directory = self._reader.registry.directory_chain(author)
        if kind in CHANGING:
            for chain in chains:
                if chain != directory:
                    self._demand(chain, Interaction.APPEND)

    def demand_shown(self, chain: ChainId, shown: Shown) -> None:
        """Raises Refused when the caller may not be shown this of a chain."""
        if not self._desk.library.is_record(chain):
            if self._reader.find_head(chain) is None:
                raise not_found()
            actor = self._reader.registry.actors.get(ActorId(chain))
            if actor is None or actor.record is None:
                return
            # The enrolment of who acts in one record only names that record, whose id is all that
            # it takes to begin a relationship to it.
            chain = actor.record
        if shown is Shown.LEAVES and self.caller.role in AUDITORS:
            self.demand_auditor()
            return
        self._demand(chain, Interaction.FETCH)

    def demand_content(self, entry: Entry) -> None:
        """Raises Refused when the caller may not be shown an entry's content: a person is shown
        what the view of the person shows, and no draft of a document.
        """
        chain = entry.leaf.claim.chain
        if viewer_of(self.caller) is Viewer.PERSON and self._desk.library.is_record(chain):
            shelf = self._desk.library.shelf(chain, Viewer.PERSON)
            if shelf.at(entry.position) is None:
                raise not_found()

    def demand_record(self, chain: ChainId, shown: Shown) -> None:
        """The same for what only the record of a person has."""
        if not self._desk.library.is_record(chain):
            raise not_found()
        self.demand_shown(chain, shown)

    def demand_auditor(self) -> None:
        """Raises Refused for everybody but custodians and auditors in force."""
        caller = self.caller
        now_ms = time.time_ns() // 1_000_000
        standing_now = standing(self._reader.registry, caller.actor, now_ms)
        if caller.role not in AUDITORS or standing_now is not Standing.IN_FORCE:
            raise Refused(
                403,
                "this is for custodians and auditors",
                hint="ask one",
                code="forbidden",
                denied="role",
            )

    def _demand(self, record: ChainId, interaction: Interaction) -> None:
        if not self._desk.library.is_record(record):
            raise not_found()
        decision = self._desk.decide(self.caller, interaction, NO_TYPE, record)
        if not decision.allowed:
            raise _Denied(record, decision.rule)


def may(request: web.Request, interaction: Interaction) -> Permission:
    """The caller's permission, once its scope was looked at. Raises Refused."""
    demand_scope(request[CALLER], interaction, NO_TYPE)
    return Permission(request)
