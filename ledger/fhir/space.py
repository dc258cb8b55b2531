"""One sender's files as a space of their own: which Patient a reference means.

Clinics and pharmacies number their resources 1, 2, 3 …, so ``Patient/1`` means something only
within one sender. A space belongs to one institution and is made anew for each; there is no way to
look into two at once, so equal ids of two institutions cannot meet. What leaves a space is
identifiers (system and value), and these are what records are linked by.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.errors import BadRequest
from ledger.fhir import jsontext
from ledger.fhir.reading import Item, SourceItem
from ledger.fhir.routing import Identifier, IsPatient, PatientRef, patient_identifiers

_ADD_THE_PATIENT = "import the file with the Patient too, or give the patient's identifier"


class PatientSpace:
    """First pass over a sender's files; the second routes each resource and asks ``resolve``."""

    def __init__(self) -> None:
        self._patients: dict[str, tuple[Identifier, ...]] = {}
        self._ambiguous: set[str] = set()

    def __len__(self) -> int:
        return len(self._patients)

    def collect(self, items: Iterable[Item]) -> None:
        for item in items:
            if isinstance(item, SourceItem):
                self.add(item)

    def add(self, item: SourceItem) -> None:
        """Takes a Patient in and ignores what is none; the second pass reports what is damaged."""
        # Most lines are no Patient; an escape could hide the name, so it is looked into.
        if b'"Patient"' not in item.raw and b"\\u" not in item.raw:
            return
        try:
            parsed = jsontext.parse(item.raw)
        except BadRequest:
            return
        if not isinstance(parsed, dict) or parsed.get("resourceType") != "Patient":
            return
        try:
            identifiers = patient_identifiers(parsed)
        except (AttributeError, TypeError):
            return
        identity = parsed.get("id")
        if isinstance(identity, str):
            self._put(f"Patient/{identity}", identifiers)
        if item.full_url is not None:
            self._put(item.full_url, identifiers)

    def _put(self, key: str, identifiers: tuple[Identifier, ...]) -> None:
        if self._patients.setdefault(key, identifiers) != identifiers:
            self._ambiguous.add(key)

    def find(self, reference: str) -> tuple[Identifier, ...] | None:
        """None where no such Patient is in the files. Raises BadRequest where two are."""
        if reference in self._ambiguous:
            raise BadRequest(
                "two Patients with the same id but other identifiers are in these files",
                hint="give each patient an id of its own, or import the files separately",
            )
        return self._patients.get(reference)

    def resolve(self, subject: PatientRef | IsPatient) -> tuple[Identifier, ...]:
        """The identifiers that the record is linked by, never empty. Raises BadRequest."""
        if isinstance(subject, IsPatient):
            found, element = subject.identifiers, "Patient.identifier"
        else:
            found, element = self._referred(subject), subject.element
        if not found:
            raise BadRequest(
                f"{element} leads to no identifier with a system and a value",
                hint="give the Patient an identifier: people are never matched by name",
            )
        return found

    def _referred(self, ref: PatientRef) -> tuple[Identifier, ...]:
        if ref.reference is None:
            return ref.identifiers
        found = self.find(ref.reference)
        if found is None:
            if ref.identifiers:
                return ref.identifiers
            raise BadRequest(
                f"{ref.element} refers to a Patient that is not in these files",
                hint=_ADD_THE_PATIENT,
            )
        known = {pair.system: pair.value for pair in found}
        if any(known.get(pair.system, pair.value) != pair.value for pair in ref.identifiers):
            raise BadRequest(
                f"{ref.element} gives a reference and an identifier of two different patients",
                hint="correct the one that is wrong",
            )
        return found
