"""Transcripts: what a person types and sees, kept as files that are run.

    # prose
    $ counterfoil stats ledger          a command; a line that ends in \\ goes on in the next
    counterfoil: ...                    all it writes, in order
    [exit code 2]                       unless it is 0

Known besides the two commands: `cat FILE`, `rm FILE`, `echo TEXT`, `head -c NM /dev/zero` (MiB),
`cmp A B`, `> FILE`, `>> FILE`, "$(sed -n Np FILE)", and `date -s 2044-05-06`, which moves the clock
of all that follows forward to that day in UTC. Every transcript begins in a directory of its own
with the files of docs/demo. Ids, hashes, keys and today's dates differ from run to run, so they are
numbered as they come; in a command, a number stands for what it stood for.

    python -m tests.cli.transcripts     writes what the commands say today into the files
"""

import contextlib
import filecmp
import io
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import ledger.cli.app
import verifier.cli
from tests.cli.clock import Clock, clock
from tests.cli.console import DATA, inside

TRANSCRIPTS = Path(__file__).parents[2] / "docs" / "transcripts"
COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "counterfoil": ledger.cli.app.main,
    "counterfoil-verify": verifier.cli.main,
}
_RANDOM = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16})\b")
_FIXED = (
    (re.compile(r"\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44,}"), "+01234567+…"),
    (re.compile(r"(— \S+) [A-Za-z0-9+/=]{44,}"), r"\1 …"),
    (re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{43}="), "…"),
)
_SED = re.compile(r'"\$\(sed -n (\d)p (\S+)\)"')


class Session:
    """One transcript's names for what is random."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers: dict[str, str] = {}

    def play(self, text: str) -> str:
        """Run all commands in the current directory; returns the transcript as it is today."""
        lines: list[str] = []
        for kind, value in parts(text):
            lines.append(value)
            if kind == "command":
                lines += self._run(value)
        return "\n".join(lines) + "\n"

    def _run(self, typed: str) -> list[str]:
        command = typed.removeprefix("$ ").replace("\\\n", " ")
        for real, number in self._numbers.items():
            command = command.replace(number, real)
        command = _SED.sub(lambda m: shlex.quote(_line(m[2], int(m[1]))), command)
        words = shlex.split(command)
        if words[:2] == ["date", "-s"]:
            self._clock.set(words[2])
            return []
        into = words.pop() if {">", ">>"} & set(words) else None
        mode = "a" if into is not None and words.pop() == ">>" else "w"
        code, out, seen = execute(words, into is not None)
        if into is not None:
            with Path(into).open(mode, encoding="utf-8") as file:
                file.write(out)
        shown = self._numbered(seen).splitlines()
        return [*shown, f"[exit code {code}]"] if code else shown

    def _numbered(self, text: str) -> str:
        text = self._clock.fixed(text)
        for pattern, constant in _FIXED:
            text = pattern.sub(constant, text)
        return _RANDOM.sub(lambda match: self._number(match[0]), text)

    def _number(self, real: str) -> str:
        width = len(real)
        taken = sum(len(known) == width for known in self._numbers)
        return self._numbers.setdefault(real, f"{taken + 1:0{width}}")


def execute(words: list[str], apart: bool) -> tuple[int, str, str]:
    """Exit code, what went to stdout, and what the terminal shows."""
    out = io.BytesIO()
    err = io.BytesIO() if apart else out
    if words[0] == "echo":
        return 0, " ".join(words[1:]) + "\n", ""
    if words[0] == "head":
        return 0, "\0" * (int(words[2].removesuffix("M")) << 20), ""
    if words[0] == "cmp":
        return int(not filecmp.cmp(words[1], words[2], shallow=False)), "", ""
    if words[0] == "rm":
        Path(words[1]).unlink()
        return 0, "", ""
    if words[0] == "cat":
        return 0, "", Path(words[1]).read_text()
    with (
        contextlib.redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)) as stdout,
        contextlib.redirect_stderr(io.TextIOWrapper(err, "utf-8", write_through=True)) as stderr,
    ):
        code = COMMANDS[words[0]](words[1:])
    written, seen = out.getvalue().decode(), err.getvalue().decode()
    for stream in (stdout, stderr):
        stream.detach()
    return code, written, seen


def parts(text: str) -> Iterator[tuple[str, str]]:
    """Commands, prose and empty lines; what was written before is left out."""
    # An empty line before something else is part of what a command wrote.
    lines = iter(re.sub(r"\n\n(?![#$] )", "\n", text).splitlines())
    for line in lines:
        if line.startswith("$ "):
            while line.endswith("\\"):
                line += "\n" + next(lines)
            yield "command", line
        elif line.startswith("# ") or not line:
            yield "prose", line


def _line(path: str, number: int) -> str:
    return Path(path).read_text().splitlines()[number - 1]


@contextlib.contextmanager
def stage() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as directory:
        for path in DATA.glob("*.ndjson"):
            shutil.copy(path, directory)
        with inside(Path(directory)):
            yield


def play(path: Path) -> str:
    with stage(), clock() as ours:
        return Session(ours).play(path.read_text())


if __name__ == "__main__":
    for transcript in sorted(TRANSCRIPTS.glob("*.txt")):
        transcript.write_text(play(transcript))
