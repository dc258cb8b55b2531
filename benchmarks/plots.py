"""Plots of a run, as SVG that comes out the same for the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.harness import Result
from benchmarks.report import Run

_OURS = "#1f6f8b"
_PEER = "#b0b7bf"
_BOUND = "#c0392b"


def draw(run: Run, directory: Path) -> dict[str, str]:
    """Draw what the run has numbers for; returns file names by benchmark."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "counterfoil"
    matplotlib.rcParams["font.size"] = 9
    directory.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for name, draw_one in _DRAW.items():
        if name in run.results:
            figure = draw_one(run.results[name])
            figure.savefig(directory / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
            drawn[name] = f"{name}.svg"
    return drawn


def _figure(columns: int = 1, height: float = 3.0) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height))
    axes = figure.subplots(1, columns)
    for one in axes if columns > 1 else [axes]:
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _ratios(result: Result) -> Any:
    """Every ratio as a bar with its quartiles, 1 meaning level with the peer."""
    rows = [row for row in result.rows if row.ratio is not None and row.quartiles is not None]
    figure, axes = _figure(height=0.6 + 0.34 * len(rows))
    for at, row in enumerate(reversed(rows)):
        assert row.ratio is not None and row.quartiles is not None
        low, high = row.quartiles
        spread = [[max(0.0, row.ratio - low)], [max(0.0, high - row.ratio)]]
        color = _OURS if row.target else _PEER
        axes.barh(at, row.ratio, color=color, xerr=spread, ecolor="#444444", height=0.6)
        if row.target and row.target.of == "ratio":
            axes.plot([row.target.value] * 2, [at - 0.4, at + 0.4], color=_BOUND, linewidth=2)
    axes.set_yticks(range(len(rows)), [f"{row.what}\nagainst {row.peer}" for row in reversed(rows)])
    axes.tick_params(axis="y", labelsize=6.5)
    axes.set_xlabel("ratio in one run (red: target)")
    return figure


def _growth(result: Result) -> Any:
    points = result.series["sizes"]
    sizes = [float(point["leaves"]) for point in points]
    figure, (speed, memory) = _figure(columns=2)
    ratios = [float(point["ratio"]) for point in points]
    low = [ratio - float(point["low"]) for ratio, point in zip(ratios, points, strict=True)]
    high = [float(point["high"]) - ratio for ratio, point in zip(ratios, points, strict=True)]
    speed.errorbar(sizes, ratios, yerr=[low, high], marker="o", color=_OURS, capsize=3)
    speed.axhline(0.8, color=_BOUND, linewidth=1)
    speed.set(xscale="log", xlabel="leaves", ylim=(0, None))
    speed.set_title("entries/s, against the log as it first was", fontsize=9)
    for key, color, label in (
        ("anonymous", _OURS, "the process"),
        ("children", _PEER, "its children"),
    ):
        values = [float(point[key]) / 1e6 for point in points]
        memory.plot(sizes, values, marker="o", color=color, label=label)
    memory.axhline(300, color=_BOUND, linewidth=1)
    memory.set(xscale="log", xlabel="leaves", ylim=(0, None))
    memory.set_title("memory, MB", fontsize=9)
    memory.legend(frameon=False)
    return figure


def _proofs(result: Result) -> Any:
    points = result.series["inclusion"]
    figure, axes = _figure()
    sizes = [float(point["leaves"]) for point in points]
    axes.plot(sizes, [float(point["micros"]) for point in points], marker="o", color=_OURS)
    axes.axhline(50, color=_BOUND, linewidth=1)
    axes.set(xscale="log", xlabel="leaves in the tree", ylabel="µs", ylim=(0, None))
    axes.set_title("inclusion proof made from disk, random entry (red: target)", fontsize=9)
    return figure


def _profile(result: Result) -> Any:
    """The shares of the writer thread's own times, for each mode."""
    figure, axes = _figure(height=3.4)
    modes = list(result.series)
    totals = [sum(_own(point) for point in result.series[mode]) for mode in modes]
    labels = [f"{mode}\n{total:.0f} µs" for mode, total in zip(modes, totals, strict=True)]
    stages = list(
        dict.fromkeys(str(one["stage"]) for points in result.series.values() for one in points)
    )
    from matplotlib import colormaps

    colors = colormaps["tab20"]
    left = [0.0] * len(modes)
    for number, stage in enumerate(one for one in stages if not one.startswith("beside")):
        widths = [
            100 * sum(_own(one) for one in result.series[mode] if one["stage"] == stage) / total
            for mode, total in zip(modes, totals, strict=True)
        ]
        axes.barh(labels, widths, left=left, color=colors(number % 20), label=stage, height=0.6)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("% of the writer thread's wall time")
    axes.legend(fontsize=6, frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.4, -0.2))
    return figure


def _own(point: dict[str, float | str]) -> float:
    """What a stage takes of the writer thread."""
    return 0.0 if str(point["stage"]).startswith("beside") else float(point["wall"])


_DRAW = {
    "single": _ratios,
    "batch": _ratios,
    "growth": _growth,
    "proofs": _proofs,
    "payloads": _ratios,
    "profile": _profile,
}
