"""Changes of actors and governors: by an author, by the governor, or written down for several
governors to approve.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from ledger.author import Author
from ledger.cli import authors
from ledger.cli.terminal import note, write_file
from ledger.errors import BadRequest
from ledger.identity import Change
from ledger.keyfiles import governor_key_path, load_statement_key
from ledger.log import Log
from ledger.sequencer import Appended
from ledger.wire.ids import ChainId

PROPOSED_FOR_MS: Final = 14 * 86_400_000
"""How long a proposal may be approved and enacted."""

By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="NAME",
        help="The enrolled author who does this; without it the governors do.",
        show_default=False,
    ),
]
GovernorKey = Annotated[
    Path | None,
    typer.Option(
        "--governor-key",
        metavar="FILE",
        help="The key of the governor who does this. [default: the one in DIR/keys]",
        show_default=False,
    ),
]
Propose = Annotated[
    Path | None,
    typer.Option(
        "--propose",
        metavar="FILE",
        help="Where several governors must agree: write down there what they are to approve.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Acting:
    """Who changes something, and how."""

    by: str | None = None
    governor_key: Path | None = None
    propose: Path | None = None


def governor(log: Log, key: Path | None) -> Author:
    """The governor with the key in this file, or in the ledger's directory."""
    if key is None:
        if not governor_key_path(log.layout.directory).exists():
            raise BadRequest(
                "no governor's key lies with the ledger", hint="name one with --governor-key"
            )
        return log.governor()
    return log.governor_with(load_statement_key(key, log.layout.unlock))


def change(
    log: Log, body: Change, chain: ChainId, acting: Acting, name: str = ""
) -> Appended | None:
    """Append the change; None when it was written down as a proposal. Raises BadRequest."""
    registry = log.reader.registry
    alone = acting.by is not None or registry.threshold == 1
    if acting.by is not None and acting.governor_key is not None:
        raise BadRequest("--by and --governor-key are two authors", hint="give one of them")
    if alone and acting.propose is not None:
        raise BadRequest("nobody else has to agree to this", hint="leave --propose out")
    if alone:
        author = authors.signer(log, acting.by) if acting.by else governor(log, acting.governor_key)
        return log.change(chain, body, by=author, name=name)
    if acting.propose is None:
        raise BadRequest(
            f"{registry.threshold} of {len(registry.governors)} governors must agree to this",
            hint="write it down for them with --propose FILE",
        )
    expires = time.time_ns() // 1_000_000 + PROPOSED_FOR_MS
    proposal = log.propose(body, expires, chain=chain)
    write_file(acting.propose, proposal.encode())
    note(f"{acting.propose.name} says what is to be approved:")
    for line in proposal.summary:
        note(f"  {line}")
    enact = f"counterfoil govern enact DIR {acting.propose.name}"
    note(f"then: {enact} --governor-key KEY --approval FILE")
    return None
