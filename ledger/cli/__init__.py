"""The command `counterfoil`; its subcommands are in `app`.

They need the extra `server`. A bare installation has `counterfoil-verify` only, and says so here
before anything is imported that it lacks.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Final

SERVER_EXTRA: Final = ("aiohttp", "cbor2", "fhir", "lmdb", "rich", "typer")


def main() -> int:
    if any(find_spec(name) is None for name in SERVER_EXTRA):
        print(
            "counterfoil needs the server extra: pip install 'counterfoil[server]'",
            file=sys.stderr,
        )
        return 2
    try:
        return int(import_module("ledger.cli.app").main())
    except KeyboardInterrupt:
        # Before the command line was read; it reports a later one itself.
        return 130
