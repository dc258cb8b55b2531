"""Days and times as arguments: a day is its first moment in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime

from ledger.errors import BadRequest


def parse_time(text: str | None) -> int:
    """Unix milliseconds of YYYY-MM-DD, or of a full ISO time with its zone; 0 for None. Raises
    BadRequest.
    """
    if text is None:
        return 0
    try:
        moment = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = datetime.min
    if moment.tzinfo is None or moment.timestamp() <= 0:
        raise BadRequest(
            "this is no day, and no time with its zone",
            hint="2044-05-05 (from its first moment in UTC), or 2044-05-05T00:00:00+09:00",
        )
    return int(moment.timestamp() * 1000)
