"""A sender's space: what its own ids and ``urn:uuid`` names mean.

An institution numbers its resources itself, and two institutions use the same ids. A resource that
came with such a name leaves a tag on its entry:

    HMAC(vault key, "local" ‖ institution ‖ name)        name: "Patient/1", "urn:uuid:…"

The newest entry with the tag is what the name means in that space.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ledger.linkage.aliases import Tagger
from ledger.resources.naming import is_public_id
from ledger.wire.ids import ActorId

LOCAL: Final = b"local"


def local_tag(tag: Tagger, institution: ActorId, name: str) -> bytes:
    """The tag of a name in the space of an institution."""
    return tag(LOCAL, institution, name.encode())


def local_names(resource_type: str, identity: str | None, full_url: str | None) -> Iterator[str]:
    """The names by which its sender may refer to a resource. Ids that this service minted are no
    names of the sender's.
    """
    if identity is not None and not is_public_id(identity):
        yield f"{resource_type}/{identity}"
    if full_url is not None and full_url.startswith("urn:"):
        yield full_url
