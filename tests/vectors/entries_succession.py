"""Cases for the form of ``*.succession`` files; what they prove needs two whole logs."""

from __future__ import annotations

from base64 import b64encode

from tests.vectors.entries_log import receipt, small_log
from tests.vectors.tree_keys import seed

_HEADER = b"counterfoil/succession@v1\n"


def file_cases() -> list[dict[str, object]]:
    """Files in base64; the receipt inside is one of the small log's."""
    inner = receipt(small_log()[0], 5)
    hashes = [b64encode(seed(f"succession: hash {at}")) + b"\n" for at in range(64)]

    def made(size: bytes = b"53", count: int = 2) -> bytes:
        return _HEADER + b"old " + size + b"\n" + b"".join(hashes[:count]) + b"\n" + inner

    good = {
        "two-hashes": made(),
        "no-hash": made(count=0),
        "63-hashes": made(count=63),
        "old-at-the-limit": made(b"%d" % (2**53 - 1)),
    }
    bad = {
        "64-hashes": made(count=64),
        "old-2-to-the-53": made(b"%d" % 2**53),
        "old-with-leading-zero": made(b"053"),
        "old-with-sign": made(b"+53"),
        "old-empty": made(b""),
        "no-old-line": made().replace(b"old 53\n", b"", 1),
        "old-line-twice": made().replace(b"old 53\n", b"old 53\nold 53\n", 1),
        "another-header": made().replace(b"@v1", b"@v2", 1),
        "no-empty-line": made().replace(hashes[1] + b"\n", hashes[1], 1),
        "carriage-return": made().replace(b"old 53\n", b"old 53\r\n", 1),
        "hash-of-31-bytes": made().replace(hashes[0], b64encode(bytes(31)) + b"\n", 1),
        "hash-not-padded": made().replace(b"=\n", b"\n", 1),
        "no-receipt": made()[: -len(inner)],
    }
    return [
        {"name": name, "file": b64encode(data).decode(), "valid": valid}
        for rows, valid in ((good, True), (bad, False))
        for name, data in rows.items()
    ]
