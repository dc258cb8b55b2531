"""A true log, and somebody without any key between it and its reader."""

from __future__ import annotations

from functools import cache

from tests.forger.book import Book, Caught, Refused, Says, Teller
from tests.forger.hand import Hand, cosigned
from tests.verifier.cosigners import Cosigner
from tests.verifier.evidencemaker import HISTORY, prove
from tests.verifier.evidenceworld import GUARD, SECOND, STRANGER, World
from tests.verifier.formats import RECORD, b64, bundle, sha256

BOOK = Book(Teller.NETWORK)


@cache
def truth() -> World:
    return World()


@cache
def long() -> World:
    """Several bundles and tiles."""
    log = World()
    while len(log.leaves) < 800:
        log.add(RECORD, log.person, log.clinic)
    return log


SIZE = len(truth().leaves)
ENTRIES, HASHES = f"tile/entries/000.p/{SIZE}", f"tile/0/000.p/{SIZE}"


def flipped(raw: bytes, at: int) -> bytes:
    changed = bytearray(raw)
    changed[at] ^= 1
    return bytes(changed)


@BOOK.lie(
    "One byte of an entry is changed on the way",
    Caught("log export", "tile", ("signature", "root")),
)
def one_byte(hand: Hand) -> None:
    hand.believe(truth())
    leaves = list(truth().leaves)
    leaves[truth().behind] = flipped(leaves[truth().behind], -1)
    hand.export(truth(), change={ENTRIES: bundle(leaves)})


@BOOK.lie("An entry is taken out of its bundle", Caught("log export", "bundle"))
def one_entry_less(hand: Hand) -> None:
    hand.believe(truth())
    hand.export(truth(), change={ENTRIES: bundle(truth().leaves[:-1])})


@BOOK.lie(
    "A bundle is replaced by an older one, with fewer entries", Caught("log export", "bundle")
)
def older_bundle(hand: Hand) -> None:
    hand.believe(long())
    hand.export(long(), change={"tile/entries/001": bundle(long().leaves[256:500])})


@BOOK.lie("Two bundles change places", Caught("log export", "tile", ("chain",)))
def swapped_bundles(hand: Hand) -> None:
    hand.believe(long())
    one, two = bundle(long().leaves[256:512]), bundle(long().leaves[512:768])
    hand.export(long(), change={"tile/entries/001": two, "tile/entries/002": one})


@BOOK.lie("A wrong hash tile is shown to some readers", Caught("log export", "tile"))
def wrong_tile(hand: Hand) -> None:
    hand.believe(truth())
    hand.export(truth(), change={HASHES: flipped(truth().files()[HASHES], 33)})


@BOOK.lie(
    "A wrong hash tile hides that the log did not grow from what was seen",
    Caught("compare mine.checkpoint export", "tile"),
    Caught("watch export --state seen --once", "tile"),
)
def wrong_tile_for_a_monitor(hand: Hand) -> None:
    hand.believe(truth())
    hand.keep("mine.checkpoint", truth().checkpoint())
    hand.watched(truth())
    files = long().files()
    hand.export(long(), change={"tile/0/000": flipped(files["tile/0/000"], 33)})


@BOOK.lie("The size on the checkpoint is changed", Caught("log export", "checkpoint signature"))
def other_size(hand: Hand) -> None:
    hand.believe(truth())
    note = truth().checkpoint().replace(f"\n{SIZE}\n".encode(), f"\n{SIZE - 1}\n".encode())
    hand.export(truth(), change={"checkpoint": note})


@BOOK.lie("Another root is put on the checkpoint", Caught("log export", "checkpoint signature"))
def other_root(hand: Hand) -> None:
    hand.believe(truth())
    root, other = (b64(one).encode() for one in (truth().root(), sha256(b"other")))
    hand.export(truth(), change={"checkpoint": truth().checkpoint().replace(root, other)})


@BOOK.lie("The checkpoint of another log is shown", Caught("log export", "checkpoint"))
def other_log(hand: Hand) -> None:
    hand.believe(truth())
    hand.export(World("two", origin="log.example.com/two"))


@BOOK.lie("A custodian's signature is damaged", Caught("log export", "cosignature"))
def damaged_line(hand: Hand) -> None:
    hand.believe(truth(), GUARD)
    note = cosigned(truth(), GUARD)
    letter = b"A" if note[-40:-39] != b"A" else b"B"
    hand.export(truth(), change={"checkpoint": note[:-40] + letter + note[-39:]})


@BOOK.lie(
    "Custodians' signatures are taken off the checkpoint",
    Says("evidence file.evidence", "completeness asserted by the operator"),
)
def stripped_custodians(hand: Hand) -> None:
    """Nothing false is left; but nothing is called complete."""
    hand.believe(truth(), GUARD, SECOND)
    hand.evidence(prove([truth()], HISTORY, truth().person))


@BOOK.lie(
    "A signature by a witness or custodian that nobody knows is added",
    Says("evidence file.evidence", "completeness asserted by the operator"),
)
def stranger(hand: Hand) -> None:
    hand.believe(truth(), GUARD)
    file = prove([truth()], HISTORY, truth().person, custodians=(STRANGER,))
    hand.evidence(file)


@BOOK.lie(
    "A custodian's name, with another's key",
    Says("evidence file.evidence", "completeness asserted by the operator"),
)
def namesake(hand: Hand) -> None:
    hand.believe(truth(), GUARD)
    file = prove([truth()], HISTORY, truth().person, custodians=(Cosigner(GUARD.name, "x"),))
    hand.evidence(file)


@BOOK.lie(
    "A verifier key of small order is handed out, under which every signature holds",
    Refused("log export", "a point of prime order"),
)
def small_order_policy(hand: Hand) -> None:
    name, public = truth().origin, bytes([1]) + bytes(31)
    key = b"\x01" + public
    key_id = sha256(name.encode() + b"\n" + key)[:4].hex()
    hand.export(truth())
    hand.keep("policy", f"log {name}+{key_id}+{b64(key)}\n".encode())


@BOOK.lie(
    "A policy counts one custodian under two names, with one key",
    Refused("evidence file.evidence", "each key once"),
)
def one_key_twice(hand: Hand) -> None:
    alias = Cosigner("alias.example.org", GUARD.name)
    hand.believe(truth(), GUARD, alias)
    hand.evidence(prove([truth()], HISTORY, truth().person))
