"""docs/security.md names tests that exist, and points of ASVS that there are."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.project.tree import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([a-z_/0-9]+\.py(?:::test_[a-z_0-9]+)?)`", TEXT)))
ROWS = [line for line in TEXT.splitlines() if re.match(r"\| \d+\.\d", line)]


@cache
def names_in(path: str) -> frozenset[str]:
    """The tests of a file, but those that CI does not run."""
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not any("mark.long" in ast.unparse(one) for one in node.decorator_list)
    )


@pytest.mark.parametrize("name", NAMED)
def test_a_named_test_exists(name: str) -> None:
    path, _, test = name.removeprefix("tests/").partition("::")
    assert (ROOT / "tests" / path).is_file()
    assert not test or test in names_in(path)


def test_what_is_met_names_a_test() -> None:
    assert len(ROWS) > 90
    for row in ROWS:
        assert ".py" in row or "| no: " in row, row


def test_hostile_tests_stand_in_it() -> None:
    """Each file of attacks is named at least once."""
    files = {path.name for path in (ROOT / "tests" / "api").glob("test_hostile_*.py")}
    assert files == {name for name in files if f"api/{name}::" in TEXT}


def test_a_name_that_is_none_is_found() -> None:
    assert "test_nothing_of_this_name" not in names_in("api/test_fhir.py")
    assert "test_versions" in names_in("api/test_fhir.py")
