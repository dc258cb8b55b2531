"""What is said about an evidence file, in English and Japanese: a patient reads this.

One row for each sentence. Programs read `--json`, which is English in every language.
"""

from __future__ import annotations

from typing import NamedTuple


class Said(NamedTuple):
    en: str
    ja: str


WORDS = {
    "verified": Said("verified", "検証済み"),
    "false": Said("false", "偽り"),
    "false at": Said(
        "this file does not prove what it says; it fails in step {step}",
        "このファイルは、述べていることを証明していません（失敗した段階：{step}）",
    ),
    "provisional": Said(
        " (provisional: no ML-DSA-44 signature checked)", "（暫定：ML-DSA-44 の署名は未確認）"
    ),
    "complete": Said(
        "complete up to epoch {upto} of {time} by {count} custodian{s}",
        "エポック {upto}（{time}）まで完全。保管者 {count} 者が全件を再計算して署名",
    ),
    "consistent": Said(
        "consistent up to epoch {upto} of {time}; completeness asserted by the operator",
        "エポック {upto}（{time}）まで矛盾なし。漏れがないことは運用者の主張のみ",
    ),
    "history": Said(
        "these are all {count} entr{ies} of {what} {chain}, among them {accesses} access{es}",
        "{what} {chain} の全 {count} 件です。うち閲覧の記録が {accesses} 件",
    ),
    "history, asserted": Said(
        "{count} entr{ies} of {what} {chain}, among them {accesses} access{es}",
        "{what} {chain} の {count} 件。うち閲覧の記録が {accesses} 件",
    ),
    "absence": Said("record {chain} has no entry", "記録 {chain} には 1 件もありません"),
    "entry": Said(
        "entry {index} of log {log} is as shown; its author had the right and the key to sign it",
        "ログ {log} の {index} 番は示されたとおりで、作成者には署名する権限と鍵がありました",
    ),
    "behind epoch": Said(
        " (revocation not checked behind the epoch)", "（エポック以後の失効は未確認）"
    ),
    "record": Said("record", "記録"),
    "chain": Said("chain", "チェーン"),
    "custodians": Said("custodians: {names}", "保管者：{names}"),
    "witnesses": Said("witnesses: {names}", "証人：{names}"),
    "quorum": Said(
        "only {count} of the {quorum} custodians that the policy asks for",
        "方針が求める保管者 {quorum} 者のうち {count} 者のみ",
    ),
    "content": Said(
        "content: {size} bytes of {type}, as the author sealed it",
        "内容：{type}、{size} バイト。作成者が封じたとおり",
    ),
    "when": Said("when", "日時"),
    "kind": Said("kind", "種類"),
    "by": Said("by", "作成者と役割"),
    "index": Said("index", "番号"),
    "contested": Said("  contested", "  異議あり"),
    "access mark": Said(
        "> marks an access: content was released to somebody, or refused",
        "> は閲覧の記録：内容がだれかに渡された、または拒まれたことを示します",
    ),
    "not checked": Said("not checked: {item}", "未確認：{item}"),
    "limit": Said("limit: {item}", "限界：{item}"),
    "behind": Said(
        "entries from {upto} on: the epoch says nothing of them",
        "{upto} 番以後のエントリ：このエポックの対象外です",
    ),
    "skipped": Said(
        "{count} of them came before the epoch's time: it is no time up to which the list is whole",
        "うち {count} 件はエポックの日時より前のもの。この日時までの漏れがないことは示されません",
    ),
    "newest": Said(
        "that this is the newest epoch (--max-age sets how old it may be)",
        "これが最新のエポックであること（--max-age で許す古さを指定できます）",
    ),
    "blobs": Said(
        "what the entries say: the file holds hashes of their contents",
        "エントリの内容：このファイルにあるのは内容のハッシュだけです",
    ),
    "alone": Said(
        "the entries before and after this one, what it amends, and that its id is used once",
        "前後のエントリ、訂正元、エントリ id が一度しか使われていないこと",
    ),
    "opened": Said(
        "that a person's record was opened before somebody was enrolled for it",
        "ある人の記録が、その人や代理人の登録より先に開かれていたこと",
    ),
    "same log": Said(
        "that others are shown the same log: no pinned witness signed",
        "他の人にも同じログが示されていること：指定した証人の署名がありません",
    ),
    "key missing": Said(
        "the {type} line of the checkpoint: no such verifier key was given",
        "チェックポイントの {type} の署名：その検証鍵が指定されていません",
    ),
    "other line": Said(
        "that no other log took over from {log}",
        "{log} を引き継いだログがほかにないこと",
    ),
    "renewal": Said(
        "roots under a renewed hash: they need all entries",
        "更新されたハッシュによる根：全エントリが必要です",
    ),
    "limit time": Said(
        "order and time are the log's word, bounded only by cosignatures",
        "順序と時刻はログの申告であり、連署だけがその範囲を限ります",
    ),
    "limit logged": Said(
        "only what was logged is proven: an operator can use a second record id, or not log at all",
        "証明されるのは書かれたことだけです。運用者は別の id に書くことも書かないこともできます",
    ),
    "limit person": Said(
        "a signature shows a key, not a person; a gateway's is an assertion of the gateway",
        "署名が示すのは鍵であって人ではありません。ゲートウェイの署名はゲートウェイの主張です",
    ),
    "limit access": Said(
        "an access entry means that content was released, not that it was received or read",
        "閲覧の記録は内容が渡されたことを意味し、受け取られた、読まれたことは意味しません",
    ),
    "limit custodians": Said(
        "custodians' independence of the operator is a matter of organisations, not of bytes",
        "保管者が運用者から独立しているかは組織の問題であり、データからは分かりません",
    ),
    "limit disclosed": Said(
        "whoever holds this file can read the disclosed content, for good",
        "このファイルを持つ人は、開示された内容をいつまでも読めます",
    ),
}

KINDS_JA = {
    "genesis": "創設",
    "succession": "承継",
    "trust": "統治者の変更",
    "actor": "登録",
    "open": "開設",
    "record": "記載",
    "amend": "訂正",
    "retract": "取り消し",
    "link": "連結",
    "unlink": "連結の解除",
    "access": "閲覧",
    "erasure": "消去",
    "batch": "一括署名",
    "epoch": "エポック",
}
ROLES_JA = {
    "governors": "統治者",
    "log": "ログ",
    "organisation": "機関",
    "gateway": "ゲートウェイ",
    "practitioner": "医療従事者",
    "person": "本人",
    "proxy": "代理人",
    "guardian": "後見人",
    "device": "機器",
    "app": "アプリ",
    "custodian": "保管者",
    "auditor": "監査人",
    "researcher": "研究者",
}


class Language:
    def __init__(self, code: str) -> None:
        self._japanese = code == "ja"

    def say(self, key: str, **values: object) -> str:
        said = WORDS[key]
        return (said.ja if self._japanese else said.en).format(**values)

    def kind(self, name: str) -> str:
        return KINDS_JA[name] if self._japanese else name

    def role(self, name: str) -> str:
        return ROLES_JA[name] if self._japanese else name
