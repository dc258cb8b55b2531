"""Check: re-derives everything from the leaves and compares it with what is stored.

    replay    every leaf again through admission and sequencer, which must make the same bytes
    derived   tiles, ids, registry, index runs, places: against what the replay gives
    content   payload bytes against the leaves, content keys against the payloads
    edge      state, checkpoints, guard, journal, strays

It reads only, beside a writer if there is one, and reports all it finds up to a cap. A ledger on
which nothing is found holds no byte that is read and is not the one that was written.
``verifier/`` does the same for outsiders, from bundles alone and with code of its own.
"""

from ledger.check.ledger import MAX_PROBLEMS, check_ledger
from ledger.check.report import Problem, Report

__all__ = ["MAX_PROBLEMS", "Problem", "Report", "check_ledger"]
