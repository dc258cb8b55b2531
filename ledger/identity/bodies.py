"""Bodies of actor and trust entries.

    enrol    {"op": "enrol", "keys": [{alg, key, use}], "role",
              ?record, ?scope, ?from, ?until, ?quorum}
    rotate   {"op": "rotate", "kid", "key": {alg, key, use}, ?quorum}
    revoke   {"op": "revoke", "kid", ?quorum}
    contest  {"op": "contest", "since", ?quorum}
    trust    {"op": "governors", "governors": [{id, alg, key}], "threshold", ?quorum}
    quorum   "expires", "approvals": [bytes]                     both or neither

Deterministic CBOR. What one body alone can break is refused here, in both directions; what depends
on the log is for ``ledger.identity.registry``. Specification: docs/spec/registry.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final, TypeAlias, TypeVar

from ledger.errors import BadRequest
from ledger.identity import fields
from ledger.identity.fields import Body
from ledger.identity.roles import (
    MAY_HAVE_RECORD,
    RECORD_ROLES,
    SCOPE_KINDS,
    SCOPED_ROLES,
    check_role,
)
from ledger.wire import cbor
from ledger.wire.ids import ID_SIZE, MAX_INTEGER, ActorId, ChainId
from ledger.wire.keys import ED25519, KeyId, check_key, key_id
from ledger.wire.login_keys import check_login_key

MAX_GOVERNORS: Final = 16
MAX_KEYS: Final = 8
MAX_APPROVALS: Final = MAX_GOVERNORS - 1
STATEMENT: Final = "statement"
LOGIN: Final = "login"
COSIGN: Final = "cosign"
CUSTODIAN: Final = "custodian"
CUSTODIAN_USES: Final = frozenset({COSIGN, CUSTODIAN})
USES: Final = CUSTODIAN_USES | {STATEMENT, LOGIN}

_QUORUM: Final = "approvals expires"


@dataclass(frozen=True, slots=True)
class Quorum:
    """Approvals of governors, and until when (unix ms) the log may take them."""

    expires_ms: int
    approvals: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A public key to be registered, with its use."""

    public_key: bytes
    alg: int = ED25519
    use: str = STATEMENT

    @property
    def kid(self) -> KeyId:
        return key_id(self.alg, self.public_key)

    def as_map(self) -> dict[str, cbor.Value]:
        return {"alg": self.alg, "key": self.public_key, "use": self.use}

    @classmethod
    def of_fields(cls, value: cbor.Decoded) -> NewKey:
        body = fields.exactly(value, "alg key use")
        use = fields.text(body, "use")
        alg, raw = fields.key(body, use == LOGIN)
        return _checked_use(cls(raw, alg, use))


def _checked_use(key: NewKey) -> NewKey:
    if key.use not in USES:
        raise BadRequest(
            f"use {key.use} of a key is unknown", hint="one of " + ", ".join(sorted(USES))
        )
    (check_login_key if key.use == LOGIN else check_key)(key.alg, key.public_key)
    return key


@dataclass(frozen=True, slots=True)
class Governor:
    """One of those who enrol institutions and change each other; it has no chain."""

    id: ActorId
    public_key: bytes
    alg: int = ED25519

    @property
    def kid(self) -> KeyId:
        return key_id(self.alg, self.public_key)

    def as_map(self) -> dict[str, cbor.Value]:
        return {"id": self.id, "alg": self.alg, "key": self.public_key}

    @classmethod
    def of_fields(cls, value: cbor.Decoded) -> Governor:
        body = fields.exactly(value, "alg id key")
        alg, raw = fields.key(body)
        return cls(ActorId(fields.sized(body, "id", ID_SIZE)), raw, alg)


