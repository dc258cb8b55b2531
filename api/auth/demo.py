"""Tokens for a demonstration: of everybody who is enrolled on this machine, without an assertion.

Whoever starts the service has the keys of these authors anyway. It is done on loopback alone, and
when it is asked for by its option.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiohttp import web

from api.address import ADDRESS
from api.auth.granting import all_scopes, grant
from api.auth.scopes import BadScope
from api.auth.state import AUTH
from ledger.wire.ids import ActorId

FILE: Final = "demo.sh"
"""In the service's own directory; it goes when the service ends."""
LIFE_S: Final = 86_400


def write_tokens(app: web.Application, names: Mapping[str, ActorId], path: Path) -> None:
    """A file for the shell that sets URL, and for each name a variable with its token. Only its
    owner reads it.
    """
    auth, lines = app[AUTH], [f"export URL={shlex.quote(app[ADDRESS].url)}"]
    for name, id_ in sorted(names.items()):
        actor = auth.registry.actors.get(id_)
        if actor is None or actor.statement_key is None:
            continue
        with suppress(BadScope):
            caller = grant(auth.registry, actor, all_scopes(actor), "")
            token = auth.tokens.give(caller, actor.statement_key.kid, time.time_ns() // 1_000_000)
            lines.append(f"export {_variable(name)}={token}")
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())
