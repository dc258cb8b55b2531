"""Nothing that holds content or keys prints them, and no error does either."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import sequencer
from ledger.admission import BatchSubmission, Submission, admit, admit_batch
from ledger.author import Draft
from ledger.errors import CounterfoilError
from ledger.identity import NewKey
from ledger.keyfiles import Unlock, governor_key, load_log_keys
from ledger.log import Log
from ledger.vault.keys import NO_KEY
from ledger.vault.master import new_file_master
from ledger.vault.opening import open_vault
from ledger.wire.keys import raw_public
from ledger.wire.sealed import Content, Sealed, unseal
from tests.log.sample import (
    CLINIC_KEY,
    ORIGIN,
    Sample,
    batch_of,
    entry_with,
    placed,
    sealed_for,
)

CONTENT = b"a diagnosis that is nobody's business"
HEADER = "a purpose that is nobody's business"


def _forms(secret: bytes) -> Iterable[str]:
    yield repr(secret)[2:-1]
    yield secret.hex()
    yield base64.b64encode(secret).decode().rstrip("=")
    yield str(list(secret))[1:-1]


def _tells(text: str, secrets: Iterable[bytes]) -> list[bytes]:
    return [one for one in secrets if any(form in text for form in _forms(one))]


def _private(key: object) -> bytes:
    return key.private_bytes_raw()  # type: ignore[attr-defined, no-any-return]


def test_objects_do_not_print_what_they_hold(log: Log, sample: Sample) -> None:
    draft = Draft(sample.record, CONTENT, header={"reason": HEADER})
    single = sample.clinic.entry(draft)
    batch = sample.clinic.batch([draft])
    keys = {sample.clinic.id: {sample.clinic.key.kid: raw_public(CLINIC_KEY)}}
    content = Content({"type": "x/y", "reason": HEADER}, CONTENT)
    admitted, admitted_batch = admit(single, keys), admit_batch(batch, keys)
    decided = sequencer.Draft(log._appender._view(), sample.clinic.log[0])
    decided.received_ms = log.reader.entry(8).leaf.received_ms
    decided.add(admitted)
    decided.add_batch(admitted_batch)
    secrets = open_vault(log.layout.vault)
    own = load_log_keys(sample.directory, ORIGIN, Unlock())
    hidden = [
        CONTENT,
        HEADER.encode(),
        single.key,
        batch.keys[0],
        _private(CLINIC_KEY),
        _private(governor_key(log.layout.directory, log.layout.unlock)),
        _private(own.checkpoint.key),
        _private(own.checkpoint_ml_dsa.key),
        bytes.fromhex(json.loads(log.layout.vault.master.read_text())["key"]),
        secrets.period.secret,
        secrets.period._slots,
        secrets.tags.secret,
    ]
    for holder in (
        draft,
        single,
        batch,
        admitted,
        admitted_batch,
        Sealed(single.blob, single.key),
        content,
        decided,
        secrets,
        secrets.period,
        secrets.tags,
        secrets.master,
        new_file_master(),
        own,
        own.checkpoint,
        own.checkpoint_ml_dsa,
        log,
        log.vault,
        log.vault.keys,
        log._parts,
        log._appender,
        log.governor(),
        log.governor().key,
        sample.clinic,
        [single],
        {"entry": single},
    ):
        for text in (repr(holder), str(holder), f"{holder}"):
            assert _tells(text, hidden) == [], type(holder).__name__


def _wrong_blob(sample: Sample) -> Submission:
    return replace(_entry(sample), blob=b"\1" * 100)


def _wrong_key(sample: Sample) -> Submission:
    return replace(_entry(sample), key=bytes(range(32)))


def _cut(sample: Sample) -> Submission:
    entry = _entry(sample)
    return replace(entry, statement=entry.statement[:-3])


def _stranger(sample: Sample) -> Submission:
    return entry_with(sample.stranger, sample.record, content=CONTENT)


def _entry(sample: Sample) -> Submission:
    return entry_with(sample.clinic, sample.record, content=CONTENT)


def _batch(sample: Sample) -> BatchSubmission:
    members = [sealed_for(sample.clinic, sample.record, CONTENT) for _ in range(2)]
    return replace(batch_of(sample.clinic, members), keys=[bytes(range(32)), NO_KEY])


@pytest.mark.parametrize("make", [_wrong_blob, _wrong_key, _cut, _stranger, _batch])
@pytest.mark.parametrize("workers", [0, 1])
def test_refusals_do_not_tell(
    sample: Sample, make: Callable[[Sample], Submission | BatchSubmission], workers: int
) -> None:
    with Log.open(sample.directory, workers=workers) as log:
        entry = make(sample)
        (outcome,) = log.append_later(
            entry if isinstance(entry, BatchSubmission) else [entry]
        ).result(60)
    assert isinstance(outcome, CounterfoilError)
    secrets = [CONTENT, *(entry.keys if isinstance(entry, BatchSubmission) else [entry.key])]
    text = "".join(traceback.format_exception(outcome)) + outcome.hint + repr(outcome)
    assert _tells(text, [one for one in secrets if one != NO_KEY]) == []


def test_what_cannot_be_opened_does_not_tell(log: Log, sample: Sample) -> None:
    """Neither the exception nor the ones that it came from."""
    index = placed(log.append([_entry(sample)])[0]).index
    key = log.vault.keys.load(index)
    assert key is not None
    log.vault.keys.store(index, [bytes(range(32))])
    with pytest.raises(CounterfoilError) as caught:
        log.vault.use(index, "test")
    text = "".join(traceback.format_exception(caught.value))
    assert _tells(text, [CONTENT, key, bytes(range(32))]) == []
    with pytest.raises(CounterfoilError) as caught:
        unseal(log.reader.store.payload(index), key, bytes(64))
    text = "".join(traceback.format_exception(caught.value))
    assert _tells(text, [CONTENT, key]) == []


def test_nothing_in_the_ledger_holds_content_in_plain(sample: Sample) -> None:
    """Content, names and reasons stand in no file, and content keys only encrypted."""
    draft = Draft(sample.record, CONTENT, header={"reason": HEADER})
    entry = sample.clinic.entry(draft)
    with Log.open(sample.directory) as log:
        index = placed(log.append([entry])[0]).index
        log.enrol("Dr Somebody", "practitioner", [NewKey(raw_public(Ed25519PrivateKey.generate()))])
        assert log.vault.use(index, "test").content == CONTENT
    place = sample.directory.parent
    files = [path for path in place.rglob("*") if path.is_file()]
    assert len(files) > 8
    for path in files:
        data = path.read_bytes()
        for secret in (CONTENT, HEADER.encode(), b"Dr Somebody", b"Clinic", entry.key):
            assert secret not in data, path.name


def test_only_the_owner_reads_keys_and_payloads(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        placed(log.append([_entry(sample)])[0])
    for path in [sample.directory, *sample.directory.rglob("*"), sample.guard]:
        if path.name != "lock.mdb":
            assert path.stat().st_mode & 0o077 == 0, _shown(path, sample)


def _shown(path: Path, sample: Sample) -> str:
    return str(path.relative_to(sample.directory.parent))
