"""The demonstration: one story, told by real commands on synthetic data. `make demo`.

    python -m ledger.cli.demo [DIR]      DIR is `demo` unless named, and is made anew

It ends with 0 only when every command did what the story says.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ledger.cli.stage import NotAsTold, Stage, insist
from ledger.cli.tamper import copy_ledger, flip_bundle, flip_store

_DATA: Final = Path("docs/demo")
_ORIGIN: Final = "demo.example/records"
_NUMBER: Final = "urn:oid:1.2.392.100495.20.3.51."
_HOSPITAL: Final = _NUMBER + "1310000001"
_CLINIC: Final = _NUMBER + "1310000002"
_PHARMACY: Final = _NUMBER + "1340000003"
# The same three people, as the clinic and the pharmacy number them.
_AT_CLINIC: Final = ("C07002", "C07015", "C07028")
_AT_PHARMACY: Final = ("P07003", "P07016", "P07029")
_MADE: Final = {"ledger", "ledger.guard", "vkeys", "export", "tampered", "evidence"}


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    directory = Path(words[0] if words else "demo")
    started = time.monotonic()
    try:
        _prepare(directory)
        _Story(directory).tell()
    except NotAsTold as error:
        print(f"counterfoil: the demonstration failed: {error}", file=sys.stderr)
        print(
            "hint: this is a fault of counterfoil: please report the lines above", file=sys.stderr
        )
        return 1
    print(f"\nDone in {time.monotonic() - started:.0f} seconds, and everything was as told.")
    return 0


def _prepare(directory: Path) -> None:
    insist(_DATA.is_dir(), f"there is no {_DATA} here; start it in the checkout's directory")
    if directory.exists():
        found = {path.name for path in directory.iterdir()}
        insist(found <= _MADE, f"{directory} holds other things than a demonstration")
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    (directory / "evidence").mkdir()


def _tell(text: str) -> None:
    print(f"\n{text}", flush=True)


class _Story:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ledger = directory / "ledger"
        self.export = directory / "export"
        self.stage = Stage()
        self.vkeys: list[str | Path] = []
        self.records: list[str] = []
        self.first: list[int] = []
        """Indices of the first person's entries."""

    def tell(self) -> None:
        self.found()
        self.three_institutions()
        self.a_reading()
        self.proofs()
        self.tampering()
        self.served()
        self.what_next()

    def found(self) -> None:
        _tell(
            "# 1. A ledger. It signs with two keys; whoever checks it needs only their public half."
        )
        vkeys = self.directory / "vkeys"
        self.stage.run("counterfoil", "init", self.ledger, "--origin", _ORIGIN, into=vkeys)
        for number, key in enumerate(vkeys.read_text().split(), 1):
            self.stage.aliases[key] = f'"$(sed -n {number}p {vkeys})"'
            self.vkeys += ["--vkey", key]
        for name in ("hospital", "clinic", "pharmacy"):
            self.stage.run("counterfoil", "enrol", self.ledger, name)

    def three_institutions(self) -> None:
        _tell("# 2. A hospital brings what it has on three people: a record is opened for each.")
        opened = self._import("hospital_a", "hospital", "--create", says="records opened")
        self.records = [line.split()[1] for line in opened if line.startswith("record ")]
        insist(len(self.records) == 3, "the hospital's import did not open three records")
        _tell(
            "# 3. A clinic and a pharmacy know the same people under other numbers, and say whose\n"
            "#    they are. A fourth patient of the clinic has the name and the birth date of the\n"
            "#    first. Nobody is matched by name: that one gets a record of its own.\n"
            "#    同姓同名・同じ生年月日でも、別の方の記録とは混ざりません。"
        )
        clinic = self._persons(_CLINIC, _AT_CLINIC)
        opened = self._import("clinic_b", "clinic", "--create", *clinic, says="line 32")
        insist(sum(line.startswith("record ") for line in opened) == 1, "the stranger was merged")
        self._import("pharmacy_c", "pharmacy", *self._persons(_PHARMACY, _AT_PHARMACY))
        _tell("# Sending the same file again adds nothing.")
        again = self._import("pharmacy_c", "pharmacy", says="known already")
        insist(any(line.split() == ["added", "0"] for line in again), "the second import added")

    def _import(self, file: str, name: str, *options: str, says: str = "added") -> list[str]:
        path = _DATA / f"{file}.ndjson"
        words = [str(self.ledger), str(path), "--as", name, *options]
        return self.stage.run("counterfoil", "import", *words, says=[says]).splitlines()

    def _persons(self, system: str, values: Sequence[str]) -> list[str]:
        pairs = zip(values, self.records, strict=True)
        return [word for value, to in pairs for word in ("--person", f"{system}|{value}={to}")]

    def a_reading(self) -> None:
        _tell(
            "# 4. The first person's record, across three institutions: one chain. The log shows\n"
            "#    who and when; what was written is sealed."
        )
        self.first = self._history()
        index = self.first[4]
        _tell(
            "# 5. The clinic reads the hospital's X-ray report. Before it gets a byte of it, an\n"
            "#    entry about that access is in the person's record, for good."
        )
        report = self.directory / "evidence" / "report.json"
        reading = ("--content", "--as", "clinic", "--purpose", "TREAT")
        command = ("counterfoil", "show", self.ledger, str(index), *reading)
        self.stage.run(*command, into=report, says=["access entry"])
        resource = json.loads(report.read_bytes())
        insist(resource["resourceType"] == "DiagnosticReport", "another resource was released")
        insist(report.read_bytes() in (_DATA / "hospital_a.ndjson").read_bytes(), "bytes differ")
        print(f"  {resource['code']['text']}: {resource['conclusion']}")
        after = self._history(says="access", tail=3)
        insist(len(after) == len(self.first) + 1, "the reading left no entry")
        self.first = after
        print(
            "  診療所が病院の検査報告を見ました。\n"
            "  いつ、誰が、何のために見たかが、ご本人の記録に残ります。"
        )

    def _history(self, says: str = "pharmacy", tail: int = 0) -> list[int]:
        # By the hospital's number, which is linked to the record: nobody has to know its id.
        person = f"{_HOSPITAL}|POP-00261"
        command = ("counterfoil", "history", self.ledger, person)
        lines = self.stage.run(*command, says=[says], tail=tail)
        return [int(line.split()[0]) for line in lines.splitlines()[1:]]

    def proofs(self) -> None:
        _tell(
            "# 6. A receipt, and the proof that these are all entries of the record.\n"
            "#    `counterfoil-verify` is another program: it shares no code with the ledger and\n"
            "#    trusts nobody but the two keys."
        )
        evidence, entry = self.directory / "evidence", self.first[4]
        receipt = evidence / "receipt.tlog-proof"
        self.stage.run("counterfoil", "receipt", self.ledger, str(entry), "-o", receipt)
        ed25519 = self.vkeys[:2]
        self.stage.run("counterfoil-verify", "proof", receipt, *ed25519, says=["verified"])
        self.stage.run("counterfoil", "checkpoint", self.ledger, says=[_ORIGIN])
        complete = evidence / "complete.evidence"
        person = f"{_HOSPITAL}|POP-00261"
        prove = ("counterfoil", "history", self.ledger, person, "--evidence", complete)
        self.stage.run(*prove, says=[complete.name])
        check = ("counterfoil-verify", "evidence", complete)
        self.stage.run(*check, *self.vkeys, says=["complete"])
        _tell(
            "# 7. The whole log as static files, and checked whole: every signature, every chain."
        )
        command = ("counterfoil", "export-tiles", self.ledger, self.export, "--with-entries")
        self.stage.run(*command, says=["files written"])
        self._verify(self.export, code=0, says="verified")
        self.stage.run("counterfoil", "check", self.ledger, says=["nothing wrong"])

    def _verify(self, export: Path, *, code: int, says: str) -> None:
        command = ("counterfoil-verify", "log", export, *self.vkeys)
        self.stage.run(*command, code=code, says=[says])

    def tampering(self) -> None:
        entry = self.first[4]
        tampered = self.directory / "tampered"
        tampered.mkdir()
        _tell(
            f"# 8. Somebody changes one byte. In a copy of the export: the time at which entry\n"
            f"#    {entry}, the X-ray report, says that it was written."
        )
        shutil.copytree(self.export, tampered / "export")
        where = flip_bundle(tampered / "export", entry)
        print(f"  {where}")
        self._verify(tampered / "export", code=1, says=f"leaf {entry}")
        _tell("# The same byte, in a copy of the ledger's own store:")
        copy_ledger(self.ledger, tampered / "ledger")
        where = flip_store(tampered / "ledger", entry)
        print(f"  {where}")
        self.stage.run("counterfoil", "check", tampered / "ledger", code=1, says=[f"leaf {entry} "])
        print("  一文字でも書き換えれば、どこが違うかまで分かります。")
        _tell("# The ledger itself is as it was.")
        self.stage.run("counterfoil", "check", self.ledger, says=["nothing wrong"])

    def served(self) -> None:
        _tell(
            "# 9. The same ledger over HTTP, FHIR R4. A gateway signs for callers that cannot;\n"
            "#    the first person gets a key of her own. `--demo` puts a token for each author\n"
            "#    into a file, so that you can do the same with curl."
        )
        self.stage.run("counterfoil", "enrol", self.ledger, "gate", "--role", "gateway")
        record = ("--role", "person", "--by", "hospital", "--record", self.records[0])
        self.stage.run("counterfoil", "enrol", self.ledger, "yamada", *record)
        serve = ("counterfoil", "serve", self.ledger, "--as", "gate", "--demo")
        with self.stage.serving(*serve, "--listen", "127.0.0.1:0"):
            tokens = self.ledger / "service" / "demo.sh"
            print(f"\n$ . {tokens}", flush=True)
            self._exchanges(_variables(tokens))
        self._history(says="access", tail=4)
        _tell("# Every answer left its entry before its first byte, the one to herself too.")

    def _exchanges(self, variables: dict[str, str]) -> None:
        patient = f"patient.identifier={_HOSPITAL}%7CPOP-00261"
        found = self._curl(variables, "CLINIC", f"/fhir/DiagnosticReport?{patient}&_count=1")
        insist(json.loads(found)["total"] > 0, "the clinic found no report")
        _tell(
            "# The pharmacy asks for somebody who is only the clinic's patient: as if there were\n"
            "# nobody. That it asked stands in that person's record."
        )
        stranger = f"patient.identifier={_CLINIC}%7CC09999"
        nobody = self._curl(variables, "PHARMACY", f"/fhir/Observation?{stranger}")
        insist(json.loads(nobody)["total"] == 0, "the pharmacy saw a stranger")
        _tell(
            "# The person herself: who looked at her record?\n"
            "# ご本人が、誰がいつ何のために見たかを確かめます。"
        )
        who = '"(total|recorded|outcome|name)"'
        events = self._curl(variables, "YAMADA", "/fhir/AuditEvent?_count=3", who)
        insist(json.loads(events)["total"] >= 2, "an access is missing from the list")

    def _curl(self, variables: dict[str, str], name: str, path: str, only: str = "") -> str:
        typed = f'curl -s -H "Authorization: Bearer ${name}" "$URL{path}"'
        url = variables["URL"] + path.replace("|", "%7C")
        return self.stage.curl(typed, url, variables[name], only)

    def what_next(self) -> None:
        where = Path(sys.prefix) / "bin" / "activate"
        if sys.prefix != sys.base_prefix and where.is_relative_to(Path.cwd()):
            activate = f"  . {where.relative_to(Path.cwd())}\n"
        else:
            activate = ""
        vkeys = self.directory / "vkeys"
        _tell(
            f"The ledger is in {self.ledger}, intact. Go on with it:\n\n"
            f"{activate}"
            f"  counterfoil stats {self.ledger}\n"
            f"  counterfoil show {self.ledger} {self.first[-1]}\n"
            f"  counterfoil history {self.ledger} '{_CLINIC}|C09999'\n"
            f'  counterfoil-verify log {self.export} --vkey "$(sed -n 1p {vkeys})" '
            f'--vkey "$(sed -n 2p {vkeys})"\n'
            f"  counterfoil serve {self.ledger} --as gate --demo\n"
            f"  counterfoil --help"
        )


def _variables(path: Path) -> dict[str, str]:
    """What a file of `export NAME=VALUE` lines sets."""
    lines = path.read_text().splitlines()
    pairs = (line.removeprefix("export ").partition("=") for line in lines)
    return {name: value for name, _, value in pairs}


if __name__ == "__main__":
    sys.exit(main())
