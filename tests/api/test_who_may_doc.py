"""The lines in docs/service.md with which a client gets a token, as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from api.auth.scopes import (
    LETTERS,
    OWN_SCOPES,
    BadScope,
    check_grantable,
    parse_fhir_scope,
    read_scopes,
)
from ledger.identity import NewKey
from ledger.identity.bodies import LOGIN
from ledger.identity.roles import kinds_of
from ledger.keyfiles.login import LOGIN_ALGORITHMS, create_login_key, decode_login_public
from tests.api.logins import ask_token
from tests.api.running import Running
from tests.log.governed import new_key, registered

TEXT = (Path(__file__).parents[2] / "docs" / "service.md").read_text()
JWT_NAMES = {"es384": "ES384", "rs384": "RS384", "ed25519": "EdDSA"}


@pytest.mark.parametrize("alg", sorted(LOGIN_ALGORITHMS))
def test_the_script(service: Running, tmp_path: Path, alg: str) -> None:
    (script,) = re.findall(r"```python\n# assertion\.py.*?```", TEXT, re.DOTALL)
    (tmp_path / "assertion.py").write_text(script.removeprefix("```python\n").removesuffix("```"))
    number, raw = decode_login_public(
        create_login_key(tmp_path / "client.key", LOGIN_ALGORITHMS[alg])
    )
    login = NewKey(raw, number, LOGIN)
    actor, _ = service.log.enrol("", "organisation", [registered(new_key()), login])
    url = service.url + "/auth/token"
    line = [actor.hex(), "client.key", url, JWT_NAMES[alg]]
    ran = subprocess.run(
        [sys.executable, "assertion.py", *line], cwd=tmp_path, check=True, capture_output=True
    )
    answer = ask_token(service, ran.stdout.decode(), scope="system/*.rs")
    assert (answer.status, answer.json["scope"]) == (200, "system/*.rs")


ROWS = re.findall(r"^\| ([a-z][^|]*) \| ([^|]*`[^|]*) \|$", TEXT.split("### Scopes")[1], re.M)
ROLES = {
    "organisation": ("organisation", "", False),
    "gateway": ("gateway", "", False),
    "practitioner": ("practitioner", "", False),
    "app": ("app", "", False),
    "device": ("device", "", False),
    "person": ("person", "", True),
    "app of one record": ("app", "", True),
    "device of one record": ("device", "", True),
    "proxy": ("proxy", "read write", True),
    "guardian": ("guardian", "read write", True),
    "custodian": ("custodian", "", False),
    "auditor": ("auditor", "", False),
}
SAID = {
    who: re.findall(r"`(\w+/[\w.]+)`", scopes)
    for names, scopes in ROWS
    for who in re.split(r", |; ", names)
    if who in ROLES
}
CONTEXTS = ("system", "user", "patient")
EVERY = [f"{context}/Type.{letter}" for context in CONTEXTS for letter in LETTERS]


def covers(said: str, one: str) -> bool:
    wide, narrow = parse_fhir_scope(said), parse_fhir_scope(one)
    if wide is None or narrow is None:
        return said == one
    return wide.context == narrow.context and wide.covers(narrow.letters, narrow.type)


@pytest.mark.parametrize("who", ROLES)
def test_the_table_of_scopes(who: str) -> None:
    role, words, own = ROLES[who]
    kinds = kinds_of(role, frozenset(words.split()))
    for one in (*EVERY, *OWN_SCOPES):
        try:
            check_grantable(read_scopes(one), role, kinds, own)
            granted = True
        except BadScope:
            granted = False
        assert granted is any(covers(said, one) for said in SAID[who]), one
