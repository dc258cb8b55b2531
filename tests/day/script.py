"""The script: who does what, in which order, and how it must be answered; from a seed alone.

Steps are begun in their order, many at once; a step waits for those in ``after``. So every answer's
status is known beforehand, however the clients race.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

CODES: Final = ("29463-7", "8302-2", "8867-4", "8310-5")
"""LOINC: weight, height, heart rate, temperature."""

READS: Final = (
    "read",
    "vread",
    "history",
    "search",
    "post_search",
    "everything",
    "conditional",
    "content",
    "own_read",
    "own_search",
    "own_audit",
)
"""Kinds of steps that show what is in a record."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much happens."""

    requests: int
    patients: int
    practitioners: int = 50
    institutions: int = 5
    clients: int = 48


@dataclass(frozen=True, slots=True)
class Step:
    """One request. ``about`` is the step that created what it is about, -1 for the Patient."""

    number: int
    kind: str
    who: str
    patient: int
    about: int = -1
    version: int = 1
    after: tuple[int, ...] = ()
    status: int = 200

    @property
    def is_denied(self) -> bool:
        """Whether it must leave a denial."""
        return self.kind.startswith("denied")


@dataclass(slots=True)
class _Made:
    """A resource as the script knows it."""

    step: int
    maker: str
    versions: int = 1
    last: int = -1
    """The step that made its newest version."""
    touched: list[int] = field(default_factory=list)
    deleted: bool = False


@dataclass(slots=True)
class _Patient:
    treating: list[int]
    strangers: list[int]
    linked: dict[int, int]
    """Institution to the step behind which it may read; -1 from the beginning."""
    made: list[_Made] = field(default_factory=list)


def institution(number: int) -> str:
    return f"institution-{number}"


def practitioner(number: int) -> str:
    return f"practitioner-{number}"


def person(patient: int) -> str:
    return f"person-{patient}"


def place_of(staff: str, size: Size) -> int:
    """The institution of one of its staff, or of its own system."""
    role, _, number = staff.partition("-")
    return int(number) if role == "institution" else int(number) % size.institutions


