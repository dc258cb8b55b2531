"""An environment with what `verifier.lock` names, and nothing else."""

import importlib.metadata
import os
import subprocess
import venv
from pathlib import Path

from tests.project.test_tracked_files import names
from tests.project.tree import ROOT


def create(home: Path) -> None:
    venv.create(home, symlinks=True)
    (packages,) = home.glob("lib/python*/site-packages")
    for name in names(ROOT / "requirements/verifier.lock"):
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(distribution.locate_file(top))))


def run(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [home / "bin" / command[0], *command[1:]],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
