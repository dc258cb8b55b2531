"""Linkage: whose record an institution's patient identifier stands for, and which records are one
person's.

    aliases    identifiers to records: link and unlink entries
    joining    two records of one person: links between records
    moving     entries that stand in the wrong person's record
    opening    what a view needs of a record, through the door
    standing   what the registry says of authors

A link is found by its tag, a keyed fingerprint: the newest entry with the tag decides, so an
unlink ends a link by carrying the same tag. Contents: docs/spec/content.md.
"""

from ledger.linkage.aliases import Linkage, Tagger, check_record

__all__ = ["Linkage", "Tagger", "check_record"]
