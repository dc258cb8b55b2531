"""The URL table: every route of every surface, on one page.

A row without ``open`` is answered to callers with a token only.
"""

from __future__ import annotations

from typing import Final

from api.auth import endpoint, persons
from api.auth.discovery import smart_configuration
from api.fhir import (
    bundles,
    changes,
    events,
    histories,
    metadata,
    operations,
    provenances,
    resources,
    searches,
    upserts,
)
from api.operations import health
from api.routing import Body, Route
from api.tiles import handlers as tiles
from api.v1 import accesses, appending, content, openapi, payloads, showing
from api.v1.codec import MEDIA
from api.v1.contract import OCTETS
from ledger.author import FHIR_JSON

OPERATIONS: Final = (
    Route("GET", "/livez", health.livez, open=True, spare=True, head=True),
    Route("GET", "/readyz", health.readyz, open=True, spare=True, head=True),
    Route("GET", "/metrics", health.metrics, open=True, spare=True),
)

LOG: Final = (
    Route("GET", "/checkpoint", tiles.checkpoint, open=True, head=True),
    # A token for bundles alone, hence open here.
    Route("GET", "/tile/{tile:.+}", tiles.tile, open=True, head=True),
)

AUTH: Final = (
    Route("POST", "/auth/token", endpoint.token, Body.FORM, open=True),
    Route("POST", "/auth/challenge", persons.challenge, Body.FORM, (persons.JSON,), open=True),
    Route("POST", "/auth/login", persons.login, Body.FORM, (persons.JSON,), open=True),
    *(
        Route("GET", under + "/.well-known/smart-configuration", smart_configuration, open=True)
        for under in ("", "/fhir")
    ),
)

V1: Final = (
    Route("POST", "/v1/entries", appending.append_entry, Body.STREAM, MEDIA),
    Route("POST", "/v1/batches", appending.append_batch, Body.STREAM, MEDIA),
    Route("POST", "/v1/payloads", payloads.upload, Body.STREAM, (OCTETS,)),
    Route("GET", "/v1/entries/{index}", showing.entry, head=True),
    Route("GET", "/v1/entries/{index}/content", content.content),
    Route("GET", "/v1/entries/{index}/receipt", showing.receipt, head=True),
    Route("GET", "/v1/entries/{index}/evidence", showing.entry_evidence),
    Route("GET", "/v1/records/{record}/entries", showing.entries, head=True),
    Route("GET", "/v1/records/{record}/accesses", accesses.accesses),
    Route("GET", "/v1/records/{record}/evidence", showing.record_evidence),
    Route("GET", "/v1/records/{record}/absence", showing.absence),
    Route("GET", "/v1/log", showing.log_info, head=True),
    Route("GET", "/v1/openapi.json", openapi.openapi, open=True, head=True),
)

_RESOURCE: Final = (FHIR_JSON, "application/json")
_FORM: Final = ("application/x-www-form-urlencoded",)
_OF_TYPE: Final = "/{type:[A-Z][A-Za-z]{1,63}}"
_OF_ID: Final = "/{id:[A-Za-z0-9.-]{1,64}}"
_TYPE: Final = "/fhir" + _OF_TYPE
_ID: Final = _TYPE + _OF_ID
_PATIENT: Final = "/fhir/Patient" + _OF_ID
FHIR: Final = (
    Route("GET", "/fhir/metadata", metadata.metadata, open=True, head=True),
    *(
        # The base is written with its last slash by some clients (fhirclient, fhir-kit-client).
        Route("POST", base, bundles.bundle, Body.BUNDLE, _RESOURCE)
        for base in ("/fhir", "/fhir/")
    ),
    Route("GET", _PATIENT + "/$everything", searches.everything),
    Route("POST", _PATIENT + "/$everything", searches.everything, Body.RESOURCE, _RESOURCE),
    Route("GET", _PATIENT + _OF_TYPE, searches.of_patient),
    Route("POST", _PATIENT + _OF_TYPE + "/_search", searches.of_patient, Body.FORM, _FORM),
    Route("GET", "/fhir/AuditEvent/{id:[A-Za-z0-9.-]{1,64}}", events.read),
    Route("GET", "/fhir/Provenance/{id:[A-Za-z0-9.-]{1,64}}", provenances.read),
    Route("GET", _TYPE, searches.search),
    Route("POST", _TYPE + "/_search", searches.search, Body.FORM, _FORM),
    Route("POST", _TYPE, changes.create, Body.RESOURCE, _RESOURCE),
    Route("PUT", _TYPE, upserts.update, Body.RESOURCE, _RESOURCE),
    Route("GET", _ID, resources.read),
    Route("PUT", _ID, changes.update, Body.RESOURCE, _RESOURCE),
    Route("DELETE", _ID, changes.delete),
    Route("GET", _ID + "/_history", histories.past),
    Route("GET", _ID + "/_history/{version:[0-9]{1,9}}", resources.vread),
    *(
        Route(method, at + "/${name:[A-Za-z-]{1,64}}", operations.unknown, body, media)
        for at in ("/fhir", _TYPE, _ID)
        for method, body, media in (("GET", Body.NONE, ()), ("POST", Body.RESOURCE, _RESOURCE))
    ),
)

TABLE: Final = (*OPERATIONS, *LOG, *AUTH, *V1, *FHIR)
