"""Evidence: the file that shows an entry, a whole history, or an absence (docs/spec/evidence.md).

cuts       how far a file goes: a checkpoint, and in each log of the line one epoch
gathering  which leaves and which pages of the index a file needs
members    a batch's members under its root
proving    all of it as one file
"""

from ledger.evidence.cuts import NotPublished
from ledger.evidence.proving import Proved, prove_absence, prove_entry, prove_history

__all__ = ["NotPublished", "Proved", "prove_absence", "prove_entry", "prove_history"]
