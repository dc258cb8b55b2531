"""Searching a record or the institutions' directories: whose it is, and what matches.

A search names a person. One that names nobody, somebody unknown, or somebody whose record the
caller may not see, finds nothing: the three are not to be told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from api.auth.decision import Interaction
from api.errors import Refused
from api.fhir.formats import check_word
from api.fhir.visit import Place, Visit
from ledger.errors import BadRequest
from ledger.fhir.compartment import DIRECTORY
from ledger.fhir.routing import Identifier
from ledger.fhir.searching import Query, Values, included, matches, parse_query, sort_key
from ledger.resources.shelf import Shelf, Stored
from ledger.wire.ids import ChainId


@dataclass(frozen=True, slots=True)
class Searched:
    """The shelves that a search looks through. ``record`` is None for directories."""

    record: ChainId | None
    shelves: tuple[Shelf, ...]
    denied: frozenset[ChainId] = frozenset()
    """Records that exist and that the caller may not see."""


def understood(
    visit: Visit, type_: str, pairs: Iterable[tuple[str, str]], *, strict: bool
) -> Query:
    """Raises Refused 400 for a query that is wrong, or that has unknown names and must not; 406
    for another format than JSON.
    """
    try:
        query = parse_query(type_, pairs, base=visit.base)
    except BadRequest as error:
        raise Refused(400, error.message, hint=error.hint, code="invalid") from error
    if query.format is not None:
        check_word(query.format)
    if strict and query.unknown:
        raise Refused(
            400,
            "the search has parameters that are not known here",
            hint="leave out what the CapabilityStatement does not list",
            code="not-supported",
        )
    return query


def searched(visit: Visit, query: Query, interaction: Interaction) -> Searched:
    """Where to look. Raises Refused for a search across persons. Looks up."""
    library, caller = visit.desk.library, visit.caller
    if not query.person and query.resource_type in DIRECTORY:
        return Searched(
            None, tuple(library.shelf(one, visit.viewer) for one in library.directories())
        )
    named = _records(visit, query)
    # Whom the caller may not know of is nobody, also beside others.
    records = {
        one
        for one in named
        if visit.desk.decide(caller, interaction, query.resource_type, one).allowed
    }
    if len(records) > 1:
        raise Refused(
            400,
            "the search is about several persons",
            hint="ask for one person at a time",
            code="not-supported",
        )
    denied = frozenset(named - records)
    if not records:
        return Searched(None, (), denied)
    record = records.pop()
    return Searched(record, (library.shelf(record, visit.viewer),), denied)


def _records(visit: Visit, query: Query) -> set[ChainId]:
    """Each name gives records; a record must be meant by all."""
    if query.person:
        sets = [_named(visit, names) for names in query.person]
        return set.intersection(*sets)
    if query.ids:
        return _named(visit, [f"{query.resource_type}/{one}" for one in query.ids])
    if visit.caller.record is not None:
        return {visit.caller.record}
    raise Refused(
        400,
        "the search names no person",
        hint="add patient=Patient/id, or patient:identifier=system|value; nobody is searched for "
        "across records",
        code="required",
    )


def _named(visit: Visit, names: Sequence[str | Identifier]) -> set[ChainId]:
    library = visit.desk.library
    found = set()
    for name in names:
        if isinstance(name, Identifier):
            record = library.find(name)
        else:
            record = library.chain_of(name.rpartition("/")[2])
        if record is not None and library.is_record(record):
            # Records that are joined are one person's: one of them stands for all.
            found.add(min(library.joined(record)))
    return found


def matching(query: Query, shelves: Iterable[Shelf]) -> list[Stored]:
    """What matches, in the order that was asked for; else the newest first."""
    found = [
        stored
        for shelf in shelves
        for stored in shelf.of_type(query.resource_type)
        if stored.content is not None and matches(query, _values(stored))
    ]
    if query.sort:
        return sorted(found, key=lambda one: sort_key(query, _values(one)))
    return sorted(found, key=lambda one: one.current.place.order, reverse=True)


def included_in(
    visit: Visit, query: Query, found: Sequence[Stored], shelves: Sequence[Shelf]
) -> list[Stored]:
    """What ``_include`` and ``_revinclude`` bring, as far as the caller's scope reaches. Looks
    up.
    """
    there = {one.identity for one in found}
    more: dict[str, Stored] = {}
    for include in query.includes:
        for one in found:
            for reference in included(include, _values(one)):
                stored = _led_to(visit, reference, shelves)
                if stored is not None and stored.identity not in there:
                    more[stored.identity] = stored
    references = {f"{one.type}/{one.identity}" for one in found}
    for include in query.revincludes:
        for shelf in shelves:
            for one in shelf.of_type(include.source):
                if one.content is None or one.identity in there:
                    continue
                if references.intersection(included(include, _values(one))):
                    more[one.identity] = one
    return [one for one in more.values() if visit.reaches(Interaction.SEARCH, one.type)]


def _led_to(visit: Visit, reference: str, shelves: Sequence[Shelf]) -> Stored | None:
    """A resource with content on these shelves, or in a directory."""
    type_, _, identity = reference.rpartition("/")
    for shelf in (*shelves, *_directory_of(visit, identity)):
        stored = shelf.get(type_, identity)
        if stored is not None and stored.content is not None:
            return stored
    return None


def _directory_of(visit: Visit, identity: str) -> Iterator[Shelf]:
    library = visit.desk.library
    chain = library.chain_of(identity)
    if chain is not None and library.is_directory(chain):
        yield library.shelf(chain, visit.viewer)


def _values(stored: Stored) -> Values:
    """Of one that has a content."""
    assert stored.content is not None and stored.content.values is not None
    return stored.content.values


async def matched_by(visit: Visit, type_: str, condition: str) -> Place | None:
    """The one resource that a condition (``If-None-Exist``) finds; Refused 412 for several."""
    if not condition.isprintable():
        raise Refused(400, "the condition is no query", hint="encode it", code="structure")
    pairs = parse_qsl(condition.removeprefix("?"), keep_blank_values=True)
    query = understood(visit, type_, pairs, strict=True)
    if not pairs:
        raise Refused(400, "the condition is empty", hint="write a search", code="invalid")
    place = await visit.bridge.call(searched, visit, query, Interaction.SEARCH)
    visit.note_denials(place.denied)
    return await visit.bridge.call(_one_match, query, place)


def _one_match(query: Query, place: Searched) -> Place | None:
    found = matching(query, place.shelves)
    if len(found) > 1:
        raise Refused(
            412,
            "several resources fit the condition",
            hint="narrow it down, or choose one of them",
            code="multiple-matches",
        )
    if not found:
        return None
    shelf = next(one for one in place.shelves if found[0].identity in one.resources)
    return Place(found[0].chain, shelf, found[0], place.record is not None)


def patient_of(place: Searched) -> str | None:
    """Public id of the Patient in whose record was looked."""
    if place.record is None:
        return None
    first = next((one for shelf in place.shelves for one in shelf.of_type("Patient")), None)
    return None if first is None else first.identity


def self_link(query: Query, patient: str | None) -> str:
    """What was understood, the person by its public id: no identifier is in it."""
    pairs = [*query.link]
    if patient is not None and query.resource_type != "Patient":
        pairs.insert(0, ("patient", f"Patient/{patient}"))
    elif patient is not None and not any(name == "_id" for name, _ in pairs):
        pairs.insert(0, ("_id", patient))
    return f"{query.resource_type}?{urlencode(pairs, quote_via=quote, safe='/,:')}"
