"""The verdict on an evidence file, in words for a lay reader and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unicodedata import east_asian_width

from verifier.errors import quote
from verifier.evidence.check import EvidenceReport
from verifier.evidence.container import ABSENCE, ENTRY, HISTORY
from verifier.evidence.leaves import Claimed
from verifier.evidence.words import Language
from verifier.formats.claim import ACCESS, KINDS, OPEN
from verifier.formats.note import ED25519, ML_DSA_44, TYPE_NAMES
from verifier.formats.policy import Policy
from verifier.verdicts.report import problems_json
from verifier.verdicts.times import utc

_CLAIMS = {ENTRY: "entry", HISTORY: "history", ABSENCE: "absence"}


def in_words(report: EvidenceReport, policy: Policy, code: str = "en") -> str:
    language = Language(code)
    if not report.verified:
        step = report.problems[0].step
        return f"{language.say('false')}: {language.say('false at', step=step)}"
    lines = [_verdict(report, language), *_signers(report, language)]
    if report.content is not None:
        content = report.content
        shown = quote(content.media_type)
        lines.append("  " + language.say("content", size=len(content.content), type=shown))
    lines += _table(report, language)
    lines += [
        f"  {language.say('not checked', item=item)}"
        for item in _unchecked(report, policy, language)
    ]
    lines += [f"  {language.say('limit', item=item)}" for item in _limits(report, language)]
    return "\n".join(lines)


def _verdict(report: EvidenceReport, language: Language) -> str:
    newest, counted = report.parts[0], report.custodians
    extent = {"upto": newest.covered, "time": utc(newest.epoch_ms)}
    if counted is not None and counted.complete:
        count = len(counted.names)
        word = language.say("complete", count=count, s="" if count == 1 else "s", **extent)
    else:
        word = language.say("consistent", **extent)
    opened = report.opened
    hint = language.say("provisional") if opened is not None and opened.provisional else ""
    return f"{language.say('verified')}{hint}: {word}: {_claimed(report, language)}"


def _claimed(report: EvidenceReport, language: Language) -> str:
    claim = report.claim
    if claim is None:
        raise ValueError("a verified file claims something")
    chain = claim.chain.hex()
    if claim.what == ABSENCE:
        return language.say("absence", chain=chain)
    if claim.what == ENTRY:
        log = quote(report.parts[claim.back].origin)
        said = language.say("entry", index=claim.leaf_index, log=log)
        return said + (language.say("behind epoch") if report.behind_epoch else "")
    accesses = sum(one.leaf.claim.kind == ACCESS for one in report.entries)
    is_record = report.entries[0].leaf.claim.kind == OPEN
    return language.say(
        "history" if report.complete else "history, asserted",
        count=len(report.entries),
        what=language.say("record" if is_record else "chain"),
        chain=chain,
        accesses=accesses,
        ies="y" if len(report.entries) == 1 else "ies",
        es="" if accesses == 1 else "es",
    )


def _signers(report: EvidenceReport, language: Language) -> Iterator[str]:
    counted, opened = report.custodians, report.opened
    if counted is None or opened is None:
        return
    if counted.names:
        names = ", ".join(quote(name) for name in counted.names)
        yield "  " + language.say("custodians", names=names)
    if len(counted.names) < counted.quorum:
        yield "  " + language.say("quorum", count=len(counted.names), quorum=counted.quorum)
    for reason in counted.refused:
        yield f"  {reason}"
    if opened.witnesses:
        names = ", ".join(quote(signer.name) for signer in opened.witnesses)
        yield "  " + language.say("witnesses", names=names)


def _table(report: EvidenceReport, language: Language) -> Iterator[str]:
    if not report.entries:
        return
    yield "    " + _row(*(language.say(word) for word in ("when", "kind", "by", "index")))
    several = len(report.parts) > 1
    for one in report.entries:
        claim = one.leaf.claim
        where = str(one.leaf_index)
        if several:
            where += f" {quote(report.parts[one.back].origin)}"
        if (one.back, one.leaf_index) in report.contested:
            where += language.say("contested")
        mark = ">" if claim.kind == ACCESS else " "
        by = f"{claim.author.hex()} {language.role(one.role)}"
        kind = language.kind(KINDS[claim.kind].name)
        yield f"  {mark} " + _row(utc(one.leaf.received_ms), kind, by, where)
    if any(one.leaf.claim.kind == ACCESS for one in report.entries):
        yield "  " + language.say("access mark")


def _row(when: str, kind: str, by: str, where: str) -> str:
    return f"{_padded(when, 20)}  {_padded(kind, 10)}  {_padded(by, 45)}  {where}"


def _padded(text: str, width: int) -> str:
    """As wide as a terminal shows it: a Japanese character takes two places."""
    wide = sum(east_asian_width(letter) in "WF" for letter in text)
    return text + " " * (width - len(text) - wide)


def _unchecked(report: EvidenceReport, policy: Policy, language: Language) -> Iterator[str]:
    claim, opened, newest = report.claim, report.opened, report.parts[0]
    yield language.say("behind", upto=newest.covered)
    if newest.skipped:
        yield language.say("skipped", count=newest.skipped)
    yield language.say("newest")
    if report.content is None and report.entries:
        yield language.say("blobs")
    if claim is not None and claim.what == ENTRY:
        yield language.say("alone")
    yield language.say("opened")
    if opened is not None and not opened.witnesses:
        yield language.say("same log")
    given = {key.type for key in policy.log_keys}
    for kind in (ED25519, ML_DSA_44):
        if kind not in given:
            yield language.say("key missing", type=TYPE_NAMES[kind])
    for part in report.parts[1:]:
        yield language.say("other line", log=quote(part.origin))
    if report.renewed:
        yield language.say("renewal")


def _limits(report: EvidenceReport, language: Language) -> Iterator[str]:
    for key in ("limit time", "limit logged", "limit person"):
        yield language.say(key)
    if any(one.leaf.claim.kind == ACCESS for one in report.entries):
        yield language.say("limit access")
    if report.custodians is not None and report.custodians.names:
        yield language.say("limit custodians")
    if report.content is not None:
        yield language.say("limit disclosed")


def as_json(report: EvidenceReport, policy: Policy) -> str:
    return json.dumps(_fields(report, policy), ensure_ascii=False)


def _fields(report: EvidenceReport, policy: Policy) -> dict[str, Any]:
    claim, opened, counted = report.claim, report.opened, report.custodians
    fields: dict[str, Any] = {
        "verdict": "verified" if report.verified else "false",
        "claim": _CLAIMS[claim.what] if claim else None,
        "chain": claim.chain.hex() if claim else None,
        "problems": problems_json(report.problems),
    }
    if not report.verified or opened is None or counted is None:
        return {**fields, "log": report.false_log or policy.origin}
    newest = report.parts[0]
    return {
        **fields,
        "provisional": opened.provisional,
        "completeness": "custodians" if report.complete else "asserted by the operator",
        "custodians": list(counted.names),
        "custodians_refused": list(counted.refused),
        "quorum": counted.quorum,
        "witnesses": [signer.name for signer in opened.witnesses],
        "epoch": newest.covered,
        "epoch_ms": newest.epoch_ms,
        "epoch_skips": newest.skipped,
        "revocation_checked": not report.behind_epoch,
        "logs": [
            {
                "log": part.origin,
                "log_id": part.log_id.hex(),
                "size": part.size,
                "epoch": part.covered,
                "epoch_index": part.epoch_index,
                "epoch_ms": part.epoch_ms,
            }
            for part in report.parts
        ],
        "entries": [_entry(report, one) for one in report.entries],
        "accesses": sum(one.leaf.claim.kind == ACCESS for one in report.entries),
        "content": _content(report),
        "not_checked": list(_unchecked(report, policy, Language("en"))),
        "limits": list(_limits(report, Language("en"))),
    }


def _entry(report: EvidenceReport, one: Claimed) -> dict[str, Any]:
    claim = one.leaf.claim
    return {
        "log": report.parts[one.back].origin,
        "index": one.leaf_index,
        "seq": one.leaf.seq,
        "received_ms": one.leaf.received_ms,
        "kind": KINDS[claim.kind].name,
        "author": claim.author.hex(),
        "role": one.role,
        "entry_id": claim.entry_id.hex(),
        "contested": (one.back, one.leaf_index) in report.contested,
    }


def _content(report: EvidenceReport) -> dict[str, Any] | None:
    content = report.content
    if content is None:
        return None
    return {"type": content.media_type, "size": len(content.content)}
