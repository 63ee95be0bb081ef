"""What every format that can be written gives: what it can hold, and an encoder that writes events block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.decoder import BLOCK, DTYPE, Events
from neurofer.errors import UsageError

LONGEST_PAUSE = 1 << 40
"""Microseconds, 13 days: the formats whose times run over spend bytes on every lap that passes without an event."""


_Fault = tuple[NDArray[np.bool_], str]
"""Which events of a part have it, and what holds for events that have not."""


@dataclass(frozen=True)
class Encoder:
    """One way to write events down.

    Attributes:
        name: what to call it in code, as the format is called that reads it.
        suffix: of its files.
        encode: writes the file; it is given checked blocks, and the sensor's width and height if known.
        width: most columns it can address.
        height: most rows.
        longest: times are less than this, in microseconds; 0 if they may be any, also below zero and falling.
        pause: most microseconds between two events, where times are bounded.
    """

    name: str
    suffix: str
    encode: Callable[[Path, Iterator[Events], tuple[int, int] | None], None]
    width: int = 1 << 15
    height: int = 1 << 15
    longest: int = 0
    pause: int = LONGEST_PAUSE


def checked(blocks: Iterable[NDArray[Any]], encoder: Encoder, size: tuple[int, int] | None) -> Iterator[Events]:
    """Yield the events in blocks that are not empty and not longer than ``BLOCK``, all of which the format can hold.

    Raises:
        UsageError: an event that it cannot hold, or that lies outside the sensor; which, and why.
    """
    title = f"cannot be written as {encoder.name}"
    other = "choose another format, such as npz or hdf5" if encoder.longest else ""
    sensor = "give the true size of the sensor, or none"
    seen, before = 0, None
    for block in blocks:
        if block.dtype != DTYPE:
            raise UsageError(
                f"events of type {block.dtype} cannot be written",
                why="colours have no polarity" if "p" not in (block.dtype.names or ()) else f"expected {DTYPE}",
            )
        for start in range(0, len(block), BLOCK):
            part = block[start : start + BLOCK]
            if size:
                _refuse(part, seen, _places(part, *size), "lies outside the sensor", sensor)
            faults = _places(part, encoder.width, encoder.height)
            faults.append(((part["p"] != 0) & (part["p"] != 1), "the polarity is 0 or 1"))
            if encoder.longest:
                t = part["t"]
                steps = np.diff(t, prepend=t[0] if before is None else before)
                faults += [
                    ((t < 0) | (t >= encoder.longest), f"times are 0 to {encoder.longest - 1} us"),
                    (steps < 0, "times must not fall; sort them first"),
                    (steps > encoder.pause, f"no pause may be longer than {encoder.pause} us"),
                ]
            _refuse(part, seen, faults, title, other)
            seen, before = seen + len(part), int(part["t"][-1])
            yield part


def _places(part: Events, width: int, height: int) -> list[_Fault]:
    return [
        ((part["x"] < 0) | (part["x"] >= width), f"the columns are 0 to {width - 1}"),
        ((part["y"] < 0) | (part["y"] >= height), f"the rows are 0 to {height - 1}"),
    ]


def _refuse(part: Events, seen: int, faults: list[_Fault], what: str, next_step: str) -> None:
    """Name the first event that has one of the faults, counting those seen before this part."""
    for wrong, reason in faults:
        if wrong.any():
            at = int(np.argmax(wrong))
            told = ", ".join(f"{key} = {int(part[at][key])}" for key in "xytp")
            raise UsageError(f"event {seen + at} {what}", why=f"{told}, and {reason}", next_step=next_step)


def head(first: int, lap: int, lines: Iterable[str]) -> tuple[bytes, int]:
    """The text lines of Prophesee's files, and what to take off every time.

    A recording that starts later than its times can tell without running over gets a line `t0`, as faery writes it, of
    whole laps: what does not know that line reads what a camera would have written.

    Args:
        first: time of the first event.
        lap: microseconds after which times run over.
        lines: without the percent sign.
    """
    passed = first // lap * lap
    told = [*lines, *([f"t0 {passed}"] if passed else [])]
    return "".join(f"% {line}\n" for line in told).encode("ascii"), passed


def laps(blocks: Iterable[Events], lap: int, passed: int) -> Iterator[tuple[int, Events]]:
    """Yield the events in parts whose times are in one lap, and how many laps have begun since the part before."""
    now = passed // lap
    for block in blocks:
        numbers = block["t"] // lap
        for part in np.split(block, np.flatnonzero(np.diff(numbers)) + 1):
            number = int(part["t"][0]) // lap
            yield number - now, part
            now = number
