"""In the suite ``data``: moving bars to events, against v2e's formulas in plain numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from neurofer.cli.bench.measure import Row, compared, interleaved
from neurofer.cli.outcome import note

if TYPE_CHECKING:
    from neurofer.ir.nodes import Array

_FRAMES, _SIDE, _FPS = 60, 200, 30
_GOAL = 0.5
"""15 million events a second, where v2e itself makes 7.6."""


def converting(rounds: int, small: bool) -> Iterator[Row]:
    """Yield the rows on the DVS model with v2e's clean setting, 60 frames of 200 x 200.

    Args:
        rounds: how often to time each.
        small: few frames, to see that it works.
    """
    from neurofer.data import dvs
    from neurofer.data.dvs.pixels import Pixels

    frames = _bars(6 if small else _FRAMES)
    pixels = Pixels(dvs.preset("clean"))
    pixels.step(frames[0], 0)
    thresholds = pixels.thresholds
    count = len(dvs.convert(frames, fps=_FPS, thresholds=thresholds))
    note(f"{len(frames)} frames of moving bars, {count:,} events")
    work: Mapping[str, Callable[[], object]] = {
        "numpy": lambda: _numpy(frames, *thresholds),
        "neurofer": lambda: dvs.convert(frames, fps=_FPS, thresholds=thresholds),
    }
    for row in compared(f"DVS, {count // 1000:,} k events", interleaved(work, rounds), "numpy", {"neurofer": _GOAL}):
        yield {
            **row,
            "events_per_second": count / row["ms_median"] * 1e3,
            "most_per_second": count / row["ms_min"] * 1e3,
        }


def _bars(count: int) -> list[Array]:
    import numpy as np

    x = np.arange(_SIDE)
    rows = [np.where((x + 2.5 * k) % 40 < 20, 230, 20).astype(np.uint8) for k in range(count)]
    return [np.broadcast_to(row, (_SIDE, _SIDE)).copy() for row in rows]


def _numpy(frames: list[Array], on: Array, off: Array) -> Array:
    """Events of thresholds alone, in the order of time and otherwise in that of the pixels."""
    import numpy as np

    from neurofer.data.dvs.response import respond
    from neurofer.data.events import DTYPE

    base, parts = respond(frames[0]), []
    for number, frame in enumerate(frames[1:]):
        change = respond(frame) - base
        counts = np.floor_divide(np.maximum(change, 0), on) - np.floor_divide(np.maximum(-change, 0), off)
        base = base + np.where(counts > 0, counts * on, counts * off)
        due = np.abs(counts).astype(np.int64).ravel()
        pixels = np.repeat(np.arange(due.size), due)
        steps = np.arange(1, len(pixels) + 1) - np.repeat(np.cumsum(due) - due, due)
        order = np.argsort(steps.astype(np.int16), kind="stable")
        events = np.empty(len(pixels), DTYPE)
        events["y"], events["x"] = np.divmod(pixels[order], _SIDE)
        events["t"] = np.rint((number + steps[order] / max(due.max(), 1)) / _FPS * 1e6)
        events["p"] = counts.ravel()[pixels[order]] > 0
        parts.append(events)
    return np.concatenate(parts)
