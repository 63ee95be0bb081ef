"""In the suite ``data``: events to frames, against plain numpy and, where it is installed, tonic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from neurofer.cli.bench.measure import Row, compared, interleaved
from neurofer.cli.outcome import note

if TYPE_CHECKING:
    from neurofer.data.events import Events

_FRAMES, _SIDE = 6, 200
_EVENTS, _FEW = 10_000_000, 200_000
_GOAL = 0.4
"""250 million events a second, where numpy bins 100."""


def binning(rounds: int, small: bool) -> Iterator[Row]:
    """Yield the rows on binning evenly spread events into binary frames [6, 2, 200, 200] by equal time.

    Args:
        rounds: how often to time each.
        small: few events, to see that it works.
    """
    from neurofer.data.events import bin_events

    count = _FEW if small else _EVENTS
    note(f"drawing {count:,} events")
    events = _draw(count)
    work: dict[str, Callable[[], object]] = {
        "numpy": lambda: _numpy(events),
        "neurofer": lambda: bin_events(events, _FRAMES, (_SIDE, _SIDE)),
    }
    if (tonic := _tonic(events)) is not None:
        work["tonic"] = tonic
    times = interleaved(work, rounds)
    title = f"binning {count // 1000:,} k events"
    found = compared(title, times, "numpy", {"neurofer": _GOAL})
    if tonic is not None:
        found += compared(title, {name: times[name] for name in ("neurofer", "tonic")}, "tonic", {})
    for row in found:
        yield {
            **row,
            "events_per_second": count / row["ms_median"] * 1e3,
            "most_per_second": count / row["ms_min"] * 1e3,
        }


def _draw(count: int) -> Events:
    import numpy as np

    from neurofer.data.events import DTYPE

    rng = np.random.default_rng(0)
    events = np.empty(count, DTYPE)
    for key, high in (("x", _SIDE), ("y", _SIDE), ("p", 2)):
        events[key] = rng.integers(0, high, count)
    events["t"] = np.sort(rng.integers(0, 2_000_000, count))
    return events


def _numpy(events: Events) -> object:
    import numpy as np

    t = events["t"]
    starts = np.searchsorted(t, np.linspace(t[0], t[-1], _FRAMES, endpoint=False)[1:])
    frames = []
    for part in np.split(events, starts):
        cells = (part["p"].astype(np.int32) * _SIDE + part["y"]) * _SIDE + part["x"]
        frames.append(np.bincount(cells, minlength=2 * _SIDE * _SIDE).reshape(2, _SIDE, _SIDE) > 0)
    return np.stack(frames)


def _tonic(events: Events) -> Callable[[], object] | None:
    """Make ToFrame ready; None where tonic, which neurofer does not depend on, is not installed."""
    import importlib

    try:
        transforms = importlib.import_module("tonic.transforms")
    except ImportError:
        return None
    to_frame = transforms.ToFrame(sensor_size=(_SIDE, _SIDE, 2), n_time_bins=_FRAMES)
    return lambda: to_frame(events) > 0
