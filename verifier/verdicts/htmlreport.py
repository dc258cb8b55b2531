"""The report of an audit, for signing off: one page of HTML that needs nothing else.

Every text from outside is escaped, and quoted as it is for a terminal. No script, no link, nothing
is fetched; it prints on plain paper.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from verifier.errors import Problem, quote
from verifier.formats.policy import Policy
from verifier.rules.registered import Key, index_of, log_of
from verifier.verdicts.logreport import LogReport
from verifier.verdicts.logverdict import completeness, not_checked, verified_word
from verifier.verdicts.report import LIMITS, false_verdict
from verifier.verdicts.times import utc

_MOST_ROWS = 1000
"""Of a table; more are counted."""
_STYLE = """
body { font: 11pt/1.45 serif; max-width: 46em; margin: 2em auto; padding: 0 1em; color: #111 }
h1 { font-size: 1.5em } h2 { font-size: 1.1em; margin-top: 1.8em; border-bottom: 1px solid #999 }
table { border-collapse: collapse; width: 100%; margin: .6em 0 }
th, td { text-align: left; vertical-align: top; padding: .15em .8em .15em 0;
  border-bottom: 1px solid #ddd; overflow-wrap: anywhere }
th { font-weight: 600 } td.n, th.n { text-align: right }
code { font: .85em monospace } .verdict { font-size: 1.2em; padding: .6em .8em; border: 2px solid }
.true { border-color: #1a6b2a } .false { border-color: #a01212 }
.sign td { height: 2.6em; border-bottom: 1px solid #111 }
@media print { body { margin: 0; max-width: none } h2 { break-after: avoid }
  tr { break-inside: avoid } }
"""


def html_report(report: LogReport, policy: Policy, now_ms: int) -> str:
    title = f"Audit of log {quote(report.origin)}"
    parts = [
        f"<h1>{_text(title)}</h1>",
        _verdict(report),
        _scope(report, now_ms),
        *(_log(one, one is report) for one in (report, *reversed(report.predecessors))),
        _signers(report, policy),
        _keys(report),
        _list("Not checked", not_checked(report, policy)),
        _list("Limits", LIMITS),
        _signature(),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _verdict(report: LogReport) -> str:
    false = next((one for one in (*report.predecessors, report) if one.problems), None)
    if false is not None:
        said = false_verdict(false.problems, false.capped, f"log {quote(false.origin)}")
        return f'<p class="verdict false">{_text(said)}</p>'
    said = f"{verified_word(report)}; {completeness(report)}"
    return f'<p class="verdict true">{_text(said)}</p>'


def _scope(report: LogReport, now_ms: int) -> str:
    checkpoint = report.checkpoint
    rows: list[Sequence[object]] = [("Made", utc(now_ms), "by counterfoil-verify")]
    if checkpoint is not None:
        rows.append(("Checkpoint", f"size {checkpoint.size}", f"root {checkpoint.root.hex()}"))
    if report.continues is not None:
        rows.append(("Continues", f"size {report.continues}", "audited before"))
    rows.append(("Leaves in the tree", report.leaves, ""))
    rows.append(("Leaves checked in full", report.checked_leaves, ""))
    rows.append(("Signatures of authors", "checked" if report.signatures else "not checked", ""))
    return "<h2>Scope</h2>" + _table((), rows)


def _log(report: LogReport, newest: bool) -> str:
    name = "This log" if newest else f"Log {quote(report.origin)}, which it takes over from"
    parts = [f"<h2>{_text(name)}</h2>"]
    if report.log_id is not None:
        parts.append(f"<p>id <code>{report.log_id.hex()}</code></p>")
    if report.problems:
        parts.append(_problems(report.problems, report.capped))
    counts = [*report.kinds.items(), ("chains", report.chains), ("actors", report.actors)]
    parts.append(_table(("Entries", "#"), counts, numbers=(1,)))
    if report.epoch is not None:
        epoch = report.epoch
        rows = [
            ("Epochs", report.epochs),
            ("Newest: over leaves below", epoch.covered),
            ("stands at leaf", epoch.leaf_index),
            ("of time", utc(epoch.received_ms)),
        ]
        parts.append(_table(("Heads index", ""), rows, numbers=(1,)))
    parts.append(_authors(report))
    return "\n".join(parts)


def _problems(problems: Sequence[Problem], capped: bool) -> str:
    rows = [(one.step, "" if one.index is None else one.index, one.expected, one.found)
            for one in problems]  # fmt: skip
    more = "<p>There are more problems than these.</p>" if capped else ""
    return _table(("Problem in step", "Leaf", "Expected", "Found"), rows) + more


def _authors(report: LogReport) -> str:
    actors = report.registry.actors if report.registry is not None else {}
    rows = []
    for author, count in report.authors.most_common(_MOST_ROWS):
        actor = actors.get(author)
        role = actor.role if actor is not None else "governor or log"
        doubt = "contested" if actor is not None and actor.contests else ""
        rows.append((author.hex(), role, count, doubt))
    left = len(report.authors) - len(rows)
    return _table(("Author", "Role", "Entries", ""), rows, numbers=(2,)) + _more(left, "authors")


def _signers(report: LogReport, policy: Policy) -> str:
    counted, opened = report.custodians, report.opened
    rows: list[Sequence[object]] = []
    if opened is not None:
        for signer in opened.custodians:
            counts = counted is not None and signer.name in counted.names
            rows.append(("custodian", quote(signer.name), "counts" if counts else "does not count"))
        rows += [("witness", quote(signer.name), "") for signer in opened.witnesses]
    rows.append(("custodians needed", policy.quorum, ""))
    reasons = counted.refused if counted is not None else ()
    pinned = [(key.type_name, quote(key.name), key.key_id.hex()) for key in policy.log_keys]
    return (
        "<h2>Who signed the checkpoint</h2>"
        + _table(("Key of the log", "Name", "Id"), pinned)
        + _table(("Others", "Name", ""), rows)
        + "".join(f"<p>{_text(reason)}</p>" for reason in reasons)
    )


def _keys(report: LogReport) -> str:
    registry = report.registry
    if registry is None:
        return ""
    keys = sorted(registry.keys.items(), key=lambda item: item[1].since)
    rows = [_key(kid, key) for kid, key in keys[:_MOST_ROWS]]
    heads = ("Key id", "Owner", "Use", "Since leaf", "Ended at leaf")
    return (
        "<h2>Keys seen</h2><p>Leaves of an earlier log have its number in the line in front.</p>"
        + _table(heads, rows, numbers=(3, 4))
        + _more(len(keys) - len(rows), "keys")
    )


def _key(kid: bytes, key: Key) -> tuple[str, ...]:
    ended = "" if key.ended_at is None else _position(key.ended_at)
    return kid.hex(), key.owner.hex() or "the log", key.use, _position(key.since), ended


def _position(at: int) -> str:
    return f"{log_of(at)}:{index_of(at)}" if log_of(at) else str(index_of(at))


def _list(title: str, items: Iterable[str]) -> str:
    return f"<h2>{title}</h2><ul>{''.join(f'<li>{_text(item)}</li>' for item in items)}</ul>"


def _signature() -> str:
    rows = [(name, "") for name in ("Name", "Organisation", "Place and date", "Signature")]
    return "<h2>Signed off</h2>" + _table((), rows).replace("<table>", '<table class="sign">')


def _more(count: int, what: str) -> str:
    return f"<p>and {count} more {what}</p>" if count > 0 else ""


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int] = ()
) -> str:
    lines = [_row("td", row, numbers) for row in rows]
    if not lines:
        return ""
    head = f"<thead>{_row('th', heads, numbers)}</thead>" if heads else ""
    return f"<table>{head}<tbody>{''.join(lines)}</tbody></table>"


def _row(tag: str, cells: Sequence[object], numbers: Sequence[int]) -> str:
    return f"<tr>{''.join(_cells(tag, cells, numbers))}</tr>"


def _cells(tag: str, cells: Sequence[object], numbers: Sequence[int]) -> Iterator[str]:
    for at, cell in enumerate(cells):
        kind = ' class="n"' if at in numbers else ""
        yield f"<{tag}{kind}>{_text(str(cell))}</{tag}>"


def _text(text: str) -> str:
    return html.escape(text, quote=True)
