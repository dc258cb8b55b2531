"""What a run found, as a table in the terminal, as JSON, and as the block in docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Result, Row, Target

BEGIN = "<!-- benchmarks: begin (written by `python -m benchmarks --write-doc`) -->"
END = "<!-- benchmarks: end -->"
_HEAD = ("what", "ours", "peer", "theirs", "ratio", "quartiles", "target", "met")


@dataclass(slots=True)
class Run:
    """One run of the benchmarks."""

    command: str
    scale: str
    date: str
    seconds: float
    machine: dict[str, str]
    results: dict[str, Result] = field(default_factory=dict)
    disturbed: dict[str, float] = field(default_factory=dict)
    """What share of all cores other processes took meanwhile, for each benchmark."""

    def to_json(self) -> str:
        """Everything, for programs."""
        document = asdict(self)
        for name, result in self.results.items():
            for row, as_dict in zip(result.rows, document["results"][name]["rows"], strict=True):
                as_dict["met"] = row.met
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def result_from_json(document: Mapping[str, Any]) -> Result:
    """What ``asdict`` made of a result."""
    rows = []
    for fields in document["rows"]:
        target, quartiles = fields["target"], fields["quartiles"]
        rows.append(
            Row(
                **{
                    **fields,
                    "target": Target(**target) if target else None,
                    "quartiles": tuple(quartiles) if quartiles else None,
                }
            )
        )
    return Result(**{**document, "rows": rows})


def cells(row: Row) -> tuple[str, ...]:
    """A row as text, in the order of the head."""
    target = row.target
    return (
        row.what,
        _amount(row.ours, row.unit),
        row.peer,
        _amount(row.theirs, row.unit),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.quartiles is None else f"{row.quartiles[0]:.2f}–{row.quartiles[1]:.2f}",
        "" if target is None else _target(target, row.unit),
        {None: "", True: "yes", False: "no"}[row.met],
    )


def _target(target: Target, unit: str) -> str:
    value = f"{target.value:g}" if target.of == "ratio" else _amount(target.value, unit)
    return f"{target.sign} {value} (target {target.number})"


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "×":
        return f"{value:.2f} ×"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}{'' if unit == '/s' else ' '}{unit}"


def show(result: Result, console: Console) -> None:
    """Print one benchmark."""
    table = Table(title=result.title, title_justify="left")
    for at, head in enumerate(_HEAD):
        table.add_column(head, justify="right" if at in (1, 3, 4) else "left")
    for row in result.rows:
        style = {None: None, True: "green", False: "red"}[row.met]
        table.add_row(*cells(row), style=style)
    console.print(table)
    for reason in result.reasons:
        console.print(f"[red]missed[/red] {reason}")


def show_targets(run: Run, console: Console) -> None:
    """Print the targets alone, in their order."""
    rows = [row for result in run.results.values() for row in result.rows if row.target]
    table = Table(title="Targets", title_justify="left")
    for head in ("target", "what", "found", "met"):
        table.add_column(head)
    for row in sorted(rows, key=lambda row: row.target.number if row.target else 0):
        assert row.target is not None
        found = f"{row.ratio:.2f}" if row.target.of == "ratio" else _amount(row.ours, row.unit)
        table.add_row(
            _target(row.target, row.unit),
            row.what,
            found,
            {None: "", True: "yes", False: "no"}[row.met],
            style={None: None, True: "green", False: "red"}[row.met],
        )
    console.print(table)


def markdown(run: Run, plots: Mapping[str, str]) -> str:
    """The block for docs/benchmarks.md."""
    lines = [
        BEGIN,
        "",
        f"`{run.command}`, {run.date}, {run.seconds / 60:.0f} minutes.",
        "",
        *_markdown_table(("machine and versions", ""), list(run.machine.items())),
        "",
    ]
    reasons = [reason for result in run.results.values() for reason in result.reasons]
    for name, result in run.results.items():
        lines += [f"### {result.title}", ""]
        lines += [f"![{result.title}]({plots[name]})", ""] if name in plots else []
        lines += [disturbance(run.disturbed[name]), ""]
        lines += [*_markdown_table(_HEAD, [cells(row) for row in result.rows]), ""]
        lines += [line for note in result.notes for line in (f"- {note}",)]
        lines += [""]
    lines += ["### Targets missed in this run, and why", ""]
    lines += [f"- {reason}" for reason in reasons] or ["None."]
    lines += ["", END]
    return "\n".join(lines)


def disturbance(share: float) -> str:
    """How far the machine was anybody else's."""
    text = f"Other processes took {share:.0%} of the machine's CPU meanwhile."
    if share < 0.05:
        return text
    return (
        text + " That helps a side with more threads than the other and harms one that needs both "
        "cores at once; the rows of CPU time suffer least."
    )


def _markdown_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def write_block(path: Path, block: str) -> None:
    """Replace what stands between the two markers of a document."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{path} does not have the markers {BEGIN!r} and {END!r}")
    path.write_text(before + block + after)
