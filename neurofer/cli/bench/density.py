"""The suite ``density``: Spiking-FER over firing rates and input densities, and where its ANN becomes the faster one.

An ANN takes the same time whatever it is shown; an event-driven network takes as long as there are spikes. Native and
ANN are timed in turns at every point, on one thread. ``rate`` is spikes per neuron and step, ``density`` events per
pixel, polarity and step; the last rows say where two runtimes take equally long, interpolated between the minima,
which other work of the machine disturbs least. The plot shows these, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from neurofer.cli.bench import plot
from neurofer.cli.bench.measure import Asked, Column, Row, number, word
from neurofer.cli.outcome import note

if TYPE_CHECKING:
    from neurofer.cli.bench.workload import Workload

NATIVE = ("native int8", "native float32")
ANN = ("ANN in ONNX Runtime", "ANN in ONNX Runtime, int8")
POINTS: dict[str, tuple[Any, ...]] = {
    "rate": (0.01, 0.02, 0.04, 0.08, 0.15, 0.25, 0.4),
    "density": (0.02, 0.05, 0.1, 0.2, 0.4),
}
"""Spikes per neuron and step at an input density of 0.1; and input densities at a rate of 0.08."""


def _place(key: str) -> Column:
    return Column(key, lambda row: row[key] if isinstance(row[key], str) else f"{row[key]:.1%}")


COLUMNS = (
    word("network"),
    word("over"),
    _place("rate"),
    _place("density"),
    word("runtime"),
    number("median ms", "ms_median", ".3f"),
    number("min ms", "ms_min", ".3f"),
    number("ratio", "ratio_to_native", ".2f"),
    Column("MSOP", lambda row: f"{row['synaptic_operations'] / 1e6:,.1f}" if "synaptic_operations" in row else "-"),
)


def rows(asked: Asked) -> Iterator[Row]:
    """Yield a row for every point and runtime, then one for every crossing; draw the plot, if there is to be one."""
    from neurofer.cli.bench.native import small
    from neurofer.cli.bench.workload import Case, calibrated, make

    if asked.plot is not None:
        plot.require()  # before all is measured, not after
    case = Case("spiking-fer")
    workload = make(small(case) if asked.small else case)
    found: list[Row] = []
    for over, points in POINTS.items():
        for point in points:
            note(f"{over} {point:.0%}")
            found += _point(calibrated(workload, replace(workload.case, **{over: point})), over, asked.rounds)
    found += [row for over in POINTS for row in _crossings(found, over)]
    if asked.plot is not None:
        plot.draw(found, asked.plot)
    yield from found


def _point(workload: Workload, over: str, rounds: int) -> Iterator[Row]:
    from neurofer.cli.bench.turns import timed
    from neurofer.cli.bench.workload import activity

    happened = activity(workload)
    (found,) = timed(workload, (*NATIVE, *ANN), threads=(1,), rounds=rounds).values()
    base = next((one.median for one in found if one.runtime == NATIVE[0]), None)
    for one in found:
        yield {
            "network": workload.title,
            "over": over,
            "rate": happened.rate,
            "density": float(workload.x.mean()),
            "threads": 1,
            **one.row(base),
            "weights": workload.weights,
            "synaptic_operations": sum(happened.operations.values()),
        }


def _crossings(found: Sequence[Row], over: str) -> Iterator[Row]:
    """Yield where a native build takes as long as an ANN, a word where that is beyond the points."""
    of = {name: [row for row in found if (row["over"], row["runtime"]) == (over, name)] for name in (*NATIVE, *ANN)}
    for native in NATIVE:
        for ann in ANN:
            pairs = [(a[over], a["ms_min"], b["ms_min"]) for a, b in zip(of[native], of[ann], strict=True)]
            points = [(place, mine / theirs) for place, mine, theirs in pairs if mine and theirs]
            if points:
                fixed = {"rate": "", "density": "", over: crossing(points)}
                yield {"network": of[native][0]["network"], "over": over, **fixed, "runtime": f"{native} = {ann}"}


def crossing(points: Sequence[tuple[float, float]]) -> float | str:
    """Return the first place at which a ratio passes 1, interpolated between points, or on which side it lies.

    Args:
        points: places, growing, and the ratio at each.
    """
    for (a, low), (b, high) in pairwise(points):
        if (low - 1) * (high - 1) <= 0 and low != high:
            return a + (b - a) * (1 - low) / (high - low)
    side: Literal["above", "below"] = "above" if points[0][1] < 1 else "below"
    return f"{side} {points[-1 if side == 'above' else 0][0]:.1%}"
