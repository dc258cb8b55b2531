"""The command. What is found is written to `fuzz-found/`, each as JSON; exit code 1."""

from __future__ import annotations

import argparse
import json
import sys
import time
from hashlib import sha256
from pathlib import Path

from tests.fuzz.running import Found, run
from tests.fuzz.samples import samples
from tests.fuzz.targets import TARGETS

_PLACE = Path("fuzz-found")
_MOST = 20


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--target", choices=tuple(TARGETS), help="this one only")
    options = parser.parse_args(arguments)
    targets = {options.target: TARGETS[options.target]} if options.target else TARGETS
    until: float = time.monotonic() + 60 * options.minutes
    tries = 0

    def go_on(count: int) -> bool:
        nonlocal tries
        tries = count
        return time.monotonic() < until

    print(f"seed {options.seed}, {len(targets)} targets, {options.minutes} minutes")
    count = 0
    for found in run(targets, samples(), go_on, options.seed):
        keep(found)
        count += 1
        if count == _MOST:
            break
    print(f"{tries} tries, {count} found")
    return 1 if count else 0


def keep(found: Found) -> None:
    _PLACE.mkdir(exist_ok=True)
    name = f"{found.target.replace(' ', '-').replace(',', '')}-{sha256(found.raw).hexdigest()[:8]}"
    case = {"target": found.target, "what": found.what, "bytes": found.raw.hex()}
    (_PLACE / f"{name}.json").write_text(json.dumps(case) + "\n")
    print(f"{found.target}: {found.what}\n  {_PLACE / name}.json", file=sys.stderr)
    print("hint: mend it, and add the case to tests/fuzz/found.json", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
