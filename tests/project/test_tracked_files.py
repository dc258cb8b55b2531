"""What is handed on names no host of a registry and no path of somebody's machine."""

import re
from pathlib import Path

import pytest

from tests.project.tree import ROOT, tracked

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PIN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*==[0-9][0-9a-z.+!]*( ; [a-z_]+ [<>=!]+ \"[\w.]+\")? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
COMMENT = re.compile(r"# Written by `make lock`\. Install with: [a-z -]+requirements/[a-z]+\.lock")

# The preceding character keeps paths within addresses (https://host/home/x) out.
MACHINE_PATH = re.compile(r"(?:file://|(?<![\w.:/-]))/(?:root|work|home|Users)/[\w.-]+")


def lines_out_of_form(lock: str) -> list[str]:
    return [
        line
        for line in lock.splitlines()
        if not any(form.fullmatch(line) for form in (PIN, HASH, COMMENT))
    ]


def machine_paths(text: str) -> list[str]:
    return MACHINE_PATH.findall(text)


def names(lock: Path) -> dict[str, str]:
    pins = (line.split()[0] for line in lock.read_text().splitlines() if "==" in line)
    return {name: version for name, _, version in (pin.partition("==") for pin in pins)}


def test_there_are_locks() -> None:
    assert {lock.stem for lock in LOCKS} == {"bench", "build", "dev", "server", "verifier"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.stem))
def test_a_lock_holds_pins_and_hashes_only(lock: Path) -> None:
    assert lines_out_of_form(lock.read_text()) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.stem))
def test_locks_agree_on_versions(lock: Path) -> None:
    everything = names(ROOT / "requirements/bench.lock")
    assert names(lock).items() <= everything.items()


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://registry.example/simple",
        "--extra-index-url file:///mirror",
        "--find-links /wheels",
        "--trusted-host registry.example",
        "rich @ https://registry.example/rich.whl",
        "# by pip-compile --index-url=https://registry.example",
        "rich>=15",
        "rich==15.0.0",
    ],
)
def test_other_lines_are_found(line: str) -> None:
    assert lines_out_of_form(line) == [line]


def test_no_tracked_file_has_a_machine_path() -> None:
    found = {
        str(path): paths
        for path in tracked()
        if (paths := machine_paths((ROOT / path).read_bytes().decode("utf-8", "replace")))
    }
    assert found == {}


# Put together here, so that this file passes its own test.
@pytest.mark.parametrize("top", ["root", "work", "home", "Users"])
def test_a_machine_path_is_found(top: str) -> None:
    path = f"/{top}/somebody/x"
    assert machine_paths(f"see {path}")
    assert machine_paths(f"file://{path}")
    assert not machine_paths(f"see https://host.example{path} and docs{path}")
