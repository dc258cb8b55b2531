"""The transcripts in docs/transcripts are what the commands do."""

from pathlib import Path

import pytest

from tests.cli.transcripts import TRANSCRIPTS, play


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript(path: Path) -> None:
    assert play(path) == path.read_text()


def test_there_are_transcripts() -> None:
    assert len(list(TRANSCRIPTS.glob("*.txt"))) >= 4
