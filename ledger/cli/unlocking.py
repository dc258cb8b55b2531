"""--passphrase-file and --pin-file on every command, since each may have to open a key."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.keyfiles import Unlock

_CURRENT: ContextVar[Unlock] = ContextVar("unlock")
_OPTIONS = (
    (
        "passphrase_file",
        Annotated[
            list[Path] | None,
            typer.Option(
                "--passphrase-file",
                metavar="F",
                help="Holds the passphrase of key files; may be given again for another.",
                show_default=False,
            ),
        ],
    ),
    (
        "pin_file",
        Annotated[
            Path | None,
            typer.Option(
                "--pin-file", metavar="F", help="Holds the PIN of a token.", show_default=False
            ),
        ],
    ),
)


def current_unlock() -> Unlock:
    """What the command that runs was given; at a terminal it asks for the rest."""
    return _CURRENT.get(None) or Unlock(ask=_asker())


def add_options(app: typer.Typer) -> None:
    """Give every command of the app and of its groups those of the options it has not itself."""
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = _with_options(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            add_options(group.typer_instance)


def _with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    plain = signature(command, eval_str=True)
    added = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in _OPTIONS
        if name not in plain.parameters
    ]

    @wraps(command)
    def run(**given: Any) -> Any:
        ours = {one.name: given.pop(one.name) for one in added}
        files = tuple(ours.get("passphrase_file") or ())
        before = _CURRENT.set(Unlock(files, ours.get("pin_file"), _asker()))
        try:
            return command(**given)
        finally:
            _CURRENT.reset(before)

    full = plain.replace(parameters=[*plain.parameters.values(), *added])
    run.__annotations__ = {name: one.annotation for name, one in full.parameters.items()}
    vars(run)["__signature__"] = full
    return run


def _asker() -> Callable[[str], str] | None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(prompt: str) -> str:
        return str(typer.prompt(prompt, hide_input=True, err=True))

    return ask
