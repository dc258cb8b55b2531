"""FHIR R4 in: files to resources, resources admitted or refused, and whose they are.

    space = PatientSpace()
    space.collect(read_file(path))                    first pass: the sender's Patients
    for item in read_file(path):                      second pass
        if isinstance(item, BadItem): ...             to the error file
        resource = validate(item.raw)                 BadRequest: to the error file
        match route(resource):                        BadRequest: to the error file
            case Directory(): ...                     the institution's own chain
            case subject: space.resolve(subject)      identifiers to link by; BadRequest likewise

Pure: nothing here knows of the log. ``item.raw`` is what gets signed and sealed.
"""

from ledger.fhir.reading import (
    BadItem,
    Item,
    Source,
    SourceItem,
    read_document,
    read_file,
    read_ndjson,
)
from ledger.fhir.routing import (
    PATIENT_NUMBER,
    Directory,
    Identifier,
    IsPatient,
    PatientRef,
    Subject,
    patient_identifiers,
    route,
)
from ledger.fhir.space import PatientSpace
from ledger.fhir.validate import Resource, validate

__all__ = [
    "PATIENT_NUMBER",
    "BadItem",
    "Directory",
    "Identifier",
    "IsPatient",
    "Item",
    "PatientRef",
    "PatientSpace",
    "Resource",
    "Source",
    "SourceItem",
    "Subject",
    "patient_identifiers",
    "read_document",
    "read_file",
    "read_ndjson",
    "route",
    "validate",
]
