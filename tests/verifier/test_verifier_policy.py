"""Policies, and the cosignatures on a checkpoint that they make count."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.verifier.cosigners import Cosigner
from tests.verifier.logmaker import Sample
from verifier.errors import NotVerified
from verifier.formats.checkpoint import open_under
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import parse_policy, policy_of_keys

LOG = Sample()
ONE, TWO = Cosigner("one.example.org"), Cosigner("two.example.org")
WITNESS = Cosigner("witness.example.org")
OTHER_LOG = Sample(origin="log.example.com/two").keys


def policy(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


OWN = (f"log {LOG.keys.ed_vkey}", f"log {LOG.keys.ml_vkey}")


def test_a_whole_policy() -> None:
    read = parse_policy(
        policy(
            "# who is believed",
            "",
            "quorum 1",
            f"custodian {ONE.ed_vkey}",
            f"custodian {ONE.ml_vkey}",
            *OWN,
            f"custodian {TWO.ml_vkey}",
            f"witness {WITNESS.ed_vkey}",
        )
    )
    assert [key.text for key in read.log_keys] == LOG.vkeys
    assert [key.name for key in read.custodians] == [ONE.name, ONE.name, TWO.name]
    assert [key.text for key in read.witnesses] == [WITNESS.ed_vkey]
    assert (read.quorum, read.origin) == (1, LOG.origin)


def test_without_a_quorum_all_custodians_are_needed() -> None:
    named = (f"custodian {ONE.ed_vkey}", f"custodian {ONE.ml_vkey}", f"custodian {TWO.ed_vkey}")
    assert parse_policy(policy(*OWN, *named)).quorum == 2
    assert parse_policy(policy(*OWN)).quorum == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        policy("# nobody"),
        policy(*OWN)[:-1],
        policy(*OWN).replace(b"\n", b"\r\n"),
        policy(*OWN, f" custodian {ONE.ed_vkey}"),
        policy(*OWN, f"custodian  {ONE.ed_vkey}"),
        policy(*OWN, f"custodian {ONE.ed_vkey} "),
        policy(*OWN, f"Custodian {ONE.ed_vkey}"),
        policy(*OWN, f"custodian\t{ONE.ed_vkey}"),
        policy(*OWN, "custodian"),
        policy(*OWN, "custodian "),
        policy(*OWN, "governor x"),
        policy(*OWN, OWN[0]),
        policy(*OWN, f"log {OTHER_LOG.ed_vkey}"),
        policy(f"custodian {ONE.ed_vkey}"),
        policy(f"log {ONE.ed_vkey}"),
        policy(*OWN, f"custodian {ONE.ed_vkey.replace('+', '+0', 1)}"),
        policy(*OWN, f"custodian {ONE.ed_vkey}", f"witness {ONE.ml_vkey}"),
        policy(*OWN, f"custodian {Cosigner(LOG.origin, 'x').ed_vkey}"),
        policy(*OWN, f"custodian {ONE.ed_vkey}", f"custodian {ONE.ed_vkey}"),
        policy(*OWN, f"custodian {ONE.ed_vkey}", f"custodian {Cosigner(ONE.name, 'x').ed_vkey}"),
        policy(*OWN, f"custodian {ONE.ed_vkey}", f"witness {Cosigner('x', ONE.name).ed_vkey}"),
        policy(*OWN, f"custodian {Cosigner('x' * 256).ml_vkey}"),
        policy(*OWN, "custodian " + LOG.keys.ed_vkey.replace(LOG.origin, "x")),
        policy(*OWN, "quorum 1"),
        policy(*OWN, f"custodian {ONE.ed_vkey}", "quorum 0"),
        policy(*OWN, f"custodian {ONE.ed_vkey}", "quorum 2"),
        policy(*OWN, f"custodian {ONE.ed_vkey}", "quorum 01"),
        policy(*OWN, f"custodian {ONE.ed_vkey}", "quorum +1"),
        policy(*OWN, f"custodian {ONE.ed_vkey}", "quorum 1", "quorum 1"),
        policy(*OWN, f"custodian {ONE.ed_vkey}", "quorum"),
        policy(*OWN, f"custodian {ONE.ed_vkey}", "quorum １"),
        policy(*OWN) + b"# \xff\n",
        policy(*OWN, "#" * 70_000),
        policy(*OWN, *(f"witness {Cosigner(f'w{i}').ed_vkey}" for i in range(99))),
    ],
)
def test_a_policy_out_of_form_is_refused(raw: bytes) -> None:
    with pytest.raises(NotVerified):
        parse_policy(raw)


def test_a_hundred_keys_are_not_too_many() -> None:
    many = (f"witness {Cosigner(f'w{i}').ed_vkey}" for i in range(98))
    assert len(parse_policy(policy(*OWN, *many)).witnesses) == 98


def test_names_are_told_apart() -> None:
    """Who signed counts once, with all keys of the policy, and with the time of each line."""
    note = LOG.checkpoint() + ONE.line("em", LOG.origin, 15, LOG.root(), seconds=7)
    note += TWO.line("e", LOG.origin, 15, LOG.root()) + WITNESS.line(
        "e", LOG.origin, 15, LOG.root()
    )
    believed = parse_policy(
        policy(
            *OWN,
            f"custodian {ONE.ed_vkey}",
            f"custodian {ONE.ml_vkey}",
            f"custodian {TWO.ed_vkey}",
            f"custodian {TWO.ml_vkey}",
            f"witness {WITNESS.ed_vkey}",
        )
    )
    opened = open_under(note, believed)
    assert [signer.name for signer in opened.custodians] == [ONE.name]
    assert [line.seconds for line in opened.custodians[0].lines] == [7, 7]
    assert [signer.name for signer in opened.witnesses] == [WITNESS.name]
    assert not opened.provisional
    alone = open_under(note, policy_of_keys([parse_verifier_key(LOG.keys.ed_vkey)]))
    assert (alone.custodians, alone.witnesses, alone.provisional) == ((), (), True)


def broken(line: bytes) -> bytes:
    return line[:-40] + (b"A" if line[-40:-39] != b"A" else b"B") + line[-39:]


@pytest.mark.parametrize("kind", "em")
@pytest.mark.parametrize(
    "change",
    [
        broken,
        lambda line: line + line,
        lambda line: (
            ONE.line("e", LOG.origin, 14, LOG.root()) + ONE.line("m", LOG.origin, 14, LOG.root())
        ),
        lambda line: ONE.line("em", LOG.origin, 15, bytes(32)),
        lambda line: ONE.line("em", "log.example.com/two", 15, LOG.root()),
        lambda line: ONE.line("em", LOG.origin, 15, LOG.root(), signed_seconds=8),
        lambda line: ONE.line("em", LOG.origin, 15, LOG.root(), seconds=2**53),
        lambda line: ONE.line("em", LOG.origin, 15, LOG.root(), cut=1),
        lambda line: TWO.line("em", LOG.origin, 15, LOG.root(), claimed=ONE),
    ],
)
def test_a_pinned_line_that_does_not_verify_is_false(
    kind: str, change: Callable[[bytes], bytes]
) -> None:
    line = ONE.line(kind, LOG.origin, 15, LOG.root())
    key = ONE.ed_vkey if kind == "e" else ONE.ml_vkey
    for word in ("custodian", "witness"):
        believed = parse_policy(policy(*OWN, f"{word} {key}"))
        assert open_under(LOG.checkpoint() + line, believed)
        with pytest.raises(NotVerified) as refused:
            open_under(LOG.checkpoint() + change(line), believed)
        assert refused.value.problem.step == "cosignature"
        # Nobody asked for it: it says nothing.
        assert open_under(LOG.checkpoint() + change(line), parse_policy(policy(*OWN)))


def test_a_missing_or_foreign_line_is_not_counted() -> None:
    believed = parse_policy(policy(*OWN, f"custodian {ONE.ed_vkey}"))
    assert open_under(LOG.checkpoint(), believed).custodians == ()
    other = Cosigner(ONE.name, "another key").line("e", LOG.origin, 15, LOG.root())
    assert open_under(LOG.checkpoint() + other, believed).custodians == ()