class Script:
    """``steps`` and, for the ground, who treats whom."""

    def __init__(self, seed: int, size: Size) -> None:
        self.size = size
        self._random = random.Random(seed)
        self._patients = [self._patient() for _ in range(size.patients)]
        self.steps: list[Step] = []
        kinds, weights = zip(*_WEIGHTS.items(), strict=True)
        while len(self.steps) < size.requests:
            (kind,) = self._random.choices(kinds, weights)
            _KINDS.get(kind, Script._about_one)(self, kind)
        del self.steps[size.requests :]

    def first_of(self, patient: int) -> int:
        """The institution that registered a patient before the day."""
        return self._patients[patient].treating[0]

    def _patient(self) -> _Patient:
        order = self._random.sample(range(self.size.institutions), self.size.institutions)
        count = self._random.choice((1, 2, 2, 3))
        return _Patient(order[:count], order[count:], {order[0]: -1})

    def _add(self, kind: str, who: str, patient: int, **more: object) -> int:
        number = len(self.steps)
        self.steps.append(Step(number, kind, who, patient, **more))  # type: ignore[arg-type]
        return number

    def _any(self) -> tuple[int, _Patient]:
        number = self._random.randrange(self.size.patients)
        return number, self._patients[number]

    def _staff(self, institution_number: int) -> str:
        """The institution's own system, or one of its practitioners."""
        staff = range(institution_number, self.size.practitioners, self.size.institutions)
        if not staff or self._random.random() < 0.2:
            return institution(institution_number)
        return practitioner(self._random.choice(staff))

    def _reader(self, patient: _Patient) -> tuple[str, tuple[int, ...]]:
        """Somebody who may read, and what must have been done for that."""
        return self._staff_of(patient, self._random.choice(list(patient.linked)))

    def _staff_of(self, patient: _Patient, where: int) -> tuple[str, tuple[int, ...]]:
        since = patient.linked[where]
        return self._staff(where), (since,) if since >= 0 else ()

    def _writer(self, patient: _Patient, one: _Made) -> tuple[str, tuple[int, ...]]:
        """Somebody of the institution that wrote it: nobody else changes it."""
        return self._staff_of(patient, place_of(one.maker, self.size))

    def _meddler(self, patient: _Patient, one: _Made) -> tuple[str, tuple[int, ...]] | None:
        """Somebody who may read it and not change it, if another institution treats the patient."""
        others = [where for where in patient.linked if where != place_of(one.maker, self.size)]
        return self._staff_of(patient, self._random.choice(others)) if others else None

    def _create(self, kind: str) -> None:
        number, patient = self._any()
        missing = [one for one in patient.treating if one not in patient.linked]
        if missing and self._random.random() < 0.3:
            link = self._add("link", institution(missing[0]), number, status=201)
            made = self._add("create", self._staff(missing[0]), number, after=(link,), status=201)
            patient.linked[missing[0]] = made
            patient.made.append(_Made(made, self.steps[made].who, last=made, touched=[made]))
            return
        who, after = self._reader(patient)
        made = self._add(kind, who, number, after=after, status=200 if "trans" in kind else 201)
        patient.made.append(_Made(made, who, last=made, touched=[made]))

    def _about_one(self, kind: str) -> None:
        number, patient = self._any()
        there = [one for one in patient.made if not one.deleted]
        if not there:
            return self._create("create")
        one = self._random.choice(there)
        asking = self._asking(kind, number, patient, one)
        if asking is None:
            return self._create("create")
        who, after = asking
        version, status = one.versions, 200
        needs = {*after, one.last}
        if kind == "vread":
            version = self._random.randint(1, one.versions)
        elif kind == "stale_update":
            version, status = one.versions + 7, 412
        elif kind == "retry":
            who, needs = one.maker, {one.step}
            if self.steps[one.step].kind not in ("create", "link"):
                return self._create("create")
        elif kind == "meddling":
            status = 403
        elif kind == "delete":
            status, needs = 204, {*after, *one.touched}
        step = self._add(
            kind,
            who,
            number,
            about=one.step,
            version=version,
            after=tuple(sorted(needs)),
            status=status,
        )
        one.touched.append(step)
        if kind == "update":
            one.versions, one.last = one.versions + 1, step
        one.deleted = kind == "delete"
        return None

    def _asking(
        self, kind: str, number: int, patient: _Patient, one: _Made
    ) -> tuple[str, tuple[int, ...]] | None:
        """Who asks and behind which steps, or None where there is nobody who could."""
        match kind:
            case "own_read":
                return person(number), ()
            case "update" | "stale_update" | "delete":
                return self._writer(patient, one)
            case "meddling":
                return self._meddler(patient, one)
        return self._reader(patient)

    def _search(self, kind: str) -> None:
        number, patient = self._any()
        who, after = self._reader(patient)
        self._add(kind, who, number, after=after)

    def _own(self, kind: str) -> None:
        number, _ = self._any()
        self._add(kind, person(number), number)

    def _denied(self, kind: str) -> None:
        """A practitioner of an institution that treats this patient never, or another person."""
        number, patient = self._any()
        who = self._staff(self._random.choice(patient.strangers))
        if self._random.random() < 0.2:
            other = (number + 1) % self.size.patients
            who = person(other)
        self._add(kind, who, number, status=200 if kind == "denied_search" else 404)


_WEIGHTS: Final = {
    "create": 15,
    "read": 20,
    "vread": 4,
    "history": 3,
    "search": 12,
    "post_search": 4,
    "everything": 2,
    "update": 8,
    "stale_update": 1,
    "meddling": 1,
    "delete": 1,
    "transaction": 4,
    "conditional": 1,
    "content": 2,
    "retry": 3,
    "denied_read": 5,
    "denied_search": 2,
    "own_read": 6,
    "own_search": 3,
    "own_audit": 4,
}
_KINDS: Final[dict[str, Callable[[Script, str], None]]] = {
    "create": Script._create,
    "transaction": Script._create,
    "search": Script._search,
    "post_search": Script._search,
    "everything": Script._search,
    "denied_read": Script._denied,
    "denied_search": Script._denied,
    "own_search": Script._own,
    "own_audit": Script._own,
}
