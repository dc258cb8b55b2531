"""Cases for signed notes, verifier keys and checkpoints: good ones, and one mutation each."""

from __future__ import annotations

from base64 import b64decode, b64encode

from ledger.merkle import EMPTY_ROOT
from ledger.wire.note import TYPE_ED25519, VerifierKey
from tests.vectors.tree_keys import (
    CHECKPOINT,
    LOG,
    LOG_ML_DSA,
    ORIGIN,
    STRANGER,
    TIME,
    WITNESS_VKEY,
    cosignature,
    root,
    text64,
)

EXAMPLE_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_SIGNATURE = (
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
)
EXAMPLE = f"This is an example message.\n\n— example.com/foo {EXAMPLE_SIGNATURE}\n".encode()


def note_vectors() -> dict[str, object]:
    """Signed notes, each opened with the C2SP example's key and the log's."""
    good = {name: (note, True) for name, note in _good_notes().items()}
    bad = {name: (note, False) for name, note in _bad_notes().items()}
    cases = [
        {"name": name, "note": text64(note), "valid": valid}
        for name, (note, valid) in (good | bad).items()
    ]
    return {
        "about": "signed notes (base64); valid: opens with these verifier keys, all of type 0x01",
        "vkeys": [EXAMPLE_VKEY, str(LOG.vkey)],
        "cases": cases,
        "verifier_keys": _vkey_cases(),
    }


def _signed(text: bytes) -> bytes:
    return text + b"\n" + LOG.line(text)


def _good_notes() -> dict[str, bytes]:
    foreign = STRANGER.line(b"another text\n")
    return {
        "c2sp-example": EXAMPLE,
        "log-key": _signed(b"text\n"),
        "text-with-empty-lines": _signed(b"one\n\ntwo\n\n"),
        "text-that-looks-signed": _signed(_signed(b"text\n")),
        "text-in-other-scripts": _signed("診療録 é\n".encode()),
        "foreign-line-first": b"text\n\n" + foreign + LOG.line(b"text\n"),
        "same-foreign-line-twice": _signed(b"text\n") + foreign + foreign,
        "100-lines": _signed(b"text\n") + foreign * 99,
        "known-name-with-unknown-key-id": EXAMPLE + "— example.com/foo AAAAAAA=\n".encode(),
    }


def _bad_notes() -> dict[str, bytes]:
    return _bad_frames() | _bad_lines() | _bad_signatures()


def _bad_frames() -> dict[str, bytes]:
    signed = _signed(b"text\n")
    return {
        "empty": b"",
        "no-last-line-end": EXAMPLE[:-1],
        "no-empty-line": EXAMPLE.replace(b"\n\n", b"\n"),
        "no-signature-line": b"This is an example message.\n\n",
        "only-a-signature-line": EXAMPLE[EXAMPLE.index(b"\n\n") + 2 :],
        "crlf": EXAMPLE.replace(b"\n", b"\r\n"),
        "tab-in-text": _signed(b"te\txt\n"),
        "nul-in-text": _signed(b"te\0xt\n"),
        "escape-in-text": _signed(b"te\x1bxt\n"),
        "byte-ff-in-text": _signed(b"te\xffxt\n"),
        "overlong-utf8-in-text": _signed(b"te\xc0\xafxt\n"),
        "surrogate-in-text": _signed(b"te\xed\xa0\x80xt\n"),
        "empty-line-between-signatures": signed + b"\n" + STRANGER.line(b"text\n"),
        "empty-line-at-the-end": EXAMPLE + b"\n",
        "second-empty-line": EXAMPLE.replace(b"\n\n", b"\n\n\n"),
        "101-lines": signed + STRANGER.line(b"text\n") * 100,
    }


