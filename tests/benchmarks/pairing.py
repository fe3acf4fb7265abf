"""Pairs: both sides do the same work in turn (A B A B ...) in one process, and the medians are compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

Run = Callable[[], float | None]  # does the work once; its own figure, or None when the wall clock says it


@dataclass(frozen=True)
class Row:
    """One line of the table: what was done, by whom, and how long it took; `unit` tells of what the figures are.

    `ratio` is the peer's median over mlpkit's: above 1 mlpkit is faster.
    """

    what: str
    peer: str
    unit: str
    mlpkit: float
    other: float
    ratio: float
    goal: float | None

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        return asdict(self)


def timed(run: Run) -> float:
    """Return the seconds of a run, unless it measures them itself."""
    started = time.perf_counter()
    figure = run()
    return time.perf_counter() - started if figure is None else figure


def pair(
    what: str, mlpkit: Run, peers: dict[str, tuple[Run, float | None]], unit: str = "s", rounds: int = 5, scale: float = 1.0
) -> list[Row]:
    """A row for each peer.

    Parameters
    ----------
    what : str
    mlpkit : callable
    peers : dict of str to (callable, float or None)
        What each peer does, and the ratio that mlpkit aims at.
    unit : str
    rounds : int
        Each side runs so often, after one run that does not count.
    scale : float
        Seconds times this are the unit.
    """
    runs = {"mlpkit": mlpkit, **{name: run for name, (run, _) in peers.items()}}
    for run in runs.values():
        timed(run)
    figures: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            figures[name].append(timed(run) * scale)
    median = {name: statistics.median(values) for name, values in figures.items()}
    return [
        Row(what, name, unit, median["mlpkit"], median[name], median[name] / median["mlpkit"], goal) for name, (_, goal) in peers.items()
    ]


def repeated(function: Callable[[], object], times: int) -> Run:
    """A run whose figure is the mean of many calls: for calls that take microseconds."""

    def run() -> float:
        started = time.perf_counter()
        for _ in range(times):
            function()
        return (time.perf_counter() - started) / times

    return run


def table(rows: list[dict[str, object]]) -> str:
    """Rows as Markdown."""
    lines = ["| what | threads | mlpkit | peer | | ratio | goal |", "| --- | ---: | ---: | --- | ---: | ---: | ---: |"]
    for row in rows:
        goal = f"{row['goal']:g}" if row["goal"] else ""
        figures = f"{row['mlpkit']:.4g} {row['unit']} | {row['peer']} | {row['other']:.4g} {row['unit']} | {row['ratio']:.2f}"
        lines.append(f"| {row['what']} | {row['threads']} | {figures} | {goal} |")
    return "\n".join(lines)
