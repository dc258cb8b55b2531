"""The bodies of actor entries: deterministic CBOR with exactly these fields.

enrol    {"op": "enrol", "keys": [1*8 key], "role": tstr, ? "record": bstr16,
          ? "scope": [1*4 tstr], ? "from": uint, ? "until": uint, ? quorum}
rotate   {"op": "rotate", "kid": bstr32, "key": key, ? quorum}
revoke   {"op": "revoke", "kid": bstr32, ? quorum}
contest  {"op": "contest", "since": uint, ? quorum}
key      {"alg": -19 or -48, to log in also -35 or -258, "key": bstr, "use": tstr}
quorum   "expires": uint, "approvals": [*15 bstr]         both or neither
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, TypeAlias

from verifier.errors import quote
from verifier.formats import cbor
from verifier.formats.fields import QUORUM, Fields, Quorum
from verifier.formats.keys import PublicKey
from verifier.formats.roles import MUST, NEVER, ROLES, SCOPES

STATEMENT, LOGIN = "statement", "login"
COSIGN, CUSTODIAN = "cosign", "custodian"
_CUSTODIANS = (COSIGN, CUSTODIAN)
_USES = (STATEMENT, LOGIN, *_CUSTODIANS)


class ActorKey(NamedTuple):
    key: PublicKey
    use: str


class Enrol(NamedTuple):
    keys: tuple[ActorKey, ...]
    role: str
    record: bytes | None
    scope: tuple[str, ...]
    from_ms: int
    until_ms: int | None
    quorum: Quorum | None


class Rotate(NamedTuple):
    kid: bytes
    key: ActorKey
    quorum: Quorum | None


class Revoke(NamedTuple):
    kid: bytes
    quorum: Quorum | None


class Contest(NamedTuple):
    since: int
    quorum: Quorum | None


ActorBody: TypeAlias = Enrol | Rotate | Revoke | Contest


def parse_actor(body: bytes) -> ActorBody:
    fields = Fields("actor", cbor.decode(body))
    op = fields.get("op", str)
    if op == "enrol":
        return _enrol(fields)
    if op == "rotate":
        fields.exactly("op", "kid", "key", optional=QUORUM)
        return Rotate(fields.sized("kid", 32), _key(fields.nested("key")), fields.quorum())
    if op == "revoke":
        fields.exactly("op", "kid", optional=QUORUM)
        return Revoke(fields.sized("kid", 32), fields.quorum())
    if op == "contest":
        fields.exactly("op", "since", optional=QUORUM)
        return Contest(fields.natural("since"), fields.quorum())
    raise fields.false("op enrol, rotate, revoke or contest", quote(op))


def _enrol(fields: Fields) -> Enrol:
    fields.exactly("op", "keys", "role", optional=("record", "scope", "from", "until", *QUORUM))
    name = fields.get("role", str)
    role = ROLES.get(name)
    if role is None:
        raise fields.false("a known role", quote(name))
    if role.record in (MUST, NEVER) and ("record" in fields) != (role.record == MUST):
        raise fields.false(f"a record exactly where role {name} has one", "the contrary")
    if ("scope" in fields) != (role.signs is None):
        raise fields.false(f"a scope exactly where role {name} has one", "the contrary")
    from_ms = fields.natural("from", 1) if "from" in fields else 0
    until_ms = fields.natural("until", 1) if "until" in fields else None
    if until_ms is not None and from_ms >= until_ms:
        raise fields.false("until after from", f"from {from_ms} until {until_ms}")
    return Enrol(
        _keys(fields, name),
        name,
        fields.sized("record", 16) if "record" in fields else None,
        _scope(fields) if "scope" in fields else (),
        from_ms,
        until_ms,
        fields.quorum(),
    )


def _keys(fields: Fields, role: str) -> tuple[ActorKey, ...]:
    keys = tuple(_key(Fields("actor", item)) for item in fields.items("keys", 1, 8))
    uses = Counter(key.use for key in keys)
    if uses[STATEMENT] != 1:
        raise fields.false("exactly one key for statements", str(uses[STATEMENT]))
    if role != "custodian" and any(uses[use] for use in _CUSTODIANS):
        raise fields.false("keys for cosignatures with custodians only", f"a {role}'s")
    if max(Counter((key.use, key.key.alg) for key in keys).values()) > 1:
        raise fields.false("one key for each use and alg", "two")
    if len({key.key for key in keys}) < len(keys):
        raise fields.false("one use for one key", "two")
    return keys


def _key(fields: Fields) -> ActorKey:
    fields.exactly("alg", "key", "use")
    use = fields.get("use", str)
    if use not in _USES:
        raise fields.false(f"use {', '.join(_USES)}", quote(use))
    return ActorKey(fields.login_key() if use == LOGIN else fields.key(), use)


def _scope(fields: Fields) -> tuple[str, ...]:
    words = fields.items("scope", 1, len(SCOPES))
    known = tuple(word for word in words if isinstance(word, str) and word in SCOPES)
    if len(known) != len(words) or list(known) != sorted(set(known)):
        raise fields.false(f"of {', '.join(SCOPES)}, ascending, each once", "another scope")
    return known
