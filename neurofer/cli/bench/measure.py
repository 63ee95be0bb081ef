"""What every suite of ``neurofer bench`` measures with: work done in turns, rows of medians, columns of a table."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from neurofer import resources
from neurofer.cli.outcome import note

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What the command line asks of a suite.

    Attributes:
        rounds: timed rounds.
        small: small networks or few data, to see that it works.
        networks: recipes or checkpoints to time, where a suite is not about one in particular; empty for its own.
        plot: a picture to draw, in suites that have one.
    """

    rounds: int
    small: bool
    networks: tuple[str, ...] = ()
    plot: Path | None = None


@dataclass(frozen=True)
class Column:
    """A column of the table that a suite is shown as.

    Attributes:
        title: its heading.
        cell: what it says of a row.
        words: whether it holds words, which stand on the left.
    """

    title: str
    cell: Callable[[Row], str]
    words: bool = False


def word(title: str, key: str | None = None) -> Column:
    """Return a column of words; those of ``title`` where no key is given."""
    return Column(title, lambda row: str(row[key or title]), words=True)


def number(title: str, key: str, form: str = ".1f") -> Column:
    """Return a column of numbers; ``-`` where a row has none."""
    return Column(title, lambda row: "-" if row.get(key) is None else format(row[key], form))


COLUMNS = (
    word("network"),
    word("work"),
    number("median ms", "ms_median"),
    number("min ms", "ms_min"),
    Column("ratio", lambda row: f"{row['ratio']:.2f} {row['against']}"),
    Column("goal", lambda row: f"<= {row['goal']:g}" if row["goal"] else ""),
)
"""Of suites that name none of their own: their rows are those of `compared`."""


def interleaved(work: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the durations in ms of each piece of work: all are run once to warm up, then in turns."""
    for action in work.values():
        action()
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds):
        note(f"  round {turn + 1} of {rounds}")
        for name, action in work.items():
            start = perf_counter()
            action()
            times[name].append((perf_counter() - start) * 1e3)
    return times


def compared(
    network: str, times: Mapping[str, list[float]], against: str, goals: Mapping[str, float | None]
) -> list[Row]:
    """Return a row for each piece of work.

    Args:
        network: what it was done with.
        times: durations in ms, as of `interleaved`.
        against: the work whose median is the unit of ``ratio``.
        goals: work -> the largest ratio aimed at.
    """
    base = median(times[against])
    return [
        {
            "network": network,
            "work": work,
            "ms_median": median(values),
            "ms_min": min(values),
            "ratio": median(values) / base,
            "against": against,
            "goal": goals.get(work),
        }
        for work, values in times.items()
    ]


def machine() -> str:
    """Return what this runs on, in words: processor, cores, system."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor()}, {resources.cores()} core(s), {platform.system()}"
