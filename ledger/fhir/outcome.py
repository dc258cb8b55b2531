"""OperationOutcome: what went wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ledger.fhir import codes

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """``code`` is of R4's value set IssueType; ``expression`` names elements (``Patient.id``)."""

    severity: Severity
    code: str
    message: str
    hint: str = ""
    expression: Sequence[str] = ()

    def __post_init__(self) -> None:
        spec = codes.table().types["OperationOutcome.issue"]
        for name, value in (("severity", self.severity), ("code", self.code)):
            if value not in codes.table().sets[int(spec[name])]:
                raise ValueError(f"no such issue {name}")
        if not self.message.strip():
            raise ValueError("an issue says what is wrong")


def outcome(*issues: Issue) -> dict[str, Any]:
    """The message is ``details.text``, the hint ``diagnostics``."""
    if not issues:
        raise ValueError("an OperationOutcome has at least one issue")
    return {"resourceType": "OperationOutcome", "issue": list(_written(issues))}


def _written(issues: Iterable[Issue]) -> Iterable[dict[str, Any]]:
    for issue in issues:
        item: dict[str, Any] = {
            "severity": issue.severity,
            "code": issue.code,
            "details": {"text": issue.message},
        }
        if issue.hint.strip():
            item["diagnostics"] = issue.hint
        if issue.expression:
            item["expression"] = list(issue.expression)
        yield item
