"""docs/service.md tells the truth: its tables against the code."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.routes import TABLE
from api.routing import Route
from api.settings import Settings
from ledger.cli.app import app
from tests.api.running import Running

TEXT = (Path(__file__).parents[2] / "docs" / "service.md").read_text()
NOT_LIMITS = {
    "url",
    "behind_proxy",
    "open_entries",
    "metrics_beyond_loopback",
    "publish_s",
    "care_days",
}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path}")
def test_every_route_is_described(row: Route) -> None:
    assert f"`{row.method} {row.template}`" in TEXT


def test_every_limit_is_described() -> None:
    settings = Settings()
    said = dict(re.findall(r"`([a-z_]+)`(?: \||) (\d+)", TEXT))
    limits = {one.name for one in fields(Settings)} - NOT_LIMITS
    assert said.keys() == limits
    assert {name: float(said[name]) for name in limits} == {
        name: float(getattr(settings, name)) for name in limits
    }


def test_the_usual_time_between_checkpoints_is_told() -> None:
    usual = f"{Settings().publish_s:.0f}"
    assert f"between two published checkpoints, when something is new: {usual} |" in TEXT
    shown = CliRunner().invoke(app, ["serve", "--help"]).output
    assert f"[default: {usual}]" in shown


def test_every_metric_is_described(service: Running) -> None:
    text = service.get("/metrics").text
    ours = set(
        re.findall(r"^# TYPE (counterfoil_[a-z_]+) (?:counter|gauge|histogram)$", text, re.M)
    )
    described = set(re.findall(r"`(counterfoil_[a-z_]+)", TEXT))
    assert ours == described
