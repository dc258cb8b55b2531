"""Fixtures: a small ledger, made once and copied for each test."""

from tests.log.fixtures import log, made_once, place, sample

__all__ = ["log", "made_once", "place", "sample"]
