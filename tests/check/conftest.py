"""Fixtures: a small ledger and a grown one, made once and copied for each test."""

from tests.check.grown import grown, grown_once, runs_of_64
from tests.log.fixtures import log, made_once, place, sample

__all__ = ["grown", "grown_once", "log", "made_once", "place", "runs_of_64", "sample"]
