"""enrol, rotate, revoke, contest, actors: what the options do, and what a cut-short run leaves."""

from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.cli import author_keys
from ledger.cli.dates import parse_time
from ledger.errors import BadRequest, CounterfoilError
from ledger.keyfiles import encode_public, read_token_file
from ledger.log import Log
from ledger.wire.keys import ED25519, raw_public
from tests.cli.console import HOSPITAL, done, run
from tests.keys.test_tokens import KEY, PIN, MemoryToken

PATIENT = f"{HOSPITAL}|POP-00261"


def actor(ledger: Path, name: str) -> dict[str, Any]:
    (row,) = done("actors", ledger, name, "--json").json["actors"]
    return dict(row)


def keys_of(ledger: Path) -> set[str]:
    return {path.name for path in (ledger / "keys" / "authors").iterdir()}


def secret(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def append(ledger: Path, name: str, tmp_path: Path, *words: str | Path) -> int:
    (tmp_path / "note.txt").write_text(f"by {name}")
    text = tmp_path / "note.txt"
    line = ("append", ledger, text, "--as", name, "--record", PATIENT, "--type", "text/plain")
    ran = run(*line, *words)
    if ran.code:
        raise AssertionError(ran.err)
    return int(ran.text)


def test_enrolled_by_an_organisation_with_all_that_can_be_said(full: Path) -> None:
    words = ["--role", "guardian", "--by", "hospital", "--record", PATIENT]
    words += ["--scope", "write,read", "--from", "2026-01-01", "--until", "2044-05-05"]
    done("enrol", full, "mother", *words, "--alg", "ml-dsa-44")
    row = actor(full, "mother")
    record = done("history", full, PATIENT, "--json").json["record"]
    assert row["enrolled_by"] == actor(full, "hospital")["actor"]
    assert (row["role"], row["record"], row["scope"]) == ("guardian", record, ["read", "write"])
    assert (row["from_ms"], row["until_ms"]) == (1_767_225_600_000, 2_346_019_200_000)
    (key,) = row["keys"]
    assert key["alg"] == "ml-dsa-44"
    assert "mother.mldsa44" in keys_of(full)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2044-05-05", 2_346_019_200_000),
        ("2044-05-05T00:00:00+09:00", 2_346_019_200_000 - 9 * 3_600_000),
        ("2044-05-05T00:00:00Z", 2_346_019_200_000),
        (None, 0),
    ],
)
def test_days_and_times(text: str | None, ms: int) -> None:
    assert parse_time(text) == ms


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2044-05-05T00:00:00", "2044-13-01", "1969-12-31", "1970-01-01"]
)
def test_no_day(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_time(text)


def test_a_rotation_to_ml_dsa(full: Path, tmp_path: Path) -> None:
    before = append(full, "hospital", tmp_path)
    done("rotate", full, "hospital", "--alg", "ml-dsa-44")
    assert {"hospital.mldsa44", "hospital.json"} <= keys_of(full)
    assert "hospital.ed25519" not in keys_of(full)
    append(full, "hospital", tmp_path)
    old, new = actor(full, "hospital")["keys"]
    assert (old["alg"], new["alg"]) == ("ed25519", "ml-dsa-44")
    assert old["ended_at"] == new["registered_at"] == before + 1
    assert done("check", full).code == 0


def test_a_rotation_cut_short_before_and_after_it_is_in_the_log(full: Path, tmp_path: Path) -> None:
    with mock.patch("ledger.cli.acting.change", side_effect=CounterfoilError("cut")):
        run("rotate", full, "hospital")
    assert {"hospital.ed25519", "hospital.next.ed25519"} <= keys_of(full)
    append(full, "hospital", tmp_path)
    with mock.patch("ledger.cli.author_keys.finish_rotation", side_effect=CounterfoilError("cut")):
        run("rotate", full, "hospital")
    assert {"hospital.ed25519", "hospital.next.ed25519"} <= keys_of(full)
    append(full, "hospital", tmp_path)
    assert "hospital.next.ed25519" not in keys_of(full)
    assert len(actor(full, "hospital")["keys"]) == 2


def test_a_rotation_to_a_key_elsewhere(full: Path, tmp_path: Path) -> None:
    public = tmp_path / "new.pub"
    public.write_bytes(encode_public(ED25519, raw_public(Ed25519PrivateKey.generate())))
    done("rotate", full, "hospital", "--public-key", public)
    assert "hospital.ed25519" not in keys_of(full)
    ran = run("append", full, public, "--as", "hospital", "--record", PATIENT, "--type", "a/b")
    assert ran.complaint == "the signing key of this author is not on this machine"


def test_a_revoked_author_signs_no_more_and_needs_no_passphrase_for_that(
    full: Path, tmp_path: Path
) -> None:
    file = secret(tmp_path / "p", "open sesame")
    lock = ("--passphrase-file", file)
    done(
        "enrol",
        full,
        "dr-mori",
        "--role",
        "practitioner",
        "--by",
        "hospital",
        "--passphrase",
        *lock,
    )
    append(full, "dr-mori", tmp_path, *lock)
    with pytest.raises(AssertionError, match="under a passphrase"):
        append(full, "dr-mori", tmp_path)
    done("revoke", full, "dr-mori", "--by", "hospital")
    with pytest.raises(AssertionError, match="was revoked at index"):
        append(full, "dr-mori", tmp_path)


def test_what_a_contested_author_did_is_marked(full: Path, tmp_path: Path) -> None:
    done("enrol", full, "dr-mori", "--role", "practitioner", "--by", "hospital")
    first, second = append(full, "dr-mori", tmp_path), append(full, "dr-mori", tmp_path)
    done("contest", full, "dr-mori", "--since", str(second), "--by", "hospital")
    marks = {
        row["index"]: row["contested_since"]
        for row in done("history", full, PATIENT, "--json").json["entries"]
    }
    assert (marks[first], marks[second]) == (None, second)
    assert done("show", full, str(second), "--json").json["contested_since"] == second
    assert f"contested  since entry {second}" in done("show", full, str(second)).text


def test_whom_a_contested_organisation_has_enrolled(full: Path, tmp_path: Path) -> None:
    done("enrol", full, "dr-mori", "--role", "practitioner", "--by", "hospital")
    index = append(full, "dr-mori", tmp_path)
    done("contest", full, "hospital", "--since", "1")
    assert done("show", full, str(index), "--json").json["contested_since"] == 1
    assert actor(full, "dr-mori")["has_effect"] is False
    with pytest.raises(AssertionError, match="has no effect"):
        append(full, "dr-mori", tmp_path)


def test_a_key_in_a_token(full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = MemoryToken()
    monkeypatch.setattr(author_keys, "open_session", token.open)
    pin = ("--pin-file", secret(tmp_path / "pin", PIN))
    place = f"{KEY.module}:{KEY.token}:{KEY.label}"
    done("enrol", full, "card", "--role", "practitioner", "--pkcs11", place, *pin)
    assert read_token_file(full / "keys" / "authors" / "card.pkcs11.json")
    append(full, "card", tmp_path, *pin)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pkcs11", "module"], "--pkcs11 names no key"),
        (["--pkcs11", "m:t:id=zz"], "the id of a token's key is hexadecimal"),
        (["--pkcs11", "m:t:k", "--alg", "ml-dsa-44"], "a key in a token is of Ed25519"),
        (["--pkcs11", "m:t:k", "--passphrase"], "a key in a token is of Ed25519"),
        (["--public-key", "k", "--passphrase"], "--public-key goes with neither"),
        (["--public-key", "k", "--pkcs11", "m:t:k"], "--public-key goes with neither"),
        (["--alg", "rsa"], "there is no such algorithm"),
        (["--until", "soon"], "this is no day"),
        (["--passphrase"], "there is no terminal"),
        (["--propose", "f"], "nobody else has to agree"),
        (["--by", "hospital", "--governor-key", "f"], "--by and --governor-key are two"),
        (["--role", "guardian"], ""),
        (["--role", "organisation", "--by", "clinic"], "role organisation cannot be enrolled by"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refused_enrolments(full: Path, words: list[str], message: str) -> None:
    with Log.open(full) as log:
        size = log.reader.checkpoint.size
    ran = run("enrol", full, "somebody", *words)
    assert ran.code == 2, ran.err
    assert ran.complaint.startswith(message)
    assert done("stats", full, "--json").json["size"] == size


def test_nobody_of_that_name(full: Path) -> None:
    assert run("actors", full, "nobody").complaint == "no actor of this name or id is enrolled"


def test_a_key_that_a_refused_enrolment_left(full: Path, tmp_path: Path) -> None:
    """It is used again, but never in place of what was asked for."""
    assert run("enrol", full, "x", "--role", "guardian").code == 2
    lock = ("--passphrase", "--passphrase-file", secret(tmp_path / "p", "open sesame"))
    ran = run("enrol", full, "x", *lock)
    assert ran.complaint == "x.ed25519 is there already, without a passphrase"
    done("enrol", full, "x", "--alg", "ml-dsa-44", *lock)
    (key,) = actor(full, "x")["keys"]
    assert key["alg"] == "ml-dsa-44"


def test_a_right_that_is_over_already_is_not_given(full: Path) -> None:
    size = done("stats", full, "--json").json["size"]
    ran = run("enrol", full, "nobody", "--role", "auditor", "--until", "2001-01-01")
    assert (ran.code, ran.complaint) == (2, "--until is over already: nothing could be signed")
    assert done("stats", full, "--json").json["size"] == size
