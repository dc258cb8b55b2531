"""What is personal goes into files of one's own, whatever lies there already."""

from __future__ import annotations

import os
from pathlib import Path

from ledger.cli.terminal import write_file


def test_a_link_in_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / f".receipt.{os.getpid()}").symlink_to(victim)
    write_file(tmp_path / "receipt", b"personal")
    assert victim.read_bytes() == b"mine"
    assert (tmp_path / "receipt").read_bytes() == b"personal"


def test_a_file_that_others_may_read_is_not_written_into(tmp_path: Path) -> None:
    planted = tmp_path / f".receipt.{os.getpid()}"
    planted.touch()
    planted.chmod(0o666)
    write_file(tmp_path / "receipt", b"personal")
    assert (tmp_path / "receipt").stat().st_mode & 0o077 == 0
