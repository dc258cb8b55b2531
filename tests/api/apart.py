"""The service in a process of its own, over a ledger that ``Running`` made: it can be killed, it
can be told to fail or to die at a point of a write (``tests.crash.points``), and its memory is its
own.

    with Apart.of(running) as service:      running is not served any more
        service.arm("memory: after")        it dies there
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.serving import Listen, serve
from api.settings import Settings
from ledger.author import Author
from ledger.log import Log
from ledger.wire.ids import ActorId
from ledger.wire.statement import StatementKey
from tests.api.running import Answer, Running
from tests.crash import points

ROOT: Final = Path(__file__).parents[2]
ONCE, ALWAYS, DIE = "once", "always", "die"
_END_S: Final = 60


@dataclass
class Apart(Running):
    """``log`` is closed; use it in a ``with`` statement."""

    process: subprocess.Popen[str] | None = None
    workers: int = 0
    log_file: Path = field(default=Path())

    @classmethod
    def of(cls, made: Running, **given: Any) -> Self:
        """Over the ledger of a service that is not running, or has stopped."""
        if made.app is None:
            made.log.close()
        where = made.directory.parent / "service-log"
        return cls(made.log, made.members, made.settings, made.vkeys, log_file=where, **given)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        key = self.members["gate"].key
        assert key is not None
        order = {
            "directory": str(self.directory),
            "gate": key.private_bytes_raw().hex(),
            "actor": self.gateway.id.hex(),
            "workers": self.workers,
            "settings": {
                name: getattr(self.settings, name)
                for name in Settings.__dataclass_fields__
                if getattr(self.settings, name) != getattr(Settings(), name)
            },
        }
        with self.log_file.open("a") as lines:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.api.apart"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=lines,
                text=True,
            )
        self._say(order)
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        assert address.startswith("http://"), self.log_file.read_text()[-2_000:]
        self.port = int(address.rpartition(":")[2])

    def arm(self, point: str, how: str = DIE, after: int = 0) -> None:
        """At the next pass of a point, or so many later: die, or fail once, or from then on."""
        self._say({"point": point, "how": how, "after": after})
        assert self.process is not None and self.process.stdout is not None
        assert self.process.stdout.readline() == "armed\n"

    def kill(self) -> None:
        """kill -9, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.wait()

    def wait(self) -> int:
        """Until it has ended: what it ended with."""
        assert self.process is not None
        code = self.process.wait(_END_S)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process = None
        return code

    def stop(self) -> None:
        """End it gracefully, as a supervisor does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.wait()
        assert code == 0, self.log_file.read_text()[-2_000:]

    def restart(self) -> None:
        self.kill()
        self.start()

    def resident(self) -> int:
        """Bytes of its memory that are resident and its own: without the pages of mapped files."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = [one for one in text.splitlines() if one.startswith("RssAnon:")]
        return int(line.split()[1]) << 10

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def try_to(
        self, method: str, path: str, body: bytes | None = None, **how: Any
    ) -> Answer | None:
        """``ask``; None where the connection broke."""
        try:
            return self.ask(method, path, body, **how)
        except (OSError, EOFError):
            return None

    def _say(self, what: Mapping[str, Any]) -> None:
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()


class _Points:
    """Dies or fails where it is told to."""

    def __init__(self) -> None:
        self._order: dict[str, Any] = {}

    def arm(self, order: dict[str, Any]) -> None:
        self._order = order

    def __call__(self, point: str) -> None:
        order = self._order
        if order.get("point") != point:
            return
        if order["after"]:
            order["after"] -= 1
            return
        if order["how"] == DIE:
            os.kill(os.getpid(), signal.SIGKILL)
        if order["how"] == ONCE:
            self._order = {}
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def main() -> None:
    order = json.loads(sys.stdin.readline())
    at = _Points()
    patch = pytest.MonkeyPatch()
    points.install(patch, at)

    def listen() -> None:
        for line in sys.stdin:
            at.arm(json.loads(line))
            print("armed", flush=True)

    threading.Thread(target=listen, daemon=True).start()
    log = Log.open(Path(order["directory"]), workers=order["workers"])
    registry = log.reader.registry
    key = StatementKey.of(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(order["gate"])))
    gateway = Author(registry.log, ActorId(bytes.fromhex(order["actor"])), key, registry.first_log)
    serve(
        log,
        gateway=gateway,
        settings=Settings(**order["settings"]),
        listen=Listen("127.0.0.1", 0),
        say=lambda address: print(address, flush=True),
    )


if __name__ == "__main__":
    main()
