"""What every format gives: a test of a file's first bytes, and a decoder that yields its events block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

DTYPE = np.dtype([("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "i1")])
"""One event: column and row from the upper left, microseconds, 1 for ON and 0 for OFF.

The fields of tonic's readers. The polarity is int8 where tonic has bool: its UniformNoise and ToVoxelGrid (1.7.0) are
right with int8 and wrong with bool, and no transform is wrong with int8 only.
"""

COLOUR = np.dtype([("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("r", "u1"), ("g", "u1"), ("b", "u1")])
"""One event of a colour ES stream, which has no polarity."""

BLOCK = 1 << 16
"""Most events a decoder holds at a time, where the format leaves the choice."""

DENSEST = 32
"""Most events one byte of a file may stand for: 6 in EVT3, 16 in LZ4; a recording never reaches it, a bomb does."""

SLACK = 1 << 20
"""Events any file may have, however small it is."""

Events = NDArray[np.void]
Unit = Literal["s", "ms", "us", "ns"]
_LARGEST = 1 << 15
_PER_UNIT = {"s": 10**6, "ms": 10**3, "us": 1}


class DamagedError(Exception):
    """A recording ends or stops making sense here; everything a decoder yielded before is good."""


@dataclass(frozen=True)
class Options:
    """What a file may leave open.

    Attributes:
        columns: names of a text file's columns in their order, such as ``txyp``.
        unit: of the times in text, NPZ and HDF5.
    """

    columns: str | None = None
    unit: Unit | None = None


@dataclass(frozen=True)
class Decoded:
    """A recording whose header has been read.

    Attributes:
        size: width and height of the sensor, None if the file does not say.
        blocks: its events; raises DamagedError after the last good ones.
    """

    size: tuple[int, int] | None
    blocks: Iterator[Events]


@dataclass(frozen=True)
class Format:
    """One way to write events down.

    Attributes:
        name: what to call it in code.
        title: what people call it.
        matches: whether a file that starts with these bytes, and has this path, is of this format.
        decode: reads the header; raises DamagedError if that is not whole.
    """

    name: str
    title: str
    matches: Callable[[bytes, Path], bool]
    decode: Callable[[Path, Options], Decoded]


def budget(path: Path) -> int:
    """Return the most events this file may claim to hold."""
    return DENSEST * path.stat().st_size + SLACK


def pack(
    x: NDArray[Any],
    y: NDArray[Any],
    t: NDArray[Any],
    p: NDArray[Any],
    *,
    size: tuple[int, int] | None = None,
    unit: Unit | None = None,
) -> Iterator[Events]:
    """Yield columns as events, up to the first that cannot be; then raise.

    Args:
        x: columns [N], whole numbers.
        y: rows [N], whole numbers.
        t: times [N] in ``unit``; without one, whole numbers are microseconds and others seconds.
        p: polarities [N], 1 for ON and 0 or -1 for OFF.
        size: width and height of the sensor.
        unit: of the times.

    Raises:
        DamagedError: an event outside the sensor, with another polarity or without a finite time.
    """
    width, height = size or (_LARGEST, _LARGEST)
    times, timely = _microseconds(t, unit)
    tests: tuple[tuple[NDArray[np.bool_], Callable[[int], str]], ...] = (
        (_within(x, width), lambda i: f"x is {x[i]}, outside 0 to {width - 1}"),
        (_within(y, height), lambda i: f"y is {y[i]}, outside 0 to {height - 1}"),
        (timely, lambda i: f"t is {t[i]}, no time in microseconds"),
        ((p == 1) | (p == 0) | (p == -1), lambda i: f"the polarity is {p[i]}, expected 0 or 1"),
    )
    good, reason = len(x), ""
    for fine, say in tests:
        first = len(x) if bool(fine.all()) else int(np.argmin(fine))
        if first < good:
            good, reason = first, say(first)
    if good:
        events = np.empty(good, DTYPE)
        events["x"], events["y"], events["t"] = x[:good], y[:good], times[:good]
        events["p"] = p[:good] == 1
        yield events
    if reason:
        raise DamagedError(reason)


def _within(values: NDArray[Any], limit: int) -> NDArray[np.bool_]:
    fine: NDArray[np.bool_] = (values >= 0) & (values < min(limit, _LARGEST))
    return fine & (np.floor(values) == values) if values.dtype.kind == "f" else fine


def _microseconds(t: NDArray[Any], unit: Unit | None) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Times in microseconds, and which of them are times."""
    if t.dtype.kind == "f":
        scaled = t / 1e3 if unit == "ns" else t * np.float64(_PER_UNIT[unit or "s"])
        fine = np.abs(scaled) < 2**53  # false for what is not a number; float64 counts whole microseconds up to here
        return np.rint(np.where(fine, scaled, 0)).astype(np.int64), fine
    if unit == "ns":
        return (t // 1000).astype(np.int64), np.ones(len(t), np.bool_)
    factor = _PER_UNIT[unit or "us"]
    bound = 2**62 // factor
    fine = t <= bound if t.dtype.kind == "u" else (t <= bound) & (t >= -bound)
    return np.where(fine, t, 0).astype(np.int64) * factor, fine
