"""Persons log in by a signed challenge, and nobody learns who is enrolled."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from api.auth.state import AUTH
from api.settings import Settings
from ledger.identity import NewKey
from ledger.identity.bodies import LOGIN
from ledger.log import Log
from ledger.wire.ids import ActorId, Hash
from ledger.wire.keys import ML_DSA_44, raw_public
from ledger.wire.login_challenge import login_message
from ledger.wire.login_keys import ES384
from tests.api.running import Answer, Running
from tests.log.sample import memory_directory
from tests.vectors.entries_login import ES384_PUBLIC

JSON = {"Content-Type": "application/json"}
NOBODY = ActorId(b"\x07" * 16)


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    """With a person, tanaka, and others."""
    with memory_directory() as place:
        made = Running.made(place)
        record, opening = made.members["hospital"].author.open_record()
        made.log.append([opening])
        made.enrol("tanaka", "person", by="hospital", record=record)
        made.enrol("sato", "person", by="hospital", record=record)
        made.enrol("contested", "person", by="hospital", record=record)
        made.log.contest(made.members["contested"].actor, 1)
        made.enrol("revoked", "person", by="hospital", record=record)
        revoked = made.members["revoked"]
        made.log.revoke(revoked.actor, NewKey(raw_public(revoked.login), use=LOGIN).kid)
        made.enrol("auditor", "auditor")
        made.enrol("researcher", "researcher")
        with made as running:
            yield running


def post(service: Running, path: str, row: Any) -> Answer:
    body = row if isinstance(row, bytes) else json.dumps(row).encode()
    return service.ask("POST", path, body, JSON)


def challenge(service: Running, actor: ActorId) -> dict[str, Any]:
    answer = post(service, "/auth/challenge", {"actor": actor.hex()})
    assert answer.status == 200
    assert answer.json["service"] == service.url
    return {"actor": actor.hex(), "nonce": answer.json["nonce"], "expiry": answer.json["expiry"]}


def message(running: Running, row: dict[str, Any], **change: Any) -> bytes:
    """What is signed, and then what is changed in it."""
    given = {
        "log": running.log.reader.registry.log,
        "nonce": bytes.fromhex(row["nonce"]),
        "expiry_ms": row["expiry"],
        "service": running.url,
    }
    return login_message(**{**given, **change})


def signed(
    service: Running, row: dict[str, Any], key: Any, log: Hash | None = None
) -> dict[str, Any]:
    change = {} if log is None else {"log": log}
    return {**row, "signature": key.sign(message(service, row, **change)).hex()}


def answered(service: Running, name: str, **change: Any) -> dict[str, Any]:
    """A good answer to a new challenge, and then what is changed in it."""
    one = service.members[name]
    return {**signed(service, challenge(service, one.actor), one.login), **change}


def refused(answer: Answer) -> None:
    assert answer.status == 401
    row = answer.json
    del row["instance"]
    assert row == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "this login is not good",
        "hint": "sign a new challenge, for the URL of this service, with a login key of this actor "
        "that is valid now",
    }


def test_a_person_logs_in(service: Running) -> None:
    answer = post(service, "/auth/login", answered(service, "tanaka"))
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 300)
    assert answer.json["scope"] == "patient/*.cruds"
    assert service.app is not None
    auth = service.app[AUTH]
    granted = auth.tokens.find(answer.json["access_token"], auth.clock())
    assert granted is not None
    assert granted.caller.actor == service.members["tanaka"].actor
    assert granted.caller.record == service.log.reader.registry.actors[granted.caller.actor].record
    assert granted.caller.purpose == "PATRQT"


def test_with_ml_dsa_44(service: Running) -> None:
    key = MLDSA44PrivateKey.generate()
    keys = [
        NewKey(raw_public(Ed25519PrivateKey.generate())),
        NewKey(key.public_key().public_bytes_raw(), ML_DSA_44, LOGIN),
        NewKey(ES384_PUBLIC, ES384, LOGIN),
    ]
    actor, _ = service.log.enrol("", "organisation", keys)
    good = signed(service, challenge(service, actor), key)
    answer = post(service, "/auth/login", good)
    assert (answer.status, answer.json["scope"]) == (200, "user/*.cruds")
    # A signature as long as one of ES384 is tried under no key at all.
    refused(post(service, "/auth/login", {**challenge(service, actor), "signature": "00" * 96}))


@pytest.mark.parametrize(
    ("name", "scope", "status"),
    [
        ("tanaka", "patient/Observation.rs", 200),
        ("tanaka", "system/*.rs", 400),
        ("tanaka", "user/*.rs", 400),
        ("tanaka", "ledger/read", 200),
        ("tanaka", "ledger/append", 400),
        ("tanaka", "nonsense", 400),
        ("auditor", "", 200),
        ("researcher", "", 400),
        ("dr-mori", "user/*.rs", 200),
        ("dr-mori", "patient/*.rs", 400),
    ],
)
def test_scopes(service: Running, name: str, scope: str, status: int) -> None:
    row = answered(service, name, **({"scope": scope} if scope else {}))
    answer = post(service, "/auth/login", row)
    assert answer.status == status
    if status == 400:
        # The challenge is not used up: another scope may be asked for.
        known = {**row, "scope": "patient/*.r"} if name == "tanaka" else None
        assert known is None or post(service, "/auth/login", known).status == 200


def test_purposes(service: Running) -> None:
    row = answered(service, "tanaka", purpose_of_use="FAMRQT")
    assert post(service, "/auth/login", row).status == 200
    row = answered(service, "tanaka", purpose_of_use="TREAT")
    assert post(service, "/auth/login", row).status == 400


# Nobody else


@pytest.mark.parametrize("name", ["contested", "revoked"])
def test_standing(service: Running, name: str) -> None:
    refused(post(service, "/auth/login", answered(service, name)))


def test_an_actor_that_does_not_exist_is_like_a_wrong_signature(service: Running) -> None:
    for size in (64, 2420, 1):
        row = {**challenge(service, NOBODY), "signature": os.urandom(size).hex()}
        refused(post(service, "/auth/login", row))
    one = challenge(service, service.members["tanaka"].actor)
    none = challenge(service, NOBODY)
    assert {len(row["nonce"]) for row in (one, none)} == {64}
    assert abs(one["expiry"] - none["expiry"]) < 5000


def test_signatures_over_something_else(service: Running) -> None:
    tanaka, sato = service.members["tanaka"], service.members["sato"]
    row = challenge(service, tanaka.actor)
    nonce = bytes.fromhex(row["nonce"])
    expiry = row["expiry"].to_bytes(8, "big")
    log = service.log.reader.registry.log
    good = message(service, row)
    wrong = [
        tanaka.login.sign(nonce),
        tanaka.login.sign(b"counterfoil/login/v1" + log + nonce),
        tanaka.login.sign(b"counterfoil/login/v1" + log + nonce + expiry),
        tanaka.login.sign(b"counterfoil/login/v2" + good.removeprefix(b"counterfoil/login/v1")),
        tanaka.login.sign(message(service, row, log=Hash(bytes(32)))),
        tanaka.login.sign(message(service, row, nonce=bytes(32))),
        tanaka.login.sign(message(service, row, expiry_ms=row["expiry"] + 1)),
        # A false server passes a challenge of the true one on: the person signs for the false one.
        tanaka.login.sign(message(service, row, service="https://records.example.net")),
        tanaka.login.sign(message(service, row, service=service.url + "/")),
        sato.login.sign(good),
        tanaka.author.key.sign_raw(good),
        bytes(64),
    ]
    for signature in wrong:
        refused(post(service, "/auth/login", {**row, "signature": signature.hex()}))
    # None of them has used it up.
    assert post(service, "/auth/login", signed(service, row, tanaka.login)).status == 200


def test_challenges_of_others(service: Running) -> None:
    tanaka, sato = service.members["tanaka"], service.members["sato"]
    # One that was given for somebody else.
    row = {**challenge(service, sato.actor), "actor": tanaka.actor.hex()}
    refused(post(service, "/auth/login", signed(service, row, tanaka.login)))
    # One that nobody gave, and one whose expiry was moved.
    made = {**row, "nonce": os.urandom(32).hex()}
    refused(post(service, "/auth/login", signed(service, made, tanaka.login)))
    moved = challenge(service, tanaka.actor)
    moved["expiry"] += 1
    refused(post(service, "/auth/login", signed(service, moved, tanaka.login)))


def test_a_challenge_ends(service: Running) -> None:
    assert service.app is not None
    auth = service.app[AUTH]
    row, real = answered(service, "tanaka"), auth.clock
    now = real()
    assert row["expiry"] <= now + Settings().challenge_s * 1000
    try:
        auth.clock = lambda: row["expiry"]
        refused(post(service, "/auth/login", row))
        auth.clock = lambda: row["expiry"] - 1
        assert post(service, "/auth/login", row).status == 200
    finally:
        auth.clock = real


def test_a_challenge_is_good_once(service: Running) -> None:
    row = answered(service, "tanaka")
    assert post(service, "/auth/login", row).status == 200
    refused(post(service, "/auth/login", row))
    # Also under another signature: ML-DSA's are never the same twice.
    one = service.members["tanaka"]
    refused(post(service, "/auth/login", signed(service, row, one.login)))


def test_a_race_has_one_winner(service: Running) -> None:
    row = answered(service, "tanaka")
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: post(service, "/auth/login", row).status, range(16)))
    assert sorted(found) == [200] + [401] * 15


def test_another_process_s_challenge() -> None:
    with memory_directory() as place:
        first = Running.made(place)
        with first:
            row = answered(first, "hospital")
        again = Running(Log.open(first.directory), first.members, first.settings)
        with again:
            refused(post(again, "/auth/login", row))


CHALLENGES: list[Any] = [
    b"",
    b"x",
    b"[]",
    b"\xff",
    b"[" * 20_000,
    json.dumps({"actor": "07" * 16}).encode("utf-16"),
    b'\xef\xbb\xbf{"actor": "' + b"07" * 16 + b'"}',
    {},
    {"actor": ""},
    {"actor": 7},
    {"actor": None},
    {"actor": "07" * 15},
    {"actor": "07" * 17},
    {"actor": "AB" * 16},
    {"actor": "zz" * 16},
    {"actor": "07 " * 16},
    {"actor": "07" * 16, "more": 1},
    b'{"actor": "' + b"07" * 16 + b'", "actor": "' + b"08" * 16 + b'"}',
]


@pytest.mark.parametrize("row", CHALLENGES, ids=lambda row: str(row)[:30])
def test_malformed_challenges(service: Running, row: Any) -> None:
    assert post(service, "/auth/challenge", row).status == 400


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "00" * 31},
        {"nonce": 1},
        {"expiry": -1},
        {"expiry": 2**53},
        {"expiry": "1"},
        {"expiry": True},
        {"expiry": 1.5},
        {"signature": ""},
        {"signature": "00" * 2421},
        {"signature": "0"},
        {"signature": None},
        {"scope": 7},
        {"scope": ["patient/*.r"]},
        {"purpose_of_use": 7},
        {"grant": "x"},
    ],
    ids=str,
)
def test_malformed_logins(service: Running, change: dict[str, Any]) -> None:
    answer = post(service, "/auth/login", answered(service, "tanaka", **change))
    assert answer.status == 400


def test_other_bodies(service: Running) -> None:
    for path in ("/auth/challenge", "/auth/login"):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert service.ask("POST", path, b"actor=07", form).status == 415
        assert post(service, path, b" " * 70_000).status == 413
        assert service.get(path).status == 405
