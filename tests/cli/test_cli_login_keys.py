"""login-key; enrol, rotate and revoke with keys that only log in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from ledger.keyfiles.login import LOGIN_ALGORITHMS, decode_login_public
from tests.cli.console import done, run


def made(place: Path, name: str, alg: str) -> Path:
    """A new key's public half in a file."""
    public = place / f"{name}.pub"
    public.write_bytes(done("login-key", place / f"{name}.key", "--alg", alg).out)
    return public


def keys(ledger: Path, name: str, use: str = "login") -> list[dict[str, Any]]:
    (row,) = done("actors", ledger, name, "--json").json["actors"]
    return [key for key in row["keys"] if key["use"] == use]


@pytest.mark.parametrize("alg", sorted(LOGIN_ALGORITHMS))
def test_a_key_is_made_for_its_owner_only(tmp_path: Path, alg: str) -> None:
    ran = done("login-key", tmp_path / "k", "--alg", alg)
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    private = load_pem_private_key((tmp_path / "k").read_bytes(), None)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert ran.out == public
    assert decode_login_public(public)[0] == LOGIN_ALGORITHMS[alg]
    before = (tmp_path / "k").read_bytes()
    assert run("login-key", tmp_path / "k").code == 2
    assert (tmp_path / "k").read_bytes() == before


def test_other_algorithms_are_refused(tmp_path: Path) -> None:
    ran = run("login-key", tmp_path / "k", "--alg", "hs256")
    assert (ran.code, ran.complaint) == (2, "there is no such algorithm for login keys")
    assert not (tmp_path / "k").exists()


def test_enrolled_with_several_and_shown(full: Path, tmp_path: Path) -> None:
    files = [made(tmp_path, alg, alg) for alg in ("es384", "rs384", "ed25519")]
    done("enrol", full, "lab", *(word for file in files for word in ("--login-key", file)))
    assert [key["alg"] for key in keys(full, "lab")] == ["es384", "rs384", "ed25519"]
    shown = done("actors", full, "lab").text
    assert f"es384 {keys(full, 'lab')[0]['kid']} for login" in shown
    assert done("check", full).code == 0


def test_what_cannot_be_a_login_key(full: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "p256.pub"
    key = generate_private_key(SECP256R1()).public_key()
    wrong.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    ran = run("enrol", full, "lab", "--login-key", wrong)
    assert (ran.code, ran.complaint) == (2, "nobody can log in with a key of this kind")
    ran = run("enrol", full, "lab", "--login-key", full / "ledger.json")
    assert (ran.code, ran.complaint) == (2, "the key file holds no public key in PEM form")
    es384 = made(tmp_path, "one", "es384")
    assert run("enrol", full, "lab", "--public-key", es384).code == 2
    ran = run("enrol", full, "x", "--login-key", es384, "--login-key", made(tmp_path, "o", "es384"))
    assert ran.complaint == "an enrolment names two keys of one algorithm for one use"


def test_rotated_and_revoked(full: Path, tmp_path: Path) -> None:
    one, two = made(tmp_path, "one", "es384"), made(tmp_path, "two", "rs384")
    done("enrol", full, "lab", "--login-key", one)
    signing = keys(full, "lab", "statement")
    done("rotate", full, "lab", "--login-key", two)
    old, new = keys(full, "lab")
    assert (old["alg"], new["alg"]) == ("es384", "rs384")
    assert old["ended_at"] == new["registered_at"]
    assert keys(full, "lab", "statement") == signing
    done("revoke", full, "lab", "--use", "login")
    ran = run("revoke", full, "lab", "--use", "login")
    assert ran.complaint == "this author has no key for use login that is valid now"
    assert run("rotate", full, "lab", "--login-key", made(tmp_path, "x", "es384")).code == 2
    assert done("check", full).code == 0


def test_which_of_several(full: Path, tmp_path: Path) -> None:
    one, two = made(tmp_path, "one", "es384"), made(tmp_path, "two", "rs384")
    done("enrol", full, "lab", "--login-key", one, "--login-key", two)
    es384, rs384 = keys(full, "lab")
    ran = run("revoke", full, "lab", "--use", "login")
    assert (ran.code, ran.complaint) == (2, "this author has 2 keys for use login")
    for wrong in (es384["kid"][:7], "00000000", "xyzxyzxyz", ""):
        assert run("revoke", full, "lab", "--use", "login", "--key", wrong).code == 2
    three = made(tmp_path, "three", "ed25519")
    done("rotate", full, "lab", "--login-key", three, "--key", rs384["kid"][:8])
    done("revoke", full, "lab", "--use", "login", "--key", es384["kid"])
    valid = [key["alg"] for key in keys(full, "lab") if key["ended_at"] is None]
    assert valid == ["ed25519"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--login-key", "F", "--public-key", "F"], "--login-key replaces a login key"),
        (["--login-key", "F", "--passphrase"], "--login-key replaces a login key"),
        (["--login-key", "F", "--alg", "ml-dsa-44"], "--login-key replaces a login key"),
        (["--key", "00e69e29"], "--key goes with --login-key"),
    ],
)
def test_rotations_of_one_key_at_a_time(
    full: Path, tmp_path: Path, words: list[str], complaint: str
) -> None:
    file = made(tmp_path, "one", "ed25519")
    ran = run("rotate", full, "hospital", *(file if word == "F" else word for word in words))
    assert ran.code == 2
    assert ran.complaint.startswith(complaint)
