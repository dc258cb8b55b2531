"""Who is believed: the log's own keys, custodians, witnesses. Told from outside, never by evidence.

    log VKEY              one line for each key of the log: 01 or 06; all must have signed
    custodian VKEY        04 or 06
    witness VKEY          04 or 06
    quorum N              so many custodians make a list complete; without it, all of them

UTF-8, at most 65,536 bytes, every line ended by 0a, one space in it; empty lines and lines that
begin with "#" say nothing. At most 100 keys. All log keys have one name, which is nobody else's; a
name is a custodian or a witness. A name has one key of each type at most, and no key stands twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verifier.errors import NotVerified, quote
from verifier.formats.note import COSIGNATURE, ED25519, ML_DSA_44, VerifierKey, parse_verifier_key

MAX_POLICY_BYTES = 65_536
_MAX_KEYS = 100
_TYPES = {
    "log": (ED25519, ML_DSA_44),
    "custodian": (COSIGNATURE, ML_DSA_44),
    "witness": (COSIGNATURE, ML_DSA_44),
}
_QUORUM = re.compile(r"[1-9][0-9]?|100")


@dataclass(frozen=True, slots=True)
class Policy:
    log_keys: tuple[VerifierKey, ...]
    custodians: tuple[VerifierKey, ...] = ()
    witnesses: tuple[VerifierKey, ...] = ()
    quorum: int = 0
    """So many custodians make a list complete; 0 when none is pinned."""

    @property
    def origin(self) -> str:
        return self.log_keys[0].name


def parse_policy(raw: bytes) -> Policy:
    if len(raw) > MAX_POLICY_BYTES:
        raise _false(f"at most {MAX_POLICY_BYTES} bytes", "more")
    try:
        lines = raw.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise _false("UTF-8", f"other bytes at byte {error.start}") from None
    if lines.pop() != "":
        raise _false("a last line that is ended", "one that is not")
    keys: dict[str, list[VerifierKey]] = {word: [] for word in _TYPES}
    quorum = None
    for line in lines:
        if line == "" or line.startswith("#"):
            continue
        word, _, value = line.partition(" ")
        if word in keys:
            keys[word].append(parse_verifier_key(value))
        elif word == "quorum" and quorum is None and _QUORUM.fullmatch(value):
            quorum = int(value)
        else:
            raise _false("log, custodian or witness with a key, or one quorum", quote(line))
    return _policy(keys["log"], keys["custodian"], keys["witness"], quorum)


def policy_of_keys(keys: Iterable[VerifierKey]) -> Policy:
    """Only the log itself is believed."""
    return _policy(list(dict.fromkeys(keys)), (), (), None)


def _policy(
    log: Sequence[VerifierKey],
    custodians: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey],
    quorum: int | None,
) -> Policy:
    for word, keys in (("log", log), ("custodian", custodians), ("witness", witnesses)):
        for key in keys:
            _check_type(word, key)
    if len({key.name for key in log}) != 1:
        raise _false("keys of one log", "keys of several" if log else "no key of a log")
    _check_distinct([*log, *custodians, *witnesses])
    names = [{key.name for key in keys} for keys in (log, custodians, witnesses)]
    if len(set().union(*names)) < sum(map(len, names)):
        raise _false("a name that is a log, a custodian or a witness", "one that is two of them")
    most = len(names[1])
    if quorum is None:
        quorum = most
    elif quorum > most:
        raise _false(f"a quorum of 1 to {most} custodians" if most else "no quorum", str(quorum))
    return Policy(tuple(log), tuple(custodians), tuple(witnesses), quorum)


def _check_type(word: str, key: VerifierKey) -> None:
    if key.type not in _TYPES[word]:
        wanted = " or ".join(f"{kind:02x}" for kind in _TYPES[word])
        raise _false(f"a {word}'s key of type {wanted}", f"type {key.type:02x}")
    # The message that ML-DSA-44 signs holds the name behind one byte of length.
    if len(key.name.encode()) > 255:
        raise _false("a name of at most 255 bytes", quote(key.name))


def _check_distinct(keys: Sequence[VerifierKey]) -> None:
    if len(keys) > _MAX_KEYS:
        raise _false(f"at most {_MAX_KEYS} keys", str(len(keys)))
    if len({key.public_key for key in keys}) < len(keys):
        raise _false("each key once", "one twice")
    if len({(key.name, key.type) for key in keys}) < len(keys):
        raise _false("one key of a type for each name", "two")


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("policy", expected, found)
