"""Which part may import which, as a table, and the check of a source file against it."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIRST_PARTY = frozenset({"ledger", "api", "verifier", "tests", "benchmarks"})
ANY = "*"


@dataclass(frozen=True)
class Rule:
    """What the modules at or below `part` may import; the longest matching `part` counts."""

    part: str
    ours: frozenset[str]
    """Parts of this project, each with everything below it, or ANY."""
    never: frozenset[str] = frozenset()
    """Exceptions from `ours`, and modules of others."""
    others: frozenset[str] = frozenset({ANY})
    """Top-level modules of others beside the standard library, or ANY."""


def _rule(part: str, ours: str, never: str = "", others: str = ANY) -> Rule:
    return Rule(part, frozenset(ours.split()), frozenset(never.split()), frozenset(others.split()))


PURE = "lmdb aiohttp typer rich fhir"
RULES = (
    _rule("ledger.errors", "ledger.errors", others=""),
    _rule("ledger.wire", "ledger.wire ledger.errors", never=PURE),
    _rule("ledger.merkle", "ledger.merkle ledger.errors ledger.wire.ids", others=""),
    _rule("ledger.store", "ledger.store ledger.wire ledger.merkle ledger.errors"),
    # Views are functions of their arguments: no store, no vault, no clock.
    _rule("ledger.record", "ledger.record ledger.wire ledger.errors", never=PURE),
    # Whatever else the ledger has lies between the store and the facade.
    _rule("ledger", "ledger", never="ledger.log ledger.cli"),
    _rule("ledger.log", "ledger", never="ledger.cli"),
    # Among the commands is the one that starts the service.
    _rule("ledger.cli", "ledger api"),
    # The service knows the facade and what is a function of its arguments, never the store or the
    # vault's keys.
    _rule(
        "api",
        "api ledger.log ledger.resources ledger.serving ledger.fhir ledger.record ledger.evidence "
        "ledger.identity ledger.author ledger.admission "
        "ledger.merkle ledger.wire ledger.errors",
        never="lmdb",
    ),
    _rule("verifier", "verifier", others="cryptography"),
    _rule("verifier.formats", "verifier.formats verifier.errors", others="cryptography"),
    _rule(
        "verifier.rules",
        "verifier.rules verifier.formats verifier.errors",
        others="cryptography",
    ),
    _rule("tests", ANY),
    _rule("benchmarks", "benchmarks ledger api tests"),
)


def _within(module: str, part: str) -> bool:
    return module == part or module.startswith(part + ".")


def rule_for(module: str) -> Rule:
    matches = [rule for rule in RULES if _within(module, rule.part)]
    if not matches:
        raise LookupError(f"no rule for {module}")
    return max(matches, key=lambda rule: len(rule.part))


def module_name(path: Path) -> str:
    """`ledger/wire/__init__.py` is `ledger.wire`; the path is relative to the checkout."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _start_of_text(expression: ast.expr) -> str:
    """What is known of a computed module name: `f"fhir.resources.{x}"` is within `fhir`."""
    match expression:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if "." in text:
            return text.rpartition(".")[0]
        case _:
            return ""


def imported(source: str, path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, at any depth of the file.

    `from a import b` gives `a.b`, for b may be a module.
    """
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(source, filename=str(path))):
        match node:
            case ast.Import():
                for name in node.names:
                    yield node.lineno, name.name
            case ast.ImportFrom():
                base = package[: len(package) - node.level + 1] if node.level else []
                base = base + (node.module.split(".") if node.module else [])
                for name in node.names:
                    yield node.lineno, ".".join(base if name.name == "*" else [*base, name.name])
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__" as called)
                | ast.Attribute(attr="import_module" as called),
                args=[first, *_],
            ):
                yield node.lineno, _start_of_text(first) or f"<computed for {called}>"
            case _:
                pass


def _allowed(rule: Rule, name: str) -> bool:
    top = name.partition(".")[0]
    if any(_within(name, part) for part in rule.never):
        return False
    if name.startswith("<"):
        return ANY in rule.ours
    if top in FIRST_PARTY:
        # `import ledger` brings nothing but the empty root.
        return ANY in rule.ours or name == "ledger" or any(_within(name, p) for p in rule.ours)
    return top in sys.stdlib_module_names or ANY in rule.others or top in rule.others


def violations(source: str, path: Path) -> list[str]:
    """One line for each import that the table forbids."""
    rule = rule_for(module_name(path))
    return [
        f"{path}:{line}: {rule.part} must not import {name}"
        for line, name in imported(source, path)
        if not _allowed(rule, name)
    ]