def _bad_lines() -> dict[str, bytes]:
    def line(name: str, encoded: str) -> bytes:
        return EXAMPLE + f"— {name} {encoded}\n".encode()

    encoded = EXAMPLE_SIGNATURE
    return {
        "hyphen-for-dash": EXAMPLE.replace("—".encode(), b"-"),
        "en-dash-for-dash": EXAMPLE.replace("—".encode(), "–".encode()),
        "two-spaces-after-dash": EXAMPLE.replace("— ".encode(), "—  ".encode()),
        "no-space-after-dash": EXAMPLE.replace("— ".encode(), "—".encode()),
        "two-spaces-after-name": EXAMPLE.replace(b"foo ", b"foo  "),
        "space-at-the-end": EXAMPLE[:-1] + b" \n",
        "foreign-line-of-text": EXAMPLE + b"hello\n",
        "foreign-name-empty": line("", encoded),
        "foreign-name-with-plus": line("a+b", encoded),
        "foreign-name-with-no-break-space": line("a\u00a0b", encoded),
        "foreign-name-with-next-line": line("a\u0085b", encoded),
        "foreign-name-with-ideographic-space": line("a\u3000b", encoded),
        "foreign-signature-missing": EXAMPLE + "— bar\n".encode(),
        "foreign-signature-empty": line("bar", ""),
        "foreign-signature-of-4-bytes": line("bar", "AAAAAA=="),
        "foreign-signature-without-padding": line("bar", "AAAAAAA"),
        "foreign-signature-with-too-much-padding": line("bar", "AAAAAAA=="),
        "foreign-signature-with-stray-bits": line("bar", "AAAAAAB="),
        "foreign-signature-url-safe": line("bar", "__--AAA="),
        "foreign-signature-after-padding": line("bar", "AAAAAAA=AAAA"),
    }


def _bad_signatures() -> dict[str, bytes]:
    blob = b64decode(EXAMPLE_SIGNATURE)

    def with_blob(changed: bytes) -> bytes:
        return EXAMPLE.replace(EXAMPLE_SIGNATURE.encode(), b64encode(changed))

    return {
        "text-changed": EXAMPLE.replace(b"an example", b"no example"),
        "signature-bit-flipped": with_blob(blob[:-1] + bytes([blob[-1] ^ 1])),
        "signature-byte-missing": with_blob(blob[:-1]),
        "signature-byte-added": with_blob(blob + b"\0"),
        "key-id-bit-flipped": with_blob(bytes([blob[0] ^ 1]) + blob[1:]),
        "name-changed": EXAMPLE.replace(b"/foo", b"/fop"),
        "known-key-twice": EXAMPLE + EXAMPLE[EXAMPLE.index(b"\n\n") + 2 :],
        "only-a-foreign-key": b"text\n\n" + STRANGER.line(b"text\n"),
        "one-known-key-good-another-bad": _signed(b"text\n")
        + EXAMPLE[EXAMPLE.index(b"\n\n") + 2 :],
    }


def _vkey_cases() -> list[dict[str, object]]:
    name, key_id, material = EXAMPLE_VKEY.split("+", 2)
    small_order = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    not_canonical = bytes.fromhex("ee" + "ff" * 30 + "7f")

    def forged(key: bytes) -> str:
        return str(VerifierKey("a", TYPE_ED25519, key))

    good = {"c2sp-example": EXAMPLE_VKEY, "log": str(LOG.vkey), "witness": str(WITNESS_VKEY)}
    good["ml-dsa-44"] = str(LOG_ML_DSA.vkey)
    bad = {
        "empty": "",
        "no-key": f"{name}+{key_id}",
        "key-empty": f"{name}+{key_id}+",
        "name-empty": f"+{key_id}+{material}",
        "name-of-another-key-id": f"example.com/fop+{key_id}+{material}",
        "name-with-space": f"example.com /foo+{key_id}+{material}",
        "key-id-upper-case": f"{name}+{key_id.upper()}+{material}",
        "key-id-short": f"{name}+{key_id[:-1]}+{material}",
        "key-id-bit-flipped": f"{name}+530d903b+{material}",
        "key-with-stray-bits": f"{name}+{key_id}+{material[:-1]}l",
        "key-without-last-character": f"{name}+{key_id}+{material[:-1]}",
        "type-not-supported": str(VerifierKey("a", 0x02, bytes(32))),
        "key-of-31-bytes": forged(bytes(31)),
        "key-of-small-order": forged(small_order),
        "key-identity": forged(b"\x01" + bytes(31)),
        "key-not-canonical": forged(not_canonical),
        "ml-dsa-44-key-short": str(VerifierKey("a", 0x06, bytes(1311))),
    }
    return [
        {"name": case, "vkey": vkey, "valid": case in good} for case, vkey in (good | bad).items()
    ]


