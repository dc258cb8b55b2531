"""append, amend, retract, revoke, show, release, history; authors and their keys."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.wire.cbor import decode_map
from ledger.wire.leaf import decode_leaf
from tests.cli.console import CLINIC, DATA, HOSPITAL, PHARMACY, done, run

PERSON = f"{HOSPITAL}|POP-00261"
WHY = ("--reason", "for a test")
TREAT = ("--as", "clinic", "--purpose", "TREAT")


def kinds(ledger: Path) -> list[str]:
    entries = done("history", ledger, PERSON, "--json").json["entries"]
    return [entry["kind"] for entry in entries]


def resource(tmp_path: Path, **changes: object) -> Path:
    lines = (DATA / "hospital_a.ndjson").read_text().splitlines()
    file = tmp_path / "resource.json"
    file.write_text(json.dumps({**json.loads(lines[35]), **changes}, ensure_ascii=False))
    return file


def test_append_amend_retract(full: Path, tmp_path: Path) -> None:
    to = ("--as", "clinic", "--record", PERSON)
    file = resource(tmp_path, id="new")
    index = done("append", full, *to, file).text.strip()
    again = done("append", full, *to, file, "--json")
    assert again.json["index"] == int(index)
    assert again.json["known"] is True
    assert "nothing was added" in again.err
    amended = done("append", full, *to, resource(tmp_path, id="mended"), "--amends", index, *WHY)
    shown = done("show", full, amended.text.strip(), "--json").json
    assert shown["amended"] == done("show", full, index, "--json").json["leaf_hash"]
    assert "amends    the entry with hash" in done("show", full, amended.text.strip()).text
    done("append", full, *to, "--retracts", amended.text.strip(), *WHY)
    assert kinds(full)[-3:] == ["record", "amend", "retract"]
    assert run("check", full).code == 0


def test_other_media_types_are_kept_as_they_are(full: Path, tmp_path: Path) -> None:
    file = tmp_path / "scan.bin"
    file.write_bytes(bytes(range(256)))
    words = ("append", full, "--as", "clinic", "--record", PERSON, file)
    index = done(*words, "--type", "application/octet-stream").text.strip()
    assert done(*words, "--type", "application/octet-stream").text.strip() != index
    assert done("show", full, index, "--content", *TREAT).out == bytes(range(256))


def test_what_does_not_belong_is_refused(full: Path, tmp_path: Path) -> None:
    size = done("stats", full, "--json").json["size"]
    stranger = ("--as", "clinic", "--record", f"{CLINIC}|C09999")
    named = {"identifier": {"system": HOSPITAL, "value": "POP-00261"}}
    ran = run("append", full, *stranger, resource(tmp_path, subject=named))
    assert (ran.code, ran.complaint) == (
        2,
        "the resource is about a patient of another record",
    )
    directory = next(
        str(entry)
        for entry in range(size)
        if done("show", full, str(entry), "--json").json["chain_type"] == "directory"
    )
    mine = ("--as", "clinic", "--record", PERSON)
    assert run("append", full, *mine, "--retracts", directory, *WHY).code == 2
    assert run("append", full, *mine, resource(tmp_path, status="done")).code == 2
    assert run("append", full, *mine, resource(tmp_path, subject=None)).code == 2
    chain = done("show", full, directory, "--json").json["chain"]
    ran = run("append", full, "--as", "clinic", "--record", chain, resource(tmp_path))
    assert ran.complaint == f"{chain} is not a person's record"
    large = tmp_path / "large.bin"
    large.write_bytes(bytes((16 << 20) + 1))
    ran = run("append", full, *mine, large)
    assert ran.complaint == "large.bin is larger than 16 MiB"
    assert done("stats", full, "--json").json["size"] == size


def test_content_leaves_only_behind_an_access_entry(full: Path) -> None:
    entries = done("history", full, PERSON, "--json").json["entries"]
    patient = str(next(entry["index"] for entry in entries if entry["kind"] == "record"))
    ran = done("show", full, patient, "--content", *TREAT)
    assert ran.json["resourceType"] == "Patient"
    access = ran.err.removeprefix("access entry ").strip()
    after = done("history", full, PERSON, "--json").json["entries"]
    assert after[-1]["kind"] == "access"
    assert after[-1]["index"] == int(access)
    assert after[-1]["author_name"] == "clinic"
    journal = (full / "vault" / "releases.log").read_text().splitlines()
    assert json.loads(journal[-1])["access"] == int(access)
    # An access entry is content of its own, and a purpose is sealed in it.
    inner = done("show", full, access, "--content", *TREAT)
    assert inner.out == b""
    assert kinds(full)[-2:] == ["access", "access"]


def test_links_are_sealed_cbor(full: Path) -> None:
    entries = done("history", full, PERSON, "--json").json["entries"]
    links = [str(entry["index"]) for entry in entries if entry["kind"] == "link"]
    content = [decode_map(done("show", full, at, "--content", *TREAT).out) for at in links]
    assert [row["system"] for row in content] == [HOSPITAL, CLINIC, PHARMACY]


def test_directory_content_needs_no_access_entry(full: Path) -> None:
    size = done("stats", full, "--json").json["size"]
    for index in range(4, size):
        if done("show", full, str(index), "--json").json["chain_type"] == "directory":
            ran = done("show", full, str(index), "--content", *TREAT)
            assert "no access entry" in ran.err
            assert "resourceType" in ran.json
            break
    assert done("stats", full, "--json").json["size"] == size


def test_metadata_never_shows_content(full: Path, tmp_path: Path) -> None:
    said = ""
    for index in range(done("stats", full, "--json").json["size"]):
        said += done("show", full, str(index)).text + done("show", full, str(index), "--json").text
    said += done("history", full, PERSON, "--json").text
    for secret in ("林", "1954-05-04", "POP-00261", "C07002", "Observation", "TREAT"):
        assert secret not in said


def test_show_writes_the_leaf(full: Path, tmp_path: Path) -> None:
    leaf = tmp_path / "leaf"
    ran = done("show", full, "5", "--leaf", leaf, "--json")
    assert decode_leaf(leaf.read_bytes()).claim.entry_id.hex() == ran.json["entry_id"]
    assert leaf.stat().st_mode & 0o777 == 0o600
    assert "personal data" in ran.err


def test_a_revoked_author_signs_nothing_more(full: Path, tmp_path: Path) -> None:
    index = done("revoke", full, "clinic", "--json").json["index"]
    ran = run("import", full, DATA / "clinic_b.ndjson", "--as", "clinic")
    assert ran.code == 2
    assert f"was revoked at index {index}" in ran.complaint
    to = ("--as", "clinic", "--record", PERSON, resource(tmp_path))
    assert run("append", full, *to).code == 2
    assert run("show", full, "6", "--content", *TREAT).code == 2
    assert run("revoke", full, "clinic").code == 2
    assert run("check", full).code == 0


def test_keys_are_private_and_never_said(ledger: Path) -> None:
    ran = done("enrol", ledger, "さくら薬局", "--json")
    folder = ledger / "keys" / "authors"
    files = {path.name: path for path in folder.iterdir()}
    assert {"さくら薬局.ed25519", "さくら薬局.json"} <= set(files)
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "PRIVATE" not in ran.text + ran.err
    assert "さくら薬局" not in ran.err
    assert json.loads(files["さくら薬局.json"].read_text())["actor"] == ran.json["actor"]


def test_an_author_with_a_key_of_its_own(ledger: Path, tmp_path: Path) -> None:
    public = Ed25519PrivateKey.generate().public_key()
    pem = tmp_path / "key.pem"
    pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    done("enrol", ledger, "dr-mori", "--role", "practitioner", "--public-key", pem)
    assert not (ledger / "keys" / "authors" / "dr-mori.ed25519").exists()
    ran = run("import", ledger, DATA / "clinic_b.ndjson", "--as", "dr-mori")
    assert ran.complaint == "the signing key of this author is not on this machine"
    ran = run("enrol", ledger, "dr-else", "--public-key", pem)
    assert ran.complaint == "this key is already registered"


@pytest.mark.parametrize("lost", ["json", "nothing was enrolled"])
def test_an_enrolment_cut_short_is_completed(
    ledger: Path, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered = ledger / "keys" / "authors" / "ward.json"
    if lost == "json":
        first = done("enrol", ledger, "ward", "--json").json
        remembered.unlink()
        again = done("enrol", ledger, "ward", "--json").json
        assert again == first
    else:
        monkeypatch.setattr("ledger.log.Log.change", lambda *_, **__: 1 / 0)
        assert run("enrol", ledger, "ward").code == 3
        monkeypatch.undo()
        assert not remembered.exists()
        done("enrol", ledger, "ward")
    assert remembered.exists()
    assert run("check", ledger).code == 0
