"""Fixtures: the small ledger of tests/log."""

from tests.log.fixtures import log, made_once, place, sample

__all__ = ["log", "made_once", "place", "sample"]