def checkpoint_vectors(ml_dsa_line: bytes) -> dict[str, object]:
    """Checkpoints; ``ml_dsa_line`` is the stored 0x06 line over the vectors' checkpoint."""
    keys = {
        "ed25519": str(LOG.vkey),
        "ml-dsa-44": str(LOG_ML_DSA.vkey),
        "witness": str(WITNESS_VKEY),
    }
    return {
        "about": "checkpoints (base64); valid: opens for the origin when all required keys signed",
        "origin": ORIGIN,
        "vkeys": keys,
        "ml_dsa_line": ml_dsa_line.decode(),
        "cases": _signed_checkpoints(ml_dsa_line) + _false_texts(),
    }


def _case(name: str, note: bytes, valid: bool, *required: str) -> dict[str, object]:
    return {"name": name, "note": text64(note), "required": list(required), "valid": valid}


def _signed_checkpoints(ml_dsa_line: bytes) -> list[dict[str, object]]:
    text = CHECKPOINT.text()
    signed = _signed(text)
    prefix, encoded = ml_dsa_line.rsplit(b" ", 1)
    blob = b64decode(encoded)

    def altered(changed: bytes) -> bytes:
        return signed + prefix + b" " + b64encode(changed) + b"\n"

    witnessed = signed + cosignature(text, TIME)
    other_text = signed + cosignature(text + b"x\n", TIME)
    other_time = signed + cosignature(text, TIME, stated=TIME + 1)
    smaller = CHECKPOINT.text().replace(b"\n300\n", b"\n299\n")
    both = ("ed25519", "ml-dsa-44")
    return [
        _case("provisional", signed, True, "ed25519"),
        _case("published", signed + ml_dsa_line, True, *both),
        _case("published-lines-swapped", text + b"\n" + ml_dsa_line + LOG.line(text), True, *both),
        _case("witnessed", witnessed, True, "ed25519", "witness"),
        _case("ml-dsa-line-stripped", signed, False, *both),
        _case("ed25519-line-stripped", text + b"\n" + ml_dsa_line, False, *both),
        _case("ml-dsa-line-of-another-size", _signed(smaller) + ml_dsa_line, False, *both),
        _case("ml-dsa-time-changed", altered(blob[:11] + b"\x01" + blob[12:]), False, *both),
        _case("ml-dsa-bit-flipped", altered(blob[:-1] + bytes([blob[-1] ^ 1])), False, *both),
        _case("ml-dsa-byte-missing", altered(blob[:-1]), False, *both),
        _case("witness-line-missing", signed, False, "ed25519", "witness"),
        _case("witness-line-of-another-text", other_text, False, "ed25519", "witness"),
        _case("witness-time-changed", other_time, False, "ed25519", "witness"),
    ]


def _false_texts() -> list[dict[str, object]]:
    """Texts that are no checkpoint of the log, correctly signed."""
    hash_ = b64encode(CHECKPOINT.root)
    origin = ORIGIN.encode()

    def text(size: str, root_line: bytes = hash_) -> bytes:
        return b"%b\n%b\n%b\n" % (origin, size.encode(), root_line)

    texts = {
        "size-with-leading-zero": text("0300"),
        "size-with-plus": text("+300"),
        "size-negative": text("-300"),
        "size-empty": text(""),
        "size-with-underscore": text("3_00"),
        "size-with-space": text("300 "),
        "size-superscript": text("30²"),
        "size-arabic-digits": text("٣٠٠"),
        "size-hexadecimal": text("0x12c"),
        "size-2-to-the-53": text(str(2**53)),
        "size-0-with-another-root": text("0"),
        "root-of-31-bytes": text("300", b64encode(CHECKPOINT.root[:-1])),
        "root-with-stray-bits": text("300", hash_[:-2] + b"J="),
        "root-without-padding": text("300", hash_[:-1]),
        "root-url-safe": text("300", b"_" * 42 + b"8="),
        "root-missing": b"%b\n300\n" % origin,
        "extension-line": text("300") + b"extension\n",
        "empty-line-at-the-end": text("300") + b"\n",
        "origin-of-another-log": b"another.example.org\n300\n%b\n" % hash_,
        "origin-empty": b"\n300\n%b\n" % hash_,
        "origin-with-space": b"log example\n300\n%b\n" % hash_,
    }
    false = [_case(name, _signed(one), False, "ed25519") for name, one in texts.items()]
    empty = text("0", b64encode(EMPTY_ROOT))
    one = text("1", b64encode(root(1)))
    return [
        _case("size-0", _signed(empty), True, "ed25519"),
        _case("size-1", _signed(one), True, "ed25519"),
        *false,
    ]
