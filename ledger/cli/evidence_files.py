"""Evidence files as commands write them, and what is said about how far they go."""

from __future__ import annotations

from pathlib import Path

from ledger.cli.terminal import Json, note, result, result_json, when, write_file
from ledger.evidence import Proved
from ledger.wire.evidence import encode_evidence


def write_evidence(proved: Proved, output: Path, as_json: bool, what: dict[str, Json]) -> None:
    """Write the file, and say up to where it goes and who stands for that. Raises BadRequest."""
    data = encode_evidence(proved.evidence)
    write_file(output, data)
    leaves = sum(len(part.leaves) for part in proved.evidence.parts)
    if as_json:
        result_json(
            {
                **what,
                "file": output.name,
                "bytes": len(data),
                "leaves": leaves,
                "epoch": proved.upto,
                "epoch_ms": proved.epoch_ms,
                "custodians": proved.custodians,
                "newer": proved.newer,
            }
        )
    else:
        result(f"{output.name}: {leaves} leaves, {len(data):,} bytes")
    note(f"it goes up to epoch {proved.upto} of {when(proved.epoch_ms)}")
    if proved.custodians:
        note(f"custodians whose signature it carries: {proved.custodians}")
    else:
        note("no custodian has signed that: completeness is this log's own word")
    if proved.newer:
        note(
            f"newer in this chain, and not in it: {proved.newer}; for these run `counterfoil "
            f"checkpoint DIR`{', have that cosigned,' if proved.custodians else ''} and prove anew"
        )
    note(f"{output.name} holds leaves: who, when and which record are personal data")
