"""Instants as FHIR writes them, from milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant(ms: int) -> str:
    """``2026-11-21T01:00:00.123Z``. Raises OverflowError outside the years 1 to 9999."""
    when = EPOCH + timedelta(milliseconds=ms)
    return when.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
