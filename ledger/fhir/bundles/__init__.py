"""Bundles of the service: requests read into parts, answers written around the authors' texts.

request = read_request(raw)              BadRequest with the place of what is wrong
for part in request.parts: part.resource are the author's bytes
searchset([Match(url, text), …], total=2, links=[("self", url)])
history([Past(…), …]), response("transaction", [Response(…), …])
"""

from ledger.fhir.bundles.requests import (
    MAX_PARTS,
    Part,
    RequestBundle,
    Target,
    read_request,
)
from ledger.fhir.bundles.writing import Match, Past, Response, history, response, searchset

__all__ = [
    "MAX_PARTS",
    "Match",
    "Part",
    "Past",
    "RequestBundle",
    "Response",
    "Target",
    "history",
    "read_request",
    "response",
    "searchset",
]
