"""Points: every step of a write, made interruptible from outside the ledger's code.

``install(callback)`` puts shims around the module globals through which the ledger reaches the
disk, and calls back with the name of each point as it is passed. A crash test kills its own
process there; a fault test raises there: before a step (failed and not stored) or after it
(failed but stored). Production code knows nothing of this.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import lmdb
import pytest

from ledger import appender, founding
from ledger.store import environment, files, guard, payloads, sorted_index, tails
from ledger.vault import journal, keys, opening, periods

Callback = Callable[[str], None]

_WRITERS: Final[dict[str, ModuleType]] = {
    "payload": payloads,
    "tail": tails,
    "vault": keys,
    "guard": guard,
    "file": files,
    "journal": journal,
    "periods": periods,
}
APPEND: Final = (
    "payload: before write",
    "payload: half written",
    "payload: written",
    "payload: synced",
    "tail: before write",
    "tail: half written",
    "tail: written",
    "tail: synced",
    "vault: before write",
    "vault: half written",
    "vault: written",
    "vault: synced",
    "lmdb: before put",
    "lmdb: after put",
    "lmdb: before commit",
    "lmdb: committed",
    "guard: before write",
    "guard: half written",
    "guard: written",
    "guard: synced",
    "memory: before",
    "memory: after",
)
"""What an append passes, in this order."""
INDEX: Final = (
    "file: before write",
    "file: half written",
    "file: written",
    "file: synced",
    "file: before rename",
    "file: renamed",
    "merge: before",
    "merge: after",
    "adopt: before",
    "adopt: after",
)
"""What building, merging and taking over a run passes."""


class _Os:
    """The ``os`` of one module, with its ways to durability observed."""

    def __init__(self, name: str, at: Callback) -> None:
        self._name = name
        self._at = at

    def __getattr__(self, attribute: str) -> Any:
        return getattr(os, attribute)

    def fdatasync(self, handle: int) -> None:
        os.fdatasync(handle)
        self._at(f"{self._name}: synced")

    def fsync(self, handle: int) -> None:
        os.fsync(handle)
        self._at(f"{self._name}: synced")

    def replace(self, source: Any, target: Any) -> None:
        self._at(f"{self._name}: before rename")
        os.replace(source, target)
        self._at(f"{self._name}: renamed")

    rename = replace


class _Lmdb:
    """The ``lmdb`` of the environment module: its write transactions are observed."""

    def __init__(self, module: Any, at: Callback) -> None:
        self._lmdb = module
        self._at = at

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._lmdb, attribute)

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return _Env(self._lmdb.open(*args, **kwargs), self._at)


class _Env:
    def __init__(self, env: Any, at: Callback) -> None:
        self._env = env
        self._at = at

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._env, attribute)

    def begin(self, *, write: bool = False) -> Any:
        txn = self._env.begin(write=write)
        return _Txn(txn, self._at) if write else txn


class _Txn:
    def __init__(self, txn: Any, at: Callback) -> None:
        self._txn = txn
        self._at = at

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._txn, attribute)

    def put(self, key: bytes, value: bytes, db: Any) -> bool:
        self._at("lmdb: before put")
        done = bool(self._txn.put(key, value, db=db))
        self._at("lmdb: after put")
        return done

    def commit(self) -> None:
        try:
            self._at("lmdb: before commit")
        except BaseException:
            self._txn.abort()
            raise
        self._txn.commit()
        self._at("lmdb: committed")


def _writing(name: str, at: Callback) -> Callable[[int, bytes, int], None]:
    real = files.write_all

    def write_all(handle: int, data: bytes, offset: int) -> None:
        half = len(data) // 2
        at(f"{name}: before write")
        real(handle, data[:half], offset)
        at(f"{name}: half written")
        real(handle, data[half:], offset + half)
        at(f"{name}: written")

    return write_all


def _around(function: Callable[..., Any], name: str, at: Callback) -> Callable[..., Any]:
    def observed(*args: Any, **kwargs: Any) -> Any:
        at(f"{name}: before")
        result = function(*args, **kwargs)
        at(f"{name}: after")
        return result

    return observed


def install(patch: pytest.MonkeyPatch, at: Callback) -> None:
    """Call ``at`` with every point that is passed from now on."""
    for name, module in _WRITERS.items():
        patch.setattr(module, "write_all", _writing(name, at))
        patch.setattr(module, "os", _Os(name, at))
    patch.setattr(founding, "os", _Os("founding", at))
    patch.setattr(opening, "os", _Os("opening", at))
    patch.setattr(environment, "lmdb", _Lmdb(lmdb, at))
    for owner, method, name in (
        (vars(sorted_index)["Merger"], "merge", "merge"),
        (sorted_index.SortedIndex, "adopt", "adopt"),
        (appender.Appender, "_adopt", "memory"),
    ):
        patch.setattr(owner, method, _around(getattr(owner, method), name, at))
