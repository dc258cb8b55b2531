"""Any object of a log in readable form, with byte offsets. Read strictly, and not verified.

Each kind has a function from its bytes to fields; a strict reader refuses what is out of form
before a field is shown. Without a kind, each is tried, those that can be mistaken least first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from verifier.errors import BadArgument, NotVerified
from verifier.explain import entries, files, texts
from verifier.explain.fields import Field

KINDS: dict[str, Callable[[bytes], Iterator[Field]]] = {
    "evidence": files.evidence,
    "proof": texts.proof,
    "succession": texts.succession,
    "policy": texts.policy,
    "vkey": texts.verifier_key,
    "checkpoint": texts.checkpoint,
    "note": texts.note,
    "leaf": entries.leaf,
    "statement": entries.statement,
    "claim": entries.claim,
    "bundle": files.bundle,
    "epoch": entries.epoch,
    "tile": files.tile,
}


def explain(raw: bytes, kind: str | None) -> tuple[str, list[Field]]:
    """The kind, and the fields. Raises NotVerified when it is not of the kind that was named,
    BadArgument when it is of none.
    """
    if kind is not None:
        return kind, list(KINDS[kind](raw))
    for name, read in KINDS.items():
        try:
            return name, list(read(raw))
        except NotVerified:
            continue
    raise BadArgument(
        "this is no object of a log that this program knows",
        f"name its kind with --as, to hear what is wrong: {', '.join(KINDS)}",
    )
