"""Build `counterfoil-verify.pyz`: the verifier as one file, the same bytes from the same sources.

Nothing of the machine goes in: names are sorted, times and modes fixed, and nothing is compressed,
since compressors differ. It runs with Python 3.11 or newer and `cryptography`:

    python3 counterfoil-verify.pyz --help
"""

from __future__ import annotations

import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

ROOT = Path(__file__).resolve().parent.parent
_SHEBANG = b"#!/usr/bin/env python3\n"
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_MAIN = b"""\
import sys

from verifier.cli import main

if __name__ == "__main__":
    sys.exit(main())
"""


def build(root: Path = ROOT) -> bytes:
    files = {path.relative_to(root).as_posix(): path for path in (root / "verifier").rglob("*.py")}
    contents = {name: path.read_bytes() for name, path in files.items()} | {"__main__.py": _MAIN}
    archive = BytesIO()
    with ZipFile(archive, "w", ZIP_STORED) as written:
        for name in sorted(contents):
            entry = ZipInfo(name, _EARLIEST)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            written.writestr(entry, contents[name])
    return _SHEBANG + archive.getvalue()


def main(target: Path) -> None:
    raw = build()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(raw)
    target.chmod(0o755)
    print(f"{sha256(raw).hexdigest()}  {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
