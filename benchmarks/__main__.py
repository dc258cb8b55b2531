"""Benchmarks of counterfoil against peers, in one run.

    python -m benchmarks              one million entries
    python -m benchmarks --quick      small, for CI
    python -m benchmarks --long       ten million entries

Each benchmark runs in a process of its own. Results go to bench-results/ as JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks import plots, report
from benchmarks.harness import LONG, NORMAL, QUICK, Result, Scale
from benchmarks.machine import CORES, busy, describe

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"
NAMES = (
    "single",
    "batch",
    "growth",
    "proofs",
    "completeness",
    "memory",
    "payloads",
    "tree",
    "audit",
    "service",
    "profile",
)
_ON_THE_GROWN_LEDGER = ("growth", "proofs", "completeness", "memory")
_SCALES = {scale.name: scale for scale in (QUICK, NORMAL, LONG)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for."""
    options = _parser().parse_args(arguments)
    scale = _SCALES[options.scale]
    if options.child:
        return _child(options.child, scale, options.work, options.json)
    results = ROOT / "bench-results"
    base = options.work or results
    base.mkdir(parents=True, exist_ok=True)
    console = Console(width=max(160, Console().width))
    work = Path(tempfile.mkdtemp(prefix="work-", dir=base))
    names = options.only or NAMES
    try:
        run = _run(names, scale, work, console)
    finally:
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)
    if not run.results:
        return 1
    report.show_targets(run, console)
    path = options.json or results / f"{time.strftime('%Y%m%d-%H%M%S')}-{scale.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(run.to_json())
    console.print(f"results: {path}" + (f", ledgers: {work}" if options.keep else ""))
    if options.write_doc or options.plots:
        directory = options.plots or PLOTS
        drawn = plots.draw(run, directory)
        if options.write_doc:
            links = {
                name: os.path.relpath(directory / file, DOCUMENT.parent)
                for name, file in drawn.items()
            }
            report.write_block(DOCUMENT, report.markdown(run, links))
            console.print(f"written: {DOCUMENT}")
    return 0 if len(run.results) == len(names) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    size = parser.add_mutually_exclusive_group()
    for name, text in (("quick", "small, for CI"), ("long", "ten million entries")):
        size.add_argument(
            f"--{name}", dest="scale", action="store_const", const=name, default="normal", help=text
        )
    parser.add_argument("--only", action="append", choices=NAMES, help="may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw plots into DIR")
    parser.add_argument("--work", type=Path, metavar="DIR", help="the disk to measure on")
    parser.add_argument("--keep", action="store_true", help="leave the ledgers for a look")
    parser.add_argument(
        "--write-doc", action="store_true", help="fill docs/benchmarks.md and its plots"
    )
    parser.add_argument("--child", choices=NAMES, help=argparse.SUPPRESS)
    return parser


def _run(names: Sequence[str], scale: Scale, work: Path, console: Console) -> report.Run:
    start = time.monotonic()
    run = report.Run(
        command=_command(names, scale),
        scale=scale.name,
        date=time.strftime("%Y-%m-%d"),
        seconds=0.0,
        machine=describe(work),
    )
    for name in names:
        console.print(f"[bold]{name}[/bold] …", highlight=False)
        before = (time.monotonic(), busy(), _own_cpu())
        result = _in_child(name, scale, work)
        seconds, used, own = (
            now - then
            for now, then in zip((time.monotonic(), busy(), _own_cpu()), before, strict=True)
        )
        if result is None:
            console.print(f"[red]{name} failed[/red]")
            continue
        run.results[name] = result
        run.disturbed[name] = max(0.0, (used - own) / (seconds * CORES))
        report.show(result, console)
        console.print(
            f"{name}: {seconds:.0f} s. {report.disturbance(run.disturbed[name])}", highlight=False
        )
    run.seconds = time.monotonic() - start
    return run


def _own_cpu() -> float:
    """CPU seconds of this process and of all children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _command(names: Sequence[str], scale: Scale) -> str:
    parts = ["python -m benchmarks"]
    if scale.name != "normal":
        parts.append(f"--{scale.name}")
    if tuple(names) != NAMES:
        parts += [f"--only {name}" for name in names]
    return " ".join(parts)


def _in_child(name: str, scale: Scale, work: Path) -> Result | None:
    """Run one benchmark in a fresh process, so that memory is its own."""
    answer = work / f"{name}.json"
    command = [sys.executable, "-m", "benchmarks", "--child", name]
    command += ["--work", str(work), "--json", str(answer)]
    command += [] if scale.name == "normal" else [f"--{scale.name}"]
    if subprocess.run(command, cwd=ROOT).returncode:
        return None
    return report.result_from_json(json.loads(answer.read_text()))


def _child(name: str, scale: Scale, work: Path, answer: Path) -> int:
    own = work / name
    own.mkdir()
    run: Callable[[Scale, Path], Result] = importlib.import_module(f"benchmarks.{name}").run
    result = run(scale, work if name in _ON_THE_GROWN_LEDGER else own)
    answer.write_text(json.dumps(asdict(result)))
    if name not in _ON_THE_GROWN_LEDGER:
        shutil.rmtree(own)
    return 0


if __name__ == "__main__":
    sys.exit(main())
