"""Actors as a registry holds them: keys with their ends, dates, record, scope."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ledger.identity.bodies import STATEMENT, Enrol, NewKey
from ledger.identity.roles import kinds_of
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId
from ledger.wire.keys import KeyId


@dataclass(frozen=True, slots=True)
class ActorKey:
    """A registered key. Indexes of an earlier log of the line are negative (``Actor``)."""

    alg: int
    public_key: bytes
    use: str
    kid: KeyId
    registered_at: int
    ended_at: int | None = None

    @classmethod
    def of(cls, key: NewKey, index: int) -> ActorKey:
        return cls(key.alg, key.public_key, key.use, key.kid, index)


@dataclass(slots=True)
class Actor:
    """One enrolled actor.

    Its indexes count from the start of this log; what stands in an earlier log of the line lies
    before that and is negative, -1 being the last leaf of the predecessor.
    """

    id: ActorId
    role: str
    enrolled_at: int
    enroller: ActorId | None
    """None: the governors."""
    record: ChainId | None
    scope: frozenset[str]
    from_ms: int
    """0: no limit."""
    until_ms: int
    """0: no limit."""
    keys: list[ActorKey]
    statement_key: ActorKey | None
    """The current one."""
    kinds: frozenset[Kind]
    contested_since: int | None = None
    contested_by_governors: bool = False
    """Then they alone replace the contest."""
    bounded: bool = field(init=False)
    """Whether more than its key must be looked at: it has dates, or an enroller to rely on."""

    def __post_init__(self) -> None:
        self.bounded = bool(self.from_ms or self.until_ms or self.enroller is not None)

    @classmethod
    def enrolled(cls, id_: ActorId, enroller: ActorId | None, body: Enrol, index: int) -> Actor:
        """As its enrolment at ``index`` says."""
        keys = [ActorKey.of(key, index) for key in body.keys]
        return cls(
            id_,
            body.role,
            index,
            enroller,
            body.record,
            body.scope,
            body.from_ms,
            body.until_ms,
            keys,
            next(key for key in keys if key.use == STATEMENT),
            kinds_of(body.role, body.scope),
        )

    def key(self, kid: KeyId) -> ActorKey | None:
        """A key of this actor, ended or not."""
        return next((key for key in self.keys if key.kid == kid), None)

    def end(self, kid: KeyId, index: int, successor: NewKey | None = None) -> None:
        """End a key, and put another in its place."""
        self.keys = [replace(key, ended_at=index) if key.kid == kid else key for key in self.keys]
        if successor is not None:
            self.keys.append(ActorKey.of(successor, index))
        current = (key for key in self.keys if key.use == STATEMENT and key.ended_at is None)
        self.statement_key = next(current, None)

    def moved(self, by: int) -> Actor:
        """The same actor, seen from a log that begins ``by`` leaves later."""
        keys = [
            replace(
                key,
                registered_at=key.registered_at - by,
                ended_at=None if key.ended_at is None else key.ended_at - by,
            )
            for key in self.keys
        ]
        current = self.statement_key
        since = self.contested_since
        return replace(
            self,
            enrolled_at=self.enrolled_at - by,
            keys=keys,
            statement_key=next((key for key in keys if current and key.kid == current.kid), None),
            contested_since=None if since is None else since - by,
        )
