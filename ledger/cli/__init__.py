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
    missing = [name for name in SERVER_EXTRA if find_spec(name) is None]
    if missing:
        print(
            f"counterfoil: {', '.join(missing)} not installed"
            " (hint: pip install 'counterfoil[server]')",
            file=sys.stderr,
        )
        return 2
    return int(import_module("ledger.cli.app").main())
