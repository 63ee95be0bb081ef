"""Events counted in slices of time and squares of pixels, in memory that does not depend on how many there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events import Events, describe_events, stream_events
from neurofer.errors import UsageError

BINS = 240
"""Points of the curve of rates."""


@dataclass(frozen=True)
class Slices:
    """What is shown of a recording.

    Attributes:
        title: what it is called.
        size: width and height of the sensor.
        span: first and last time in microseconds.
        counts: events of each slice, OFF before ON, int64 [T, 2, H, W]; an H x W as small as was asked for.
        rates: events per second over time, OFF before ON, [2, BINS].
    """

    title: str
    size: tuple[int, int]
    span: tuple[int, int]
    counts: NDArray[np.int64]
    rates: NDArray[np.float64]

    @property
    def seconds(self) -> float:
        """From the first event to the last."""
        return (self.span[1] - self.span[0]) / 1e6

    @cached_property
    def strongest(self) -> float:
        """The count that gets the full colour: 49 of 50 places with events have no more."""
        total = self.counts.sum(1)
        return max(float(np.quantile(total[total > 0], 0.98)) if total.any() else 1.0, 2.0)


def slice_recording(
    path: Path, frames: int, side: int, *, title: str = "", size: tuple[int, int] | None = None
) -> Slices:
    """Slice a recording, reading it twice.

    Args:
        path: of the recording.
        frames: T.
        side: most rows and columns that are shown; squares of pixels are added up to get there.
        title: instead of the file's name.
        size: width and height of the sensor, if they are known from elsewhere.

    Raises:
        ReadError: as `read_events`.
        UsageError: there are no events, they have no polarity, or they lie outside the sensor.
    """
    found = describe_events(path)
    if not found.events:
        raise UsageError("there are no events to show", where=str(path))
    size, span = size or found.size or found.extent, (found.first, found.last)
    return slice_events(stream_events(path), frames, side, size=size, span=span, title=title or path.name)


def slice_events(
    blocks: Iterable[Events], frames: int, side: int, *, size: tuple[int, int], span: tuple[int, int], title: str
) -> Slices:
    """Slice events.

    Args:
        blocks: chunks of them, none empty, in any order.
        frames: T.
        side: see `slice_recording`.
        size: width and height of the sensor.
        span: first and last time; the last event belongs to the last slice.
        title: what they are called.

    Raises:
        UsageError: colours, which have no polarity, or events outside the sensor.
    """
    square = max(1, -(-max(size) // side))
    width, height = (-(-length // square) for length in size)
    shape = (frames, 2, height, width)
    counts = np.zeros(int(np.prod(shape)), np.int64)
    rates = np.zeros(2 * BINS, np.int64)
    length = max(span[1] - span[0], 1)
    for block in blocks:
        if "p" not in (block.dtype.names or ()):
            raise UsageError("colours have no polarity to show", where=title)
        for key, limit in zip("xy", size, strict=True):
            if block[key].min() < 0 or block[key].max() >= limit:
                raise UsageError(
                    "events lie outside the sensor",
                    where=title,
                    why=f"{key} from {block[key].min()} to {block[key].max()} on {size[0]} x {size[1]} pixels",
                    next_step="give the size of the sensor, or none",
                )
        elapsed, on = block["t"] - span[0], block["p"].astype(np.int64)
        places = (np.minimum(elapsed * frames // length, frames - 1) * 2 + on) * height + block["y"] // square
        counts += np.bincount(places * width + block["x"] // square, minlength=counts.size)
        rates += np.bincount(on * BINS + np.minimum(elapsed * BINS // length, BINS - 1), minlength=2 * BINS)
    return Slices(title, size, span, counts.reshape(shape), rates.reshape(2, BINS) / (length / BINS / 1e6))
