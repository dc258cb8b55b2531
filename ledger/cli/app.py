"""The command line: commands by group, and the one place where errors become exit codes."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from ledger.cli import (
    actors,
    appending,
    backups,
    custodying,
    enrolling,
    erasing,
    evidence,
    founding,
    governing,
    heading,
    importer,
    linking,
    logging_in,
    login_keys,
    rekeying,
    serving,
    showing,
    succeeding,
    timelines,
    upkeep,
    vaulting,
)
from ledger.cli.outcome import DONE, EXIT_CODES, INTERRUPTED, USAGE, report, say
from ledger.cli.unlocking import add_options

_BROKEN_PIPE: Final = 141
"""As shells say it: 128 + SIGPIPE. Whoever read our output has seen enough."""

app = typer.Typer(
    name="counterfoil",
    help="A signed, chained health record log: one lifelong record per person, every write and "
    "every read provable.\n\nResults go to stdout, everything else to stderr.",
    epilog=EXIT_CODES,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"counterfoil {version('counterfoil')}")
        raise typer.Exit


@app.callback()
def _any_command(
    _: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_version, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    return


for group in (
    founding,
    enrolling,
    rekeying,
    login_keys,
    logging_in,
    actors,
    governing,
    importer,
    appending,
    heading,
    linking,
    showing,
    succeeding,
    timelines,
    erasing,
    evidence,
    serving,
    custodying,
    upkeep,
    backups,
    vaulting,
):
    group.add_to(app)
add_options(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a name in some script is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        code = _BROKEN_PIPE
    if code == _BROKEN_PIPE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        returned = get_command(app).main(
            args=arguments, prog_name="counterfoil", standalone_mode=False
        )
    except TyperException as error:
        message = " ".join(error.format_message().split()).rstrip(".")
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "counterfoil"
        say(message, f"see `{path} --help`")
        return USAGE
    except SystemExit:
        # Typer's way to end when the reader of our output has gone.
        return _BROKEN_PIPE
    except BrokenPipeError:
        raise
    except Exception as error:
        return report(error)
    if returned == INTERRUPTED:
        return report(KeyboardInterrupt())
    return returned if isinstance(returned, int) else DONE
