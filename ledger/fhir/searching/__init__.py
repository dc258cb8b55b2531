"""Search within one person's record, or a directory: what is kept, asked, matched and ordered.

    values = extract("Observation", parsed)            once per version; what an index keeps
    query = parse_query("Observation", pairs)          BadRequest: an answer of 400
    found = [v for v in index if matches(query, v)]
    found.sort(key=lambda v: sort_key(query, v))

Which parameters there are says ``parameters.txt``: R4's names, and what R4 says they look at.
Pure: nothing here knows of the log. Not done: chains (but for a person's identifier), ``_has``,
composites, quantities, ``:text``, ``:in`` and ``:above``, prefix ``ap``.
"""

from ledger.fhir.searching.matching import included, matches, sort_key
from ledger.fhir.searching.parsing import parse_query
from ledger.fhir.searching.people import personal
from ledger.fhir.searching.query import Criterion, Include, PersonName, Query, Sort
from ledger.fhir.searching.table import DERIVED, TYPES, Parameter, parameters, references
from ledger.fhir.searching.values import Values, extract

__all__ = [
    "DERIVED",
    "TYPES",
    "Criterion",
    "Include",
    "Parameter",
    "PersonName",
    "Query",
    "Sort",
    "Values",
    "extract",
    "included",
    "matches",
    "parameters",
    "parse_query",
    "personal",
    "references",
    "sort_key",
]
