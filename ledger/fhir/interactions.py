"""What can be done with each resource type: for routes and the CapabilityStatement alike."""

from __future__ import annotations

from typing import Final, Literal

from ledger.fhir.compartment import DIRECTORY
from ledger.fhir.searching import DERIVED, TYPES, personal

Interaction = Literal[
    "read", "vread", "update", "delete", "history-instance", "create", "search-type"
]
KEPT: Final[tuple[Interaction, ...]] = (
    "read",
    "vread",
    "update",
    "delete",
    "history-instance",
    "create",
)


def interactions(resource_type: str) -> tuple[Interaction, ...]:
    """In the order of R4's value set; empty for a type that is not served."""
    if resource_type not in TYPES:
        return ()
    if resource_type in DERIVED:
        return ("read", "search-type")
    # A search has to name a person, for which R4 gives Binary no parameter.
    can_be_asked = (
        resource_type == "Patient" or resource_type in DIRECTORY or personal(resource_type)
    )
    return (*KEPT, "search-type") if can_be_asked else KEPT
