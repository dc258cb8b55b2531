"""Whatever is sent to the endpoints for tokens, the answer is one of ours and never a fault."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.auth.assertions import BadAssertion, Limits, check_assertion
from tests.api.logins import FORM, claims_of, form_of
from tests.api.running import Running

JSON = {"Content-Type": "application/json"}
FEW = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda some: (
        st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=5), some, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(["token", "challenge", "login"]), st.binary(max_size=300))
@FEW
def test_any_bytes(service: Running, name: str, body: bytes) -> None:
    headers = FORM if name == "token" else JSON
    assert service.ask("POST", f"/auth/{name}", body, headers).status in (400, 401)


@given(st.dictionaries(st.sampled_from(sorted(form_of("x"))), st.text(max_size=40)))
@FEW
def test_any_fields(service: Running, change: dict[str, str]) -> None:
    fields = form_of("x.y.z") | change
    body = "&".join(
        f"{name}={quote(value, errors='surrogatepass')}" for name, value in fields.items()
    )
    answer = service.ask("POST", "/auth/token", body.encode(), FORM)
    assert answer.status in (400, 401)
    assert set(answer.json) == {"error", "error_description"}


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "b64", "crit", "cty"]), values, max_size=4
    ),
    st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]), values, max_size=4
    ),
)
@settings(FEW, max_examples=400)
def test_any_assertion(service: Running, header: dict[str, Any], claims: dict[str, Any]) -> None:
    """Truly signed, so that it is only the rest that can refuse it; and it is never taken with a
    claim of its own that is not the good one.
    """
    one = service.members["hospital"]
    good = claims_of(service, one.actor)
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "EdDSA", **header}, {**good, **claims})
    ]
    head = b".".join(parts)
    signature = base64.urlsafe_b64encode(one.login.sign(head)).rstrip(b"=")
    text = (head + b"." + signature).decode()
    limits = Limits(good["aud"], good["exp"] - 240, 300, 30, 8192)
    with suppress(BadAssertion):
        found = check_assertion(text, service.log.reader.registry, limits)
        assert found.actor == one.actor
        assert jwt.get_unverified_header(text)["alg"] == "EdDSA"
        for name in ("iss", "sub", "aud"):
            assert claims.get(name, good[name]) == good[name]


@given(st.text(max_size=200))
@settings(FEW, max_examples=300)
def test_any_text(service: Running, text: str) -> None:
    limits = Limits("https://x/auth/token", 1_800_000_000, 300, 30, 8192)
    with pytest.raises(BadAssertion):
        check_assertion(text, service.log.reader.registry, limits)
