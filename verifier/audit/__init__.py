"""Audit of a whole log: every rule, from the stored files alone.

1. checkpoint: the note, a valid line of every pinned key of the log, cosignatures (`checkpoint`)
2. spans of leaves, on all cores: bundles and hash tiles, each leaf by itself, chains and batches
   inside the span, who signed (`spanaudit`). The registry is replayed in order beside it
3. from span to span: time, batches, the tree up to the checkpoint's root (`inorder`)
4. over all spans: chains, entry ids, what is named by hash, the runs that epochs list (`across`)

A log that begins with a succession goes on where its predecessor ended. So the logs before it are
audited first, the oldest at the beginning, each up to the checkpoint that its successor names.

Problems are collected up to a cap; a bundle that cannot be decoded ends the audit, since nothing
behind it has a known place. A log whose predecessor is false is not audited.

Memory does not grow with the log, but for the registry and one batch for each worker: what is known
of a span lies in a store (`store`).
"""

from __future__ import annotations

from verifier.audit.lineaudit import audit_log
from verifier.audit.options import Options

__all__ = ["Options", "audit_log"]
