"""timeline, approve, share, and what `append` puts into the header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.linkage import opening
from ledger.log import Log
from ledger.wire.ids import ActorId
from ledger.wire.sealed import Content
from tests.cli.console import HOSPITAL, PHARMACY, done, run

PERSON = f"{HOSPITAL}|POP-00261"
READ = ("--as", "clinic", "--purpose", "TREAT")
MINE = ("--as", "clinic", "--purpose", "PATRQT", "--view", "person")


def items(ledger: Path, *options: str) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = done("timeline", ledger, PERSON, *options, "--json").json["items"]
    return shown


def newest(ledger: Path, *options: str) -> dict[str, Any]:
    documents = [item for item in items(ledger, *options) if "versions" in item]
    version: dict[str, Any] = documents[-1]["versions"][0]
    return version


def append(ledger: Path, tmp_path: Path, *options: str) -> str:
    file = tmp_path / "note.txt"
    file.write_text("blood pressure 128/82\nat home")
    to = ("--as", "clinic", "--record", PERSON, "--type", "text/plain")
    return done("append", ledger, file, *to, *options).text.strip()


def test_a_timeline_reads_behind_an_access_entry_that_names_it_all(full: Path) -> None:
    before = done("history", full, PERSON, "--json").json["entries"]
    ran = done("timeline", full, PERSON, *READ, "--json")
    (access,) = ran.json["access_entries"]
    assert ran.err == f"access entry {access}\n"
    after = done("history", full, PERSON, "--json").json["entries"]
    assert [entry["index"] for entry in after[len(before) :]] == [access]
    with Log.open(full) as log:
        header = log.vault.use(access, "test").header
    read = {one["leaf_hash"] for one in before if one["kind"] in ("record", "link")}
    named = header["entries"]
    assert isinstance(named, list)
    assert {hash_.hex() for hash_ in named if isinstance(hash_, bytes)} == read
    journal = [json.loads(line) for line in (full / "vault/releases.log").read_text().splitlines()]
    (released,) = [line["entries"] for line in journal if line.get("access") == access]
    assert len(set(released)) == len(read)
    shown = [item.get("index") or item["versions"][0]["index"] for item in ran.json["items"]]
    assert shown == [entry["index"] for entry in before]


def test_long_records_are_named_in_groups(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = items(full, *READ)
    monkeypatch.setattr(opening, "GROUP", 5)
    ran = done("timeline", full, PERSON, *READ, "--json").json
    assert len(ran["access_entries"]) == 5
    assert ran["items"][: len(whole)] == whole


def test_a_timeline_is_for_somebody_and_for_something(full: Path) -> None:
    size = done("stats", full, "--json").json["size"]
    for words in ((), ("--as", "clinic"), ("--purpose", "TREAT")):
        ran = run("timeline", full, PERSON, *words)
        assert ran.complaint == "a timeline is shown to somebody for a purpose"
    assert run("timeline", full, PERSON, "--as", "nobody", "--purpose", "TREAT").code == 2
    assert run("timeline", full, PERSON, "--as", "clinic", "--purpose", "x y").code == 2
    for time in ("yesterday", "2026-01-01", "2026-01-01T00:00:00"):
        assert run("timeline", full, PERSON, *READ, "--as-of", time).code == 2
    assert done("stats", full, "--json").json["size"] == size


def test_what_append_seals_is_shown(full: Path, tmp_path: Path) -> None:
    index = append(
        full,
        tmp_path,
        *("--on-behalf-of", "pharmacy", "--machine", "scribe 2.1", "--source", "person"),
        *("--kind", "person-obtained", "--label", "home", "--label", "自宅", "--reason", "asked"),
    )
    version = newest(full, *MINE)
    assert version["index"] == int(index)
    pharmacy = done("history", full, f"{PHARMACY}|P07003", "--json").json["entries"]
    actor = next(e["author"] for e in pharmacy if e["author_name"] == "pharmacy")
    wanted = {
        "title": "blood pressure 128/82",
        "machine": "scribe 2.1",
        "source": "person",
        "kind": "person-obtained",
        "labels": ["home", "自宅"],
        "reason": "asked",
        "on_behalf_of": actor,
        "stage": "final",
        "hidden": None,
    }
    assert {name: version[name] for name in wanted} == wanted
    text = done("timeline", full, PERSON, *MINE, "--lang", "en").text
    for words in ("written by machine: scribe 2.1", "by the person", "on behalf of pharmacy"):
        assert words in text


@pytest.mark.parametrize(
    "options",
    [
        ("--amends", "6"),
        ("--approve-after", "24h"),
        ("--approve-after", "soon", "--state", "unapproved"),
        ("--state", "approved", "--approve-after", "24h"),
        ("--label", "a", "--label", "a"),
        ("--source", "rumour"),
        ("--kind", "gossip"),
        ("--state", "automatically approved"),
        ("--on-behalf-of", "nobody"),
        ("--machine", ""),
        ("--reason", "x" * 2_001),
    ],
)
def test_headers_that_cannot_be(full: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    size = done("stats", full, "--json").json["size"]
    file = tmp_path / "note.txt"
    file.write_text("x")
    to = ("--as", "clinic", "--record", PERSON, "--type", "text/plain")
    assert run("append", full, file, *to, *options).code == 2
    assert run(
        "append", full, "--as", "clinic", "--record", PERSON, "--retracts", "6"
    ).complaint == ("an amendment or a retraction needs its reason")
    assert done("stats", full, "--json").json["size"] == size


def test_a_document_from_draft_to_approval(full: Path, tmp_path: Path) -> None:
    draft = append(full, tmp_path, "--state", "unapproved", "--approve-after", "30m")
    assert newest(full, *MINE)["hidden"] == "a document is being prepared"
    said = done("timeline", full, PERSON, *MINE, "--lang", "ja").text
    assert "文書は作成中です" in said
    assert "blood pressure" not in said
    assert newest(full, *READ)["stage"] == "unapproved"
    assert newest(full, *READ, "--as-of", "2999-01-01T00:00:00Z")["stage"] == (
        "automatically approved"
    )
    done("enrol", full, "watch", "--role", "app")
    ran = done("approve", full, draft, "--as", "watch")
    assert "does not count" in ran.err
    assert newest(full, *MINE)["hidden"] == "a document is being prepared"
    done("approve", full, draft, "--as", "hospital", "--reason", "read and agreed")
    version = newest(full, *MINE)
    assert (version["stage"], version["hidden"]) == ("approved", None)
    assert [change["counts"] for change in version["changes"]] == [False, True]
    assert run("approve", full, "2", "--as", "hospital").code == 2
    assert run("check", full).code == 0


def test_sharing(full: Path, tmp_path: Path) -> None:
    thought = append(full, tmp_path, "--kind", "deliberation")
    assert newest(full, *MINE)["hidden"] == "not shared with the person"
    done("share", full, thought, "--as", "clinic")
    assert newest(full, *MINE)["hidden"] is None
    done("share", full, thought, "--as", "clinic", "--stop")
    assert newest(full, *MINE)["hidden"] == "not shared with the person"
    append(full, tmp_path, "--kind", "communication", "--shared")
    assert newest(full, *MINE)["hidden"] is None


def test_a_time_in_the_past(full: Path, tmp_path: Path) -> None:
    entries = done("history", full, PERSON, "--json").json["entries"]
    append(full, tmp_path)
    assert newest(full, *READ)["title"] == "blood pressure 128/82"
    assert items(full, *READ, "--as-of", "2000-01-01T00:00:00Z") == []
    ran = done("timeline", full, PERSON, *READ, "--as-of", "2000-01-01T00:00:00Z", "--json")
    assert ran.json["access_entries"] == []
    assert len(entries) < len(items(full, *READ))


def test_erased_content_is_marked(full: Path, tmp_path: Path) -> None:
    index = int(append(full, tmp_path))
    append(full, tmp_path)
    with Log.open(full) as log:
        log.vault.destroy([index], "test")
    documents = [item for item in items(full, *READ) if "versions" in item]
    (version,) = documents[-2]["versions"]
    assert (version["index"], version["hidden"]) == (index, "the content was erased")
    assert version["stage"] == "unknown"


@pytest.mark.parametrize(
    ("locale", "word"), [("ja_JP.UTF-8", "番号"), ("en_US.UTF-8", "index"), ("C", "index")]
)
def test_the_language_is_that_of_the_reader(
    full: Path, monkeypatch: pytest.MonkeyPatch, locale: str, word: str
) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("LANG", locale)
    assert done("timeline", full, PERSON, *MINE).text.startswith(word)
    assert done("timeline", full, PERSON, *MINE, "--lang", "en").text.startswith("index")


def test_a_contested_author_is_marked_from_there_on(full: Path, tmp_path: Path) -> None:
    before = int(append(full, tmp_path))
    after = int(append(full, tmp_path, "--state", "approved"))
    author = done("show", full, str(after), "--json").json["author"]
    with Log.open(full) as log:
        log.contest(ActorId(bytes.fromhex(author)), after)
    shown = {
        item["versions"][0]["index"]: item["versions"][0]
        for item in items(full, "--as", "hospital", "--purpose", "TREAT")
        if "versions" in item
    }
    assert (shown[before]["contested"], shown[after]["contested"]) == (False, True)
    assert shown[after]["stage"] == "unapproved"
    said = done(
        "timeline", full, PERSON, "--as", "hospital", "--purpose", "PATRQT", "--lang", "ja"
    ).text
    assert said.count("署名鍵に疑義あり") == 1


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ({"status": "completed"}, "Immunization: influenza"),
        ({"status": "not-done"}, "Immunization [not-done]: influenza"),
        (
            {"status": "entered-in-error", "doNotPerform": True},
            "Immunization [entered-in-error, do-not-perform]: influenza",
        ),
        (
            {"verificationStatus": {"coding": [{"code": "refuted"}]}},
            "Immunization [refuted]: influenza",
        ),
        (
            {"verificationStatus": {"coding": [{"code": "confirmed"}]}},
            "Immunization: influenza",
        ),
    ],
)
def test_a_title_says_where_a_resource_takes_itself_back(
    said: dict[str, object], title: str
) -> None:
    resource = {"resourceType": "Immunization", "vaccineCode": {"text": "influenza"}} | said
    content = Content({"type": "application/fhir+json"}, json.dumps(resource).encode())
    assert opening.title(content) == title
