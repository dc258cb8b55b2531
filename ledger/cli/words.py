"""Words of a timeline, English and Japanese: a patient reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from ledger.cli.clinical_words import PURPOSES, RESOURCES, STATUSES
from ledger.record.header import RecordKind, Source
from ledger.record.model import Hidden, Stage
from ledger.wire.claim import Kind

_RESOURCE: Final = re.compile(r"([A-Z][A-Za-z]+)(?: \[([a-z, -]+)\])?(?=$|:)")


class Language(StrEnum):
    EN = "en"
    JA = "ja"


def language_of(locale: str) -> Language:
    """The language of a locale like ja_JP.UTF-8; English for any other."""
    return Language.JA if locale.lower().startswith("ja") else Language.EN


def say(language: Language, text: str, **values: str | int) -> str:
    """A phrase in a language. ``text`` is the English one."""
    chosen = text if language is Language.EN else _JAPANESE[text]
    return chosen.format(**values)


def title(language: Language, text: str) -> str:
    """A content's title (``ledger.linkage.opening.title``), the FHIR words in it in a language."""
    if language is Language.EN:
        return text
    match = _RESOURCE.match(text)
    if match is None or match[1] not in RESOURCES:
        return text
    doubts = [STATUSES.get(one, one) for one in (match[2] or "").split(", ") if one]
    said = f"［{'、'.join(doubts)}］" if doubts else ""
    return RESOURCES[match[1]] + said + text[match.end() :]


def purpose(language: Language, code: str) -> str:
    """A purpose of use in words, with its code."""
    if code not in PURPOSES:
        return code
    return f"{PURPOSES[code][language is Language.JA]} ({code})"


STAGES: Final[Mapping[Stage, str]] = {stage: stage.value for stage in Stage}
HIDDEN: Final[Mapping[Hidden, str]] = {reason: reason.value for reason in Hidden}
KINDS: Final[Mapping[RecordKind, str]] = {kind: kind.value for kind in RecordKind}
SOURCES: Final[Mapping[Source, str]] = {
    Source.CLINICAL: "by an institution",
    Source.PERSON: "by the person",
    Source.DEVICE: "by a device",
}
EVENTS: Final[Mapping[Kind, str]] = {
    Kind.OPEN: "record opened",
    Kind.LINK: "linked",
    Kind.UNLINK: "link ended",
    Kind.ACCESS: "read",
    Kind.ERASURE: "erasure",
}
COLUMNS: Final = ("index", "written", "received", "by", "what", "state", "remarks")

_JAPANESE: Final = {
    "index": "番号",
    "written": "記載日時",
    "received": "受付日時",
    "by": "記載者",
    "what": "内容",
    "state": "状態",
    "remarks": "備考",
    "final": "確定",
    "unapproved": "未承認",
    "automatically approved": "自動承認",
    "approved": "承認済み",
    "unknown": "不明",
    "a document is being prepared": "文書は作成中です",
    "an earlier draft": "承認前の下書きです",
    "not shared with the person": "共有されていない記録です",
    "the content was erased": "内容は消去されました",
    "its author sealed it wrongly": "内容を読み取れません",
    "the content belonged to another record": "別の方の記録であったため移されました",
    "health": "保健医療記録",
    "person-obtained": "本人取得由来記録",
    "deliberation": "検討記録",
    "communication": "伝達記録",
    "by an institution": "医療機関による記録",
    "by the person": "ご本人による記録",
    "by a device": "機器による記録",
    "record opened": "記録の開設",
    "linked": "紐付け",
    "link ended": "紐付けの終了",
    "read": "閲覧",
    "erasure": "消去",
    "linked to record {record}": "記録{record}と紐付け",
    "number {system}|{value}": "番号 {system}|{value}",
    "ended": "終了済み",
    "for {purpose}": "目的 {purpose}",
    "replaces {index}": "{index}を訂正",
    "earlier version": "以前の版",
    "reason: {reason}": "理由: {reason}",
    "retracted": "取消済み",
    "retraction of {index}": "{index}の取消",
    "approval of {index}": "{index}の承認",
    "change of {index}": "{index}の変更",
    "shared": "共有済み",
    "no longer shared": "共有を終了",
    "does not count": "無効",
    "brought back by a later version": "後の版により取消は解除",
    "written by machine: {machine}": "機械による作成: {machine}",
    "signed with a key in doubt": "署名鍵に疑義あり",
    "on behalf of {actor}": "{actor}の代理",
    "first written by {actor}": "最初の記載者 {actor}",
    "by {actor}, while it stood in another record": "{actor}による、別の記録にあった間の閲覧",
    "moved here from another record": "別の記録から移されたもの",
    "moved to another record": "別の記録へ移動",
    "labels: {labels}": "ラベル: {labels}",
    "in record {record}": "記録{record}",
    "approved by time at {when}": "{when}に自動承認",
    "document": "文書",
}
