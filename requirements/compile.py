"""Resolve pyproject.toml into requirements/*.lock; run by `make lock`.

One resolution, `bench.lock`, holds everything; the others are subsets of it, so that no two of
them name different versions. It is made by the oldest supported Python, whose answer newer ones
can install (the hashes of all wheels are listed).
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by `make lock`. Install with: pip install --require-hashes -r {path}\n"


def group(name: str, groups: dict[str, list[str | dict[str, str]]]) -> list[str]:
    requirements: list[str] = []
    for item in groups[name]:
        if isinstance(item, str):
            requirements.append(item)
        else:
            requirements += group(item["include-group"], groups)
    return requirements


def compile_lock(path: str, requirements: list[str], *options: str) -> None:
    command = [sys.executable, "-m", "piptools", "compile", "-", "--output-file", path, *options]
    command += ["--generate-hashes", "--strip-extras", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links", "--quiet"]
    # Local indexes of the machine at hand must not decide what everybody else installs.
    environment = os.environ | {"PIP_CONFIG_FILE": os.devnull}
    environment.pop("PIP_FIND_LINKS", None)
    environment.pop("PIP_EXTRA_INDEX_URL", None)
    subprocess.run(
        command, input="\n".join(requirements), text=True, check=True, cwd=ROOT, env=environment
    )
    lock = ROOT / path
    lock.write_text(HEADER.format(path=path) + lock.read_text())
    print(path, flush=True)


def main() -> None:
    if sys.version_info[:2] != (3, 11):
        sys.exit("hint: make lock PYTHON=python3.11 (the oldest supported version)")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    verifier = project["project"]["dependencies"]
    server = verifier + project["project"]["optional-dependencies"]["server"]
    dev = server + group("dev", groups)
    everything = "requirements/bench.lock"
    compile_lock(everything, dev + group("bench", groups), "--upgrade")
    subsets = {
        "dev": dev,
        "server": server,
        "build": group("build", groups),
        "verifier": verifier,
    }
    for name, requirements in subsets.items():
        path = f"requirements/{name}.lock"
        # pip-compile keeps the versions and hashes that it finds in its output file.
        shutil.copyfile(ROOT / everything, ROOT / path)
        compile_lock(path, requirements)


if __name__ == "__main__":
    main()
