"""Cases for policies: whom a verifier believes."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.wire.checkpoint import Ed25519Cosigner, MlDsaSigner
from tests.vectors.entries_world import CHECKPOINT_KEY, CHECKPOINT_ML_DSA, private
from tests.vectors.tree_keys import seed

ONE: Final = Ed25519Cosigner("one.example.org", private("custodian one"))
ONE_ML_DSA: Final = MlDsaSigner(
    "one.example.org", MLDSA44PrivateKey.from_seed_bytes(seed("custodian one ml-dsa-44"))
)
TWO: Final = Ed25519Cosigner("two.example.org", private("custodian two"))
WITNESS: Final = Ed25519Cosigner("witness.example.org", private("witness one"))

LOG: Final = f"log {CHECKPOINT_KEY.vkey}\n"
LOG_ML_DSA: Final = f"log {CHECKPOINT_ML_DSA.vkey}\n"
CUSTODIAN: Final = f"custodian {ONE.vkey}\n"
SECOND: Final = f"custodian {TWO.vkey}\n"
_WITNESS: Final = f"witness {WITNESS.vkey}\n"


def _many(count: int) -> str:
    """A log's key, and so many custodians."""
    keys = (private(f"custodian {number}") for number in range(count))
    named = (Ed25519Cosigner(f"c{number}.example.org", key) for number, key in enumerate(keys))
    return LOG + "".join(f"custodian {one.vkey}\n" for one in named)


def _good() -> dict[str, str]:
    return {
        "log-alone": LOG,
        "both-keys-of-the-log": LOG + LOG_ML_DSA,
        "everybody": LOG + LOG_ML_DSA + CUSTODIAN + SECOND + _WITNESS + "quorum 1\n",
        "quorum-of-all": LOG + CUSTODIAN + SECOND + "quorum 2\n",
        "two-keys-of-a-custodian": LOG + CUSTODIAN + f"custodian {ONE_ML_DSA.vkey}\n",
        "any-order": _WITNESS + "quorum 1\n" + CUSTODIAN + LOG,
        "empty-lines-and-remarks": f"# ours\n\n{LOG}#\n{CUSTODIAN}",
        "100-keys": _many(99),
    }


def _bad() -> dict[str, bytes]:
    """One mutation each."""
    return {name: text.encode() for name, text in _bad_texts().items()} | {
        "not-utf-8": LOG.encode() + b"# \xff\n"
    }


def _bad_texts() -> dict[str, str]:
    other = Ed25519Cosigner("one.example.org", private("custodian two"))
    renamed = Ed25519Cosigner("three.example.org", private("custodian one"))
    log_of_another = str(CHECKPOINT_KEY.vkey).replace("log.example.org", "log.example.com")
    return {
        "empty": "",
        "no-log": CUSTODIAN,
        "last-line-not-ended": (LOG + CUSTODIAN)[:-1],
        "carriage-return": LOG.replace("\n", "\r\n"),
        "two-spaces": LOG.replace("log ", "log  ", 1),
        "space-before": " " + LOG,
        "space-behind": LOG.replace("\n", " \n"),
        "tab": LOG.replace("log ", "log\t", 1),
        "capital-letter": LOG.replace("log ", "Log ", 1),
        "another-word": LOG + CUSTODIAN.replace("custodian", "monitor", 1),
        "log-key-of-type-04": f"log {ONE.vkey}\n",
        "custodian-key-of-type-01": LOG + f"custodian {CHECKPOINT_KEY.vkey}\n",
        "key-id-of-another-name": f"log {log_of_another}\n",
        "log-key-twice": LOG + LOG,
        "custodian-twice": LOG + CUSTODIAN + CUSTODIAN,
        "two-keys-of-one-type": LOG + CUSTODIAN + f"custodian {other.vkey}\n",
        "one-key-under-two-names": LOG + CUSTODIAN + f"custodian {renamed.vkey}\n",
        "custodian-and-witness": LOG + CUSTODIAN + f"witness {ONE_ML_DSA.vkey}\n",
        "custodian-named-as-the-log": LOG
        + f"custodian {Ed25519Cosigner(CHECKPOINT_KEY.name, private('custodian one')).vkey}\n",
        "quorum-0": LOG + CUSTODIAN + "quorum 0\n",
        "quorum-with-leading-zero": LOG + CUSTODIAN + "quorum 01\n",
        "quorum-of-more-than-there-are": LOG + CUSTODIAN + "quorum 2\n",
        "quorum-without-custodians": LOG + "quorum 1\n",
        "quorum-twice": LOG + CUSTODIAN + "quorum 1\nquorum 1\n",
        "quorum-counts-names-not-keys": LOG
        + CUSTODIAN
        + f"custodian {ONE_ML_DSA.vkey}\nquorum 2\n",
        "101-keys": _many(100),
        "65537-bytes": LOG + "#" * (65_536 - len(LOG)) + "\n",
    }


def policy_vectors() -> dict[str, object]:
    """policy.json."""
    good: dict[str, bytes] = {name: text.encode() for name, text in _good().items()}
    return {
        "about": "policies in base64",
        "cases": [
            {"name": name, "policy": b64encode(text).decode(), "valid": name in good}
            for name, text in (good | _bad()).items()
        ],
    }
