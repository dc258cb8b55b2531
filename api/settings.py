"""Settings: limits and periods that one service may have otherwise than another, with their units.

An operator sets some with options of `counterfoil serve`: ``url``, ``behind_proxy``,
``open_entries``, ``metrics_beyond_loopback``, ``publish_s``. The others are what ``Settings()``
says unless the service is built into a program; limits that nobody changes are constants where they
count.

    Settings()                       what `counterfoil serve` uses unless an option says otherwise
    replace(settings, idle_s=0.5)    as tests do

Sizes are bytes, ``…_s`` seconds, ``…_ms`` milliseconds, ``…_days`` days.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.routing import Body


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one running service."""

    header_bytes: int = 8_190
    """Of the request line, and of one header."""
    headers: int = 64
    """Header lines of a request."""
    form_bytes: int = 64 << 10
    """Body of a form: a token request, a search by POST."""
    resource_bytes: int = 4 << 20
    """Body of one resource or statement."""
    bundle_bytes: int = 16 << 20
    """Body of a transaction or batch."""
    batch_bytes: int = 64 << 20
    """Body of a batch under ``/v1``."""
    held_bytes: int = 256 << 20
    """Large bodies and answers in memory, all together (``api.room``)."""
    stream_bytes: int = 2 << 30
    """Body that a handler reads piece by piece."""

    idle_s: float = 30.0
    """For a request's line and headers, counted from the connection or the last answer."""
    handshake_s: float = 10.0
    """For TLS."""
    body_s: float = 30.0
    """For a body, and for a stream beside ``stream_rate``."""
    stream_rate: int = 64 << 10
    """Bytes a second that a stream brings at least, behind its first ``body_s``."""
    unsent_s: float = 60.0
    """A connection ends when its peer takes next to nothing of a waiting answer for so long."""
    grace_s: float = 20.0
    """For requests under way when the service ends."""

    connections: int = 4_096
    address_connections: int = 512
    """Connections of one address; not looked at behind a proxy."""
    requests: int = 512
    """Requests under way; 503 above it."""
    spare_requests: int = 16
    """The same for supervisors' questions, beside all others."""
    address_requests: int = 128
    """Of one address; 429 above it."""
    caller_requests: int = 64
    """Of one caller; 429 above it."""
    address_rate: float = 2_000.0
    """Requests a second of one address in the long run; 429 above it."""
    address_burst: int = 4_000
    caller_rate: float = 1_000.0
    caller_burst: int = 2_000
    remembered: int = 16_384
    """Addresses or callers whose rate is remembered; the longest silent goes first."""

    token_s: int = 300
    """How long an access token is good."""
    tokens: int = 65_536
    """Access tokens at a time; 503 above it."""
    caller_tokens: int = 256
    """Of one caller; 429 above it."""
    assertion_bytes: int = 8_192
    """Of a client assertion."""
    assertion_s: int = 300
    """How far ahead a client assertion's end may lie."""
    leeway_s: int = 30
    """By which a client's clock may differ from ours."""
    challenge_s: int = 120
    """How long a login challenge is good."""

    url: str = ""
    """Under which clients know the service, without a slash at the end; where it listens if
    empty."""
    behind_proxy: bool = False
    """A proxy of ours stands in front: a request's address is the last of X-Forwarded-For."""
    open_entries: bool = False
    """Entry bundles are given to everybody."""
    metrics_beyond_loopback: bool = False
    """`/metrics` is answered to other machines too."""
    care_days: int = 365
    """How long an entry of an institution in a record lets it read there."""
    kept_entries: int = 25_000
    """Of records that were asked for lately, in memory: about 3.5 KB each."""
    publish_s: float = 60.0
    """Between two published checkpoints, when something is new."""

    def body_limit(self, body: Body) -> int:
        """Bytes that a body of this kind may have."""
        match body:
            case Body.NONE:
                return 0
            case Body.FORM:
                return self.form_bytes
            case Body.RESOURCE:
                return self.resource_bytes
            case Body.BUNDLE:
                return self.bundle_bytes
            case Body.STREAM:
                return self.stream_bytes
