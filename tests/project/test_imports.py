"""Imports point one way."""

from pathlib import Path

import pytest

from tests.project.import_rules import imported, module_name, rule_for, violations
from tests.project.tree import ROOT

SOURCES = sorted(
    path.relative_to(ROOT)
    for root in ("ledger", "api", "verifier", "tests", "benchmarks")
    for path in (ROOT / root).rglob("*.py")
)


def test_the_tree_keeps_to_the_table() -> None:
    found = [line for path in SOURCES for line in violations((ROOT / path).read_text(), path)]
    assert found == []


def test_every_root_has_sources() -> None:
    assert {path.parts[0] for path in SOURCES} >= {"ledger", "api", "verifier", "tests"}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ledger/errors.py", "from ledger.wire.ids import Hash"),
        ("ledger/wire/leaf.py", "from ledger.store import environment"),
        ("ledger/wire/leaf.py", "from ledger import store"),
        ("ledger/wire/leaf.py", "from ..merkle import hashing"),
        ("ledger/wire/leaf.py", "import lmdb"),
        ("ledger/wire/__init__.py", "from ..vault import keys"),
        ("ledger/merkle/proofs.py", "from ledger.wire.proof import Proof"),
        ("ledger/merkle/proofs.py", "import numpy"),
        ("ledger/store/runs.py", "from ledger.log import Log"),
        ("ledger/store/runs.py", "from ledger.vault.keys import Vault"),
        ("ledger/appender.py", "from ledger.log import Log"),
        ("ledger/recovery.py", "import ledger.cli"),
        ("ledger/vault/keys.py", "import api"),
        ("ledger/log.py", "from ledger.cli import app"),
        ("ledger/log.py", "from verifier.formats.merkle import root"),
        ("ledger/cli/app.py", "import verifier.cli"),
        ("ledger/cli/app.py", "def f():\n    import verifier"),
        ("ledger/cli/app.py", "importlib.import_module('verifier.cli')"),
        ("ledger/cli/app.py", "import_module(name)"),
        ("ledger/cli/app.py", "import_module(f'{name}.x')"),
        ("ledger/cli/app.py", "__import__(f'verifier.{name}')"),
        ("api/handlers/entries.py", "import lmdb"),
        ("api/handlers/entries.py", "from ledger.store.environment import Environment"),
        ("api/handlers/entries.py", "from ledger import appender"),
        ("api/app.py", "from tests.wire import samples"),
        ("verifier/formats/leaf.py", "from ledger.wire import leaf"),
        ("verifier/formats/leaf.py", "import cbor2"),
        ("verifier/formats/leaf.py", "if TYPE_CHECKING:\n    from ledger.wire.ids import Hash"),
        ("verifier/formats/leaf.py", "from verifier.rules import registry"),
        ("verifier/rules/registry.py", "from verifier.verdicts.report import LIMITS"),
        ("benchmarks/audit.py", "import verifier"),
    ],
)
def test_a_violation_is_found(path: str, source: str) -> None:
    assert len(violations(source, Path(path))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ledger/wire/leaf.py", "from ledger.errors import BadRequest\nfrom . import cbor, ids"),
        ("ledger/merkle/tiles.py", "from ledger.wire.ids import Hash\nimport hashlib"),
        ("ledger/store/environment.py", "import lmdb\nfrom ledger.merkle import frontier"),
        ("ledger/appender.py", "from ledger.store import guard\nfrom ledger.vault import keys"),
        ("ledger/log.py", "from ledger import appender, recovery"),
        ("ledger/fhir/validate.py", "import_module(f'fhir.resources.{name}')"),
        ("ledger/cli/app.py", "from ledger.log import Log\nfrom api.app import serve"),
        ("api/app.py", "from ledger.log import Log\nimport aiohttp\nfrom .auth import check"),
        (
            "verifier/formats/note.py",
            "from cryptography.hazmat.primitives import hashes\nimport json",
        ),
        ("tests/agreement/test_all.py", "import ledger.wire.leaf\nimport verifier.formats.leaf"),
    ],
)
def test_what_the_table_allows_passes(path: str, source: str) -> None:
    assert violations(source, Path(path)) == []


def test_relative_imports_are_resolved() -> None:
    source = "from . import a\nfrom .b import c\nfrom .. import d\nfrom .e import *"
    inner = [name for _, name in imported(source, Path("ledger/wire/leaf.py"))]
    assert inner == ["ledger.wire.a", "ledger.wire.b.c", "ledger.d", "ledger.wire.e"]
    package = [name for _, name in imported(source, Path("ledger/wire/__init__.py"))]
    assert package == inner


def test_the_longest_rule_counts() -> None:
    assert rule_for("ledger.log").part == "ledger.log"
    assert rule_for("ledger.logic").part == "ledger"
    assert rule_for("ledger.store.runs").part == "ledger.store"
    assert module_name(Path("ledger/wire/__init__.py")) == "ledger.wire"
