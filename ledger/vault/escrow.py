"""Escrow: the period key in n shares, any k of which give it back (SLIP-39).

A share is a text file for a person to keep: what it is in Japanese and English, which log and
period it is of, and 33 words. The words are those of SLIP-39, so any program that knows it can
combine them, without a passphrase; what comes out is the period key. The words of each share have
a checksum, and the test of the period (``period``) says whether the key is the right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share as Words
from shamir_mnemonic.wordlist import WORDLIST

from ledger.errors import BadRequest
from ledger.store.files import write_new
from ledger.vault.period import Description, PeriodKey
from ledger.wire.ids import HASH_SIZE, Hash

MOST_SHARES: Final = 16
"""As SLIP-39 has it."""
FORMAT: Final = "counterfoil vault share 1"
_MAX_FILE: Final = 16_384
_LINE: Final = 6
_TEXT: Final = """\
{format}

# 医療記録の鍵の分割片です。{count} 枚のうち {needed} 枚が揃うと、この期間の記録を読む鍵になります。
# 誰にも見せず、一人で保管してください。次の期間が始まったら、この紙やファイルを破棄してください。
# A share of the key of a health record vault. Any {needed} of the {count} shares give the key that
# opens the records of this period. Show it to nobody, keep it alone; destroy it when the next
# period has begun.

log: {origin}
log id: {log}
period: {period}
share: {number} of {count}
needed: {needed}
test: {test}
words:
{words}
"""


@dataclass(frozen=True, slots=True)
class Share:
    """One share, as its file says."""

    origin: str
    log: Hash
    period: int
    number: int
    count: int
    needed: int
    test: bytes
    words: tuple[str, ...] = field(repr=False)

    def text(self) -> str:
        """The file."""
        lines = (self.words[at : at + _LINE] for at in range(0, len(self.words), _LINE))
        return _TEXT.format(
            format=FORMAT,
            origin=self.origin,
            log=self.log.hex(),
            period=self.period,
            number=self.number,
            count=self.count,
            needed=self.needed,
            test=self.test.hex(),
            words="\n".join("    " + " ".join(line) for line in lines),
        )


def split(origin: str, period: PeriodKey, count: int, needed: int) -> list[Share]:
    """Shares of a period's key. Raises BadRequest for numbers that SLIP-39 does not have."""
    if not 2 <= needed <= count <= MOST_SHARES:
        raise BadRequest(
            f"a key cannot be split into {count} shares of which {needed} are needed",
            hint=f"two to {MOST_SHARES} shares, of which two to all are needed",
        )
    # The secret is random: stretching it would protect nothing.
    (mnemonics,) = generate_mnemonics(1, [(needed, count)], period.secret, iteration_exponent=0)
    return [
        Share(
            origin,
            period.log,
            period.number,
            number,
            count,
            needed,
            period.test,
            tuple(mnemonic.split()),
        )
        for number, mnemonic in enumerate(mnemonics, 1)
    ]


def write_shares(directory: Path, shares: Sequence[Share]) -> list[Path]:
    """Write owner-only files, which must not exist."""
    paths = []
    for share in shares:
        path = directory / f"share-{share.number}-of-{share.count}.txt"
        write_new(path, share.text().encode())
        paths.append(path)
    return paths


def read_share(path: Path) -> Share:
    """Read a share. Raises BadRequest, saying which word is none."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE).decode()
    except OSError as error:
        raise BadRequest(
            f"cannot read {path.name}: {(error.strerror or 'refused').lower()}",
            hint="check the path and its permissions",
        ) from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path.name} is no share", hint=_WHICH) from error
    share = _parse(path.name, text)
    _check_words(path.name, share.words)
    return share


_WHICH: Final = "give the files that `counterfoil vault escrow` wrote"


def _parse(name: str, text: str) -> Share:
    head, _, words = text.partition("\nwords:")
    lines = [line for line in head.splitlines() if line and not line.startswith("#")]
    fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    try:
        number, count = fields["share"].split(" of ")
        share = Share(
            fields["log"],
            Hash(bytes.fromhex(fields["log id"])),
            int(fields["period"]),
            int(number),
            int(count),
            int(fields["needed"]),
            bytes.fromhex(fields["test"]),
            tuple(words.lower().split()),
        )
    except (KeyError, ValueError) as error:
        raise BadRequest(f"{name} is no share", hint=_WHICH) from error
    if lines[:1] != [FORMAT] or len(share.log) != HASH_SIZE:
        raise BadRequest(f"{name} is no share", hint=_WHICH)
    return share


def _check_words(name: str, words: tuple[str, ...]) -> None:
    known = set(WORDLIST)
    for number, word in enumerate(words, 1):
        if word not in known:
            raise BadRequest(
                f"{name}: word {number} is not in the list of SLIP-39",
                hint="compare it with the paper, or take another share",
            )
    try:
        Words.from_mnemonic(" ".join(words))
    except MnemonicError as error:
        raise BadRequest(
            f"{name}: a word is mistyped, missing or in another place: the checksum is false",
            hint="compare them with the paper, or take another share",
        ) from error


@dataclass(frozen=True, slots=True)
class Combined:
    """What shares gave back. Never printed."""

    origin: str
    log: Hash
    period: int
    secret: bytes = field(repr=False)

    def open(self, known: Sequence[Description]) -> PeriodKey:
        """The key of the period that it opens. Raises BadRequest when it opens none of these."""
        for description in known:
            period = description.opened_by(self.secret)
            if period is not None:
                return period
        if not known:
            raise BadRequest("there are no slots of any period here", hint="restore a vault backup")
        newest = known[0]
        if newest.log != self.log:
            raise BadRequest(
                f"the shares are of log {self.origin}, this vault is of another",
                hint="take the shares of this log",
            )
        raise BadRequest(
            f"the shares are of period {self.period}, this vault is of period {newest.number}",
            hint="take the shares of this period",
        )


def combine(paths: Sequence[Path]) -> Combined:
    """The secret from share files. Raises BadRequest, saying what is wrong with which."""
    shares = {path.name: read_share(path) for path in paths}
    if not shares:
        raise BadRequest("no shares were given", hint="give each with --share F")
    first_name, first = next(iter(shares.items()))
    for name, share in shares.items():
        if share.log != first.log:
            raise BadRequest(f"{name} is of another log than {first_name}", hint=_TOGETHER)
        if share.period != first.period:
            raise BadRequest(
                f"{name} is of period {share.period}, {first_name} of period {first.period}",
                hint=_TOGETHER,
            )
    distinct = {share.words: share for share in shares.values()}
    if len(distinct) < first.needed:
        raise BadRequest(
            f"{first.needed} different shares are needed, {len(distinct)} were given",
            hint="ask another custodian",
        )
    chosen = [" ".join(words) for words in list(distinct)[: first.needed]]
    try:
        secret = combine_mnemonics(chosen)
    except MnemonicError as error:
        raise BadRequest("the shares do not belong together", hint=_TOGETHER) from error
    return Combined(first.origin, first.log, first.period, secret)


_TOGETHER: Final = "take shares that were written in one go"
