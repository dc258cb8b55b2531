"""Codes in a timeline, in words that a patient reads."""

from __future__ import annotations

import pytest

from ledger.cli.words import Language, purpose, title

JA, EN = Language.JA, Language.EN


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Patient", "患者の基本情報"),
        ("Immunization [not-done]: インフルエンザ", "予防接種［実施せず］: インフルエンザ"),
        ("Condition [refuted, provisional]: gout", "病名・状態［否定、暫定］: gout"),
        ("Observation [odd-one]: HbA1c 6.5 %", "検査・観察［odd-one］: HbA1c 6.5 %"),
        ("Patient came by ambulance", "Patient came by ambulance"),
        ("Basic: note", "Basic: note"),
        ("application/pdf", "application/pdf"),
        ("Observation[x]: y", "Observation[x]: y"),
    ],
)
def test_titles_in_japanese(text: str, said: str) -> None:
    """A status by which a resource takes itself back is never lost."""
    assert title(JA, text) == said
    assert title(EN, text) == text


def test_purposes_have_words_and_keep_their_code() -> None:
    assert purpose(EN, "TREAT") == "treatment (TREAT)"
    assert purpose(JA, "PATRQT") == "ご本人の請求 (PATRQT)"
    assert purpose(JA, "BLAH") == "BLAH"