def threshold_of(governors: int) -> int:
    """How many of them must agree: two thirds, and never one of several."""
    return 1 if governors == 1 else max(2, -(-2 * governors // 3))


def check_governors(governors: Sequence[Governor], threshold: int) -> None:
    """Raises BadRequest."""
    count = len(governors)
    if not 1 <= count <= MAX_GOVERNORS:
        raise BadRequest(f"a log has 1 to {MAX_GOVERNORS} governors")
    for one in governors:
        check_key(one.alg, one.public_key)
        if len(one.id) != ID_SIZE:
            raise BadRequest(f"a governor's id has {ID_SIZE} bytes")
    if len({one.id for one in governors}) < count or len({one.kid for one in governors}) < count:
        raise BadRequest("two governors have the same id or the same key")
    if threshold != threshold_of(count):
        raise BadRequest(
            f"the threshold of {count} governors is {threshold_of(count)}, not {threshold}"
        )


@dataclass(frozen=True, slots=True)
class Enrol:
    """A new actor with its first keys."""

    role: str
    keys: tuple[NewKey, ...]
    record: ChainId | None = None
    scope: frozenset[str] = frozenset()
    from_ms: int = 0
    """0: from now on."""
    until_ms: int = 0
    """0: for good."""
    quorum: Quorum | None = None

    NAMES: ClassVar = ("keys op role", f"{_QUORUM} from record scope until")

    def as_map(self) -> dict[str, cbor.Value]:
        """Without quorum. Raises BadRequest."""
        _check_enrol(self)
        dates = {"from": self.from_ms, "until": self.until_ms}
        return {
            "op": "enrol",
            "role": self.role,
            "keys": [key.as_map() for key in self.keys],
            **({"record": self.record} if self.record is not None else {}),
            **({"scope": sorted(self.scope)} if self.scope else {}),
            **{name: ms for name, ms in dates.items() if ms},
        }

    def encode(self) -> bytes:
        """Raises BadRequest."""
        return _encode(self)

    @classmethod
    def of_fields(cls, body: Body) -> Enrol:
        scope = fields.array(body, "scope", 1, len(SCOPE_KINDS)) if "scope" in body else []
        words = [word for word in scope if isinstance(word, str)]
        if words != scope or words != sorted(set(words)):
            raise BadRequest("scope is no array of texts in ascending order, each once")
        enrol = cls(
            fields.text(body, "role"),
            tuple(NewKey.of_fields(key) for key in fields.array(body, "keys", 1, MAX_KEYS)),
            fields.chain_id(body, "record") if "record" in body else None,
            frozenset(words),
            fields.integer(body, "from", 1) if "from" in body else 0,
            fields.integer(body, "until", 1) if "until" in body else 0,
            _quorum(body),
        )
        _check_enrol(enrol)
        return enrol


def _check_enrol(one: Enrol) -> None:
    check_role(one.role)
    _check_keys(one)
    if one.record is None and one.role in RECORD_ROLES:
        raise BadRequest(f"a {one.role} is enrolled for a record", hint="name the record's id")
    if one.record is not None and (one.role not in MAY_HAVE_RECORD or len(one.record) != ID_SIZE):
        raise BadRequest(f"this record is none that a {one.role} can be enrolled for")
    if bool(one.scope) != (one.role in SCOPED_ROLES) or not one.scope <= set(SCOPE_KINDS):
        raise BadRequest(
            f"the scope of this {one.role} is wrong",
            hint="a proxy or guardian has some of " + ", ".join(sorted(SCOPE_KINDS)),
        )
    if not 0 <= one.from_ms <= MAX_INTEGER or not 0 <= one.until_ms <= MAX_INTEGER:
        raise BadRequest("a date of an enrolment is outside 1 to 2^53 - 1 ms")
    if one.until_ms and one.from_ms >= one.until_ms:
        raise BadRequest("an enrolment ends before it begins")


def _check_keys(one: Enrol) -> None:
    if not 1 <= len(one.keys) <= MAX_KEYS:
        raise BadRequest(f"an enrolment names 1 to {MAX_KEYS} keys")
    for key in one.keys:
        _checked_use(key)
    if [key.use for key in one.keys].count(STATEMENT) != 1:
        raise BadRequest("an enrolment names exactly one key for statements")
    if len({(key.use, key.alg) for key in one.keys}) < len(one.keys):
        raise BadRequest("an enrolment names two keys of one algorithm for one use")
    if len({key.kid for key in one.keys}) < len(one.keys):
        raise BadRequest("one key is named for two uses", hint="one key, one use")
    if one.role != "custodian" and any(key.use in CUSTODIAN_USES for key in one.keys):
        raise BadRequest("only a custodian has keys for cosignatures")


@dataclass(frozen=True, slots=True)
class Rotate:
    """The end of a key and another one in its place."""

    kid: KeyId
    key: NewKey
    quorum: Quorum | None = None

    NAMES: ClassVar = ("key kid op", _QUORUM)

    def as_map(self) -> dict[str, cbor.Value]:
        _checked_use(self.key)
        return {"op": "rotate", "kid": self.kid, "key": self.key.as_map()}

    def encode(self) -> bytes:
        """Raises BadRequest."""
        return _encode(self)

    @classmethod
    def of_fields(cls, body: Body) -> Rotate:
        return cls(fields.kid(body, "kid"), NewKey.of_fields(body["key"]), _quorum(body))


@dataclass(frozen=True, slots=True)
class Revoke:
    """The end of a key, for all later positions."""

    kid: KeyId
    quorum: Quorum | None = None

    NAMES: ClassVar = ("kid op", _QUORUM)

    def as_map(self) -> dict[str, cbor.Value]:
        return {"op": "revoke", "kid": self.kid}

    def encode(self) -> bytes:
        """Raises BadRequest."""
        return _encode(self)

    @classmethod
    def of_fields(cls, body: Body) -> Revoke:
        return cls(fields.kid(body, "kid"), _quorum(body))


@dataclass(frozen=True, slots=True)
class Contest:
    """Doubt about what an actor did, from an index on."""

    since: int
    quorum: Quorum | None = None

    NAMES: ClassVar = ("op since", _QUORUM)

    def as_map(self) -> dict[str, cbor.Value]:
        return {"op": "contest", "since": self.since}

    def encode(self) -> bytes:
        """Raises BadRequest."""
        return _encode(self)

    @classmethod
    def of_fields(cls, body: Body) -> Contest:
        return cls(fields.integer(body, "since"), _quorum(body))


@dataclass(frozen=True, slots=True)
class Governors:
    """The governors from the next index on."""

    governors: tuple[Governor, ...]
    threshold: int
    quorum: Quorum | None = None

    NAMES: ClassVar = ("governors op threshold", _QUORUM)

    def as_map(self) -> dict[str, cbor.Value]:
        check_governors(self.governors, self.threshold)
        rows = [one.as_map() for one in self.governors]
        return {"op": "governors", "governors": rows, "threshold": self.threshold}

    def encode(self) -> bytes:
        """Raises BadRequest."""
        return _encode(self)

    @classmethod
    def of_fields(cls, body: Body) -> Governors:
        rows = fields.array(body, "governors", 1, MAX_GOVERNORS)
        governors = tuple(Governor.of_fields(row) for row in rows)
        threshold = fields.integer(body, "threshold", 1)
        check_governors(governors, threshold)
        return cls(governors, threshold, _quorum(body))


ActorBody: TypeAlias = Enrol | Rotate | Revoke | Contest
Change: TypeAlias = ActorBody | Governors
AnyChange = TypeVar("AnyChange", bound=Change)

_ACTOR_OPS: Final[dict[cbor.Decoded, type[ActorBody]]] = {
    "enrol": Enrol,
    "rotate": Rotate,
    "revoke": Revoke,
    "contest": Contest,
}


def decode_actor_body(data: bytes) -> ActorBody:
    """Decode strictly. Raises BadRequest."""
    body = cbor.decode_map(data)
    op = body.get("op")
    made = _ACTOR_OPS.get(op) if isinstance(op, str) else None
    if made is None:
        raise BadRequest("actor entry has an unknown operation")
    return made.of_fields(fields.exactly(cbor.decode(data), *made.NAMES))


def decode_trust_body(data: bytes) -> Governors:
    """Decode strictly. Raises BadRequest."""
    body = fields.exactly(cbor.decode(data), *Governors.NAMES)
    if body["op"] != "governors":
        raise BadRequest("trust entry has an unknown operation")
    return Governors.of_fields(body)


def change_bytes(body: Change) -> bytes:
    """What governors approve: the body without its quorum."""
    return cbor.encode(body.as_map())


def with_quorum(body: AnyChange, quorum: Quorum | None) -> AnyChange:
    """The same act with these approvals."""
    return replace(body, quorum=quorum)


def _encode(body: Change) -> bytes:
    quorum = body.quorum
    if quorum is None:
        return cbor.encode(body.as_map())
    if not 1 <= quorum.expires_ms <= MAX_INTEGER or len(quorum.approvals) > MAX_APPROVALS:
        raise BadRequest(
            f"approvals expire at 1 to 2^53 - 1 ms, and there are at most {MAX_APPROVALS}"
        )
    approved: dict[str, cbor.Value] = {
        "expires": quorum.expires_ms,
        "approvals": list(quorum.approvals),
    }
    return cbor.encode(body.as_map() | approved)


def _quorum(body: Body) -> Quorum | None:
    if ("approvals" in body) != ("expires" in body):
        raise BadRequest("approvals and their expiry stand together or not at all")
    if "approvals" not in body:
        return None
    rows = fields.array(body, "approvals", 0, MAX_APPROVALS)
    approvals = tuple(row for row in rows if isinstance(row, bytes))
    if len(approvals) < len(rows):
        raise BadRequest("approvals is no array of byte strings")
    return Quorum(fields.integer(body, "expires", 1), approvals)
