"""What comes from outside stays inside its quotation marks."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from verifier.errors import quote


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_text(text: str) -> None:
    shown = quote(text)
    assert shown.isprintable()
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"…?', shown)


def test_a_name_that_would_say_more() -> None:
    assert quote('x", verified by 5 custodians\n\u202e') == (
        r'"x\", verified by 5 custodians\n\u202e"'
    )
