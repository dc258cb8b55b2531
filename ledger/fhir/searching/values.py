"""What an index keeps of a resource: tokens, ranges of time, references and names; nothing else.

``extract`` looks at the FHIR view (``ledger.fhir.view``), so that id, time and references are those
that a search asks for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, Final, NamedTuple, TypeGuard

from ledger.fhir.searching.dates import BEGINNING, END, Span, span
from ledger.fhir.searching.table import Kind, Parameter, parameters

MAX_VALUES: Final = 256
"""Per parameter; what a resource has beyond them is not found by it."""
MAX_VALUE: Final = 512
"""Characters of a token, reference or name; a longer one is not found."""


class Token(NamedTuple):
    """``system`` is empty where none is written; of a ``code`` it is empty too, R4 implies it."""

    system: str
    code: str


class Reference(NamedTuple):
    """``target`` is ``Type/id`` or a URL, without version; ``identifier`` that of a logical one."""

    target: str
    identifier: Token | None


class Name(NamedTuple):
    text: str


Value = Token | Span | Reference | Name


@dataclass(frozen=True, slots=True)
class Values:
    """Of one version of one resource. Parameters that it has no value for are not there."""

    resource_type: str
    found: tuple[tuple[str, tuple[Value, ...]], ...] = field(repr=False)

    def of(self, name: str) -> tuple[Value, ...]:
        for known, values in self.found:
            if known == name:
                return values
        return ()

    @property
    def id(self) -> str:
        """Empty where the resource has none."""
        return next((v.code for v in self.of("_id") if isinstance(v, Token)), "")


def extract(resource_type: str, parsed: Mapping[str, Any], zone: tzinfo = UTC) -> Values:
    """Values of all parameters of the type. What has not the form that R4 demands is passed over.

    ``zone`` is that of dates which name none.
    """
    found: list[tuple[str, tuple[Value, ...]]] = []
    for name, parameter in parameters(resource_type).items():
        values = tuple(_values(parameter, parsed, zone))
        if values:
            found.append((name, values))
    return Values(resource_type, tuple(found))


def _values(parameter: Parameter, parsed: Mapping[str, Any], zone: tzinfo) -> Iterator[Value]:
    # A dict keeps the order and drops what stands twice.
    unique: dict[Value, None] = {}
    for steps, datatype in parameter.paths:
        for node in _at(parsed, steps, 0):
            for value in _READERS[parameter.kind](node, datatype, zone):
                unique[value] = None
                if len(unique) == MAX_VALUES:
                    return iter(unique)
    return iter(unique)


def _at(node: Any, steps: Sequence[str], done: int) -> Iterator[Any]:
    if type(node) is list:
        for item in node:
            yield from _at(item, steps, done)
    elif done == len(steps):
        yield node
    elif type(node) is dict and steps[done] in node:
        yield from _at(node[steps[done]], steps, done + 1)


def _tokens(node: Any, datatype: str, zone: tzinfo) -> Iterator[Token]:
    if type(node) is bool:
        yield Token("", "true" if node else "false")
    elif type(node) is str:
        yield from _token(None, node)
    elif type(node) is not dict:
        return
    elif datatype == "CodeableConcept":
        codings = node.get("coding")
        for coding in codings if type(codings) is list else ():
            yield from _tokens(coding, "Coding", zone)
    else:
        code = node.get("value" if datatype == "Identifier" else "code")
        yield from _token(node.get("system"), code)


def _token(system: Any, code: Any) -> Iterator[Token]:
    system = "" if system is None else system
    if _short(system) and _short(code):
        yield Token(sys.intern(system), sys.intern(code))


def _spans(node: Any, datatype: str, zone: tzinfo) -> Iterator[Span]:
    if datatype == "Period":
        yield from _period(node, zone)
    elif datatype == "Timing" and type(node) is dict:
        for event in _at(node, ("event",), 0):
            yield from _spans(event, "dateTime", zone)
        for period in _at(node, ("repeat", "boundsPeriod"), 0):
            yield from _period(period, zone)
    elif type(node) is str and (found := span(node, zone)):
        yield found


def _period(node: Any, zone: tzinfo) -> Iterator[Span]:
    if type(node) is not dict:
        return
    start, end = node.get("start"), node.get("end")
    low = span(start, zone) if type(start) is str else None
    high = span(end, zone) if type(end) is str else None
    if low or high:
        yield Span(low.low if low else BEGINNING, high.high if high else END)


def _references(node: Any, datatype: str, zone: tzinfo) -> Iterator[Reference]:
    if type(node) is str and _short(node):
        yield Reference(node.partition("|")[0], None)
    if type(node) is not dict:
        return
    target = node.get("reference")
    logical = next(_tokens(node.get("identifier"), "Identifier", zone), None)
    named = target if _short(target) and not target.startswith("#") else ""
    if named or logical:
        yield Reference(named.partition("/_history/")[0], logical)


def _names(node: Any, datatype: str, zone: tzinfo) -> Iterator[Name]:
    if type(node) is dict:
        for part in ("text", "family", "given", "prefix", "suffix"):
            for text in _at(node, (part,), 0):
                yield from _names(text, "string", zone)
    elif _short(node):
        yield Name(node)


def _short(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= MAX_VALUE


_READERS: Final[Mapping[Kind, Callable[[Any, str, tzinfo], Iterator[Value]]]] = {
    "token": _tokens,
    "date": _spans,
    "reference": _references,
    "string": _names,
}
