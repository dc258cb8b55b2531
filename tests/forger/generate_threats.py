"""Writes the tables in docs/threat-model.md from the forger's suite, whose tests prove each row.

python -m tests.forger.generate_threats            writes the document
python -m tests.forger.generate_threats --check    exits 1 when it differs from that
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.forger.book import Answer, Caught, Lie, Limit, Refused
from tests.forger.suite import BOOKS, LIES

DOCUMENT = Path(__file__).parents[2] / "docs" / "threat-model.md"
NO_VERDICT = 3
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"


def tables() -> str:
    limited = sum(lie.limit is not None for lie in LIES)
    text = [f"\n{len(LIES)} lies; {limited} of them touch a limit."]
    for book in BOOKS:
        text += ["", f"### {book.title}", "", "| lie | answer | limit |", "| --- | --- | --- |"]
        text += [_row(lie) for lie in book.lies]
    return "\n".join(text) + "\n\n"


def _row(lie: Lie) -> str:
    """Commands that answer alike stand together."""
    commands: dict[str, list[str]] = {}
    for answer in lie.answers:
        commands.setdefault(_answer(answer), []).append(f"`{_short(answer.command)}`")
    answers = "<br>".join(f"{', '.join(by)}: {answer}" for answer, by in commands.items())
    return f"| {lie.name} | {answers} | {lie.limit.value if lie.limit else ''} |"


def _short(command: str) -> str:
    """Without what is the same in most rows."""
    for usual in (" export --state seen --once", " export --state fresh --once", " file.evidence"):
        command = command.replace(usual, "")
    return "log" if command == "log export" else command


def _answer(answer: Answer) -> str:
    if isinstance(answer, Caught):
        return f"**false**, step *{answer.step}*"
    if isinstance(answer, Refused):
        return f"{'no verdict' if answer.code == NO_VERDICT else 'refused'}, *{answer.words}*"
    word = "verified, complete" if answer.complete else "verified"
    return f"{word}; “{answer.sentence}”"


def document(written: str) -> str:
    before, begin, rest = written.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} has no place for the tables")
    return before + BEGIN + tables() + END + after


def missing(written: str) -> Iterator[str]:
    """Limits that the document does not explain."""
    return (one.value for one in Limit if f"**{one.value}." not in written)


def main(arguments: list[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    written = DOCUMENT.read_text(encoding="utf-8")
    whole = document(written)
    lacking = list(missing(whole))
    if lacking:
        print(f"{DOCUMENT.name} does not explain {', '.join(lacking)}", file=sys.stderr)
        return 1
    if words != ["--check"]:
        DOCUMENT.write_text(whole, encoding="utf-8")
    elif whole != written:
        print(f"{DOCUMENT.name} is not what the suite says: make vectors", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
