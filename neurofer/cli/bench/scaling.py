"""The suite ``scaling``: what a synaptic operation costs as Spiking-FER grows in resolution, steps, batch and rate.

One operation is a weight that a spike reaches; picoseconds are of the minima, which other work of the machine disturbs
least. ``exponent`` is that of the power of the operations which fits the minima best: 1 is linear, less means that what
does not depend on spikes still counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import linear_regression
from typing import Any

from neurofer.cli.bench.measure import Asked, Column, Row, number, word
from neurofer.cli.bench.native import NATIVE, all_threads, small
from neurofer.cli.bench.workload import Case
from neurofer.cli.outcome import note

POINTS: dict[str, tuple[Any, ...]] = {
    "size": (64, 96, 128, 160, 200, 256),
    "steps": (1, 2, 4, 6, 8, 12),
    "batch": (1, 2, 4, 8),
    "rate": (0.02, 0.04, 0.08, 0.15, 0.25),
}
_SMALL: dict[str, tuple[Any, ...]] = {"size": (16, 32), "steps": (2, 6), "batch": (1, 2), "rate": (0.04, 0.15)}

COLUMNS = (
    word("network"),
    word("over"),
    Column("rate", lambda row: "-" if "rate" not in row else f"{row['rate']:.1%}"),
    number("threads", "threads", "d"),
    number("median ms", "ms_median", ".3f"),
    number("min ms", "ms_min", ".3f"),
    Column("MSOP", lambda row: "-" if "ms_median" not in row else f"{row['synaptic_operations'] / 1e6:,.1f}"),
    number("ps / SOP", "picoseconds_per_operation", ".2f"),
    number("exponent", "exponent", ".2f"),
)


def rows(asked: Asked) -> Iterator[Row]:
    """Yield a row for every point and number of threads, and one for each dimension with the exponent of its growth."""
    for over, points in (_SMALL if asked.small else POINTS).items():
        found: list[Row] = []
        for point in points:
            note(f"{over} {point:g}")
            start = Case("spiking-fer")
            case = replace(small(start) if asked.small else start, **{over: point})
            found += _point(case, over, asked.rounds)
        yield from found
        for threads in all_threads():
            timed = [row for row in found if row["threads"] == threads and row["ms_min"]]
            if len(timed) > 1:
                power = exponent([(row["synaptic_operations"], row["ms_min"]) for row in timed])
                yield {"network": "all of them", "over": over, "threads": threads, "exponent": power}


def _point(case: Case, over: str, rounds: int) -> Iterator[Row]:
    from neurofer.cli.bench.turns import timed
    from neurofer.cli.bench.workload import activity, make

    workload = make(case)
    happened = activity(workload)
    operations = sum(happened.operations.values())
    for threads, (one,) in timed(workload, (NATIVE,), threads=all_threads(), rounds=rounds).items():
        yield {
            "network": workload.title,
            "over": over,
            "rate": happened.rate,
            "threads": threads,
            **one.row(one.median),
            "synaptic_operations": operations,
            "picoseconds_per_operation": min(one.ms) * 1e9 / operations if one.ms else None,
        }


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Return p of the power law ``time = c * work ** p`` that fits best; 1 is linear.

    Args:
        points: work and time, both positive.
    """
    found = linear_regression([math.log(work) for work, _ in points], [math.log(time) for _, time in points])
    return float(found.slope)
