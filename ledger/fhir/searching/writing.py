r"""How values are written in a search: commas divide, and ``\,`` ``\|`` ``\$`` ``\\`` do not.

FHIR R4, search, "Escaping Search Parameters".
"""

from __future__ import annotations

import re
from typing import Final

from ledger.errors import BadRequest

_PART: Final = re.compile(r"(?:[^\\]|\\[\\,|$])*+", re.DOTALL)


def divided(text: str, at: str) -> list[str]:
    """The parts between ``at``, still escaped. Raises BadRequest."""
    if "\\" not in text:
        return text.split(at)
    if _PART.fullmatch(text) is None:
        raise BadRequest(
            "has a backslash that escapes nothing", hint="write \\\\ for a backslash itself"
        )
    parts: list[str] = []
    start = place = 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == at:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    parts.append(text[start:])
    return parts


def plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if "\\" in text else text


def escaped(text: str) -> str:
    """The opposite of ``plain``."""
    return re.sub(r"([\\,|$])", r"\\\1", text)
