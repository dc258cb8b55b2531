"""FHIR R4: resources in, admitted or refused, and whose they are; views, search and events out.

    space = PatientSpace()
    space.collect(read_file(path))                    first pass: the sender's Patients
    for item in read_file(path):                      second pass
        if isinstance(item, BadItem): ...             to the error file
        resource = validate(item.raw)                 BadRequest: to the error file
        match route(resource):                        BadRequest: to the error file
            case Directory(): ...                     the institution's own chain
            case subject: space.resolve(subject)      identifiers to link by; BadRequest likewise

``item.raw`` is what gets signed and sealed. What goes out again, each in a module of its own:

    view           the author's text with public id, version and references put in
    searching      search parameters: what an index keeps, queries, matching, order
    bundles        requests read into parts; answers joined around the texts
    outcome        OperationOutcome
    auditing, provenance    entries of the log as AuditEvent and Provenance
    interactions, capability    what is served, and the CapabilityStatement that says so

Pure: nothing here knows of the log.
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
