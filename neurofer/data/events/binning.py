"""Events to T frames: which events share a frame, and the frames themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.decoder import DTYPE, Events
from neurofer.data.events.kernel import compiled
from neurofer.errors import UsageError

By = Literal["time", "count", "window"]
Frames = NDArray[np.uint8] | NDArray[np.int32]

WINDOW = 2500
"""Events in a frame in the code of Spiking-FER's authors."""

_WIDEST = 1 << 15
_BY_BIT = range((1 << 15) + 1, (1 << 18) + 1)
"""So many cells fit into a processor's first cache with a bit each, but not with a byte each."""


def bin_events(
    events: Events,
    frames: int,
    size: tuple[int, int],
    *,
    by: By = "time",
    window: int = WINDOW,
    resize: tuple[int, int] | None = None,
    counts: bool = False,
) -> Frames:
    """Accumulate events into frames, OFF before ON as in tonic.

    Args:
        events: structured array [N] with fields x, y, t, p of whole numbers; p is ON if positive. Times must not fall.
        frames: T.
        size: height and width of the sensor.
        by: ``time``: T equal intervals from the first event to the last (Spiking-FER, section 3.1); the last event
            belongs to the last. ``count``: T parts whose numbers of events differ by at most one. ``window``: as the
            authors' code does, parts of ``window`` events each, and of these the T in the middle; as ``count`` if
            there are fewer than T such parts. With ``time`` and ``count`` every event is in exactly one frame.
        window: events in a part.
        resize: height and width of the frames, as `torch.nn.functional.interpolate` with mode ``nearest`` gives them:
            a smaller frame leaves out the rows and columns in between (authors: 128 x 128 of 200 x 200).
        counts: how many events each cell has, instead of whether it has any.

    Returns:
        Frames [T, 2, H, W], uint8 of 0 and 1; int32 with ``counts``.

    Raises:
        UsageError: times that fall, events outside the sensor, fields that are missing or no whole numbers, a
            recording of 2**31 events or more with ``counts``, or sizes below 1.
        MissingPackageError: numba is not installed.
    """
    events = _checked(events, frames, size, resize)
    edges = bin_edges(events, frames, by=by, window=window)
    out = np.zeros((frames, 2, *size), np.int32 if counts else np.uint8)
    marked = _mark_bits if 2 * size[0] * size[1] in _BY_BIT else _mark
    loop: Callable[..., int] = compiled(_count if counts else marked)
    # Times and places are checked in the same pass, which costs nothing next to reading the events.
    bad = loop(events, edges, size[0], size[1], out.reshape(frames, -1)) if len(events) else -1
    for start, stop in ((0, edges[0]), (edges[-1], len(events))) if bad < 0 else ():
        bad = max(bad, compiled(_check)(events, start, stop, size[0], size[1]))
    if bad >= 0:
        raise _fault(events, bad, size)
    return out if resize is None else _nearest(out, resize)


def bin_edges(events: Events, frames: int, *, by: By = "time", window: int = WINDOW) -> NDArray[np.int64]:
    """Where each of T frames starts and the last one stops, int64 [T + 1], as ``bin_events`` cuts them.

    Args:
        events: structured array [N] with a field t that does not fall.
        frames: T.
        by: see ``bin_events``.
        window: events in a part, for ``window``.

    Raises:
        UsageError: an unknown way of cutting, or numbers below 1.
        MissingPackageError: numba is not installed.
    """
    if min(frames, window) < 1 or by not in {"time", "count", "window"}:
        raise UsageError(f"{frames} frames by {by!r} of {window} events", next_step="give time, count or window")
    total = len(events)
    if by == "window" and (parts := total // window) >= frames:
        return window * ((parts - frames) // 2 + np.arange(frames + 1, dtype=np.int64))
    if by != "time" or not total:
        return np.array([k * total // frames for k in range(frames + 1)], np.int64)
    first, span = int(events[0]["t"]), int(events[-1]["t"]) - int(events[0]["t"])
    starts = [first + -(-k * span // frames) for k in range(1, frames)]  # the first whole microsecond of each interval
    find = compiled(_find)
    return np.array([0, *(find(events, start) for start in starts), total], np.int64)


def _checked(events: Events, frames: int, size: tuple[int, int], resize: tuple[int, int] | None) -> NDArray[np.void]:
    names = events.dtype.names or ()
    missing = [key for key in "xytp" if key not in names]
    if missing:
        raise UsageError(
            f"the events have no {', '.join(missing)}",
            why=f"their fields are {', '.join(names) or 'none'}",
            next_step="read them with read_events; colours cannot be binned" if missing == ["p"] else "",
        )
    broken = [key for key in "xytp" if events.dtype[key].kind not in "iub" or events.dtype[key].shape]
    if broken or events.ndim != 1:
        raise UsageError(f"the events are of type {events.dtype} and shape {events.shape}, expected [N] whole numbers")
    if min(*size, *(resize or size), frames) < 1:
        raise UsageError(f"{frames} frames of {size} pixels, resized to {resize}", next_step="give numbers from 1")
    if max(size) > _WIDEST:
        raise UsageError(f"a sensor of {size} pixels", next_step=f"give at most {_WIDEST} in each direction")
    if events.dtype == DTYPE:
        return np.ascontiguousarray(events)
    outside = (events["x"] < 0) | (events["x"] >= size[1]) | (events["y"] < 0) | (events["y"] >= size[0])
    if bool(outside.any()):
        raise _fault(events, int(np.argmax(outside)), size)
    alike = np.empty(len(events), DTYPE)
    for key in "xyt":
        alike[key] = events[key]
    alike["p"] = events["p"] > 0
    return alike


def _find(events: NDArray[Any], time: int) -> int:
    """Index of the first event at ``time`` or later."""
    low, high = 0, len(events)
    while low < high:
        middle = (low + high) // 2
        if events[middle]["t"] < time:
            low = middle + 1
        else:
            high = middle
    return low


def _mark(events: NDArray[Any], edges: NDArray[np.int64], height: int, width: int, out: NDArray[Any]) -> int:
    """Set the cells that have events; return the first event that is out of order or place, else -1."""
    plane, row, rows = np.uint32(height * width), np.uint32(width), np.uint32(height)
    last = events[edges[0]]["t"]
    for k in range(len(edges) - 1):
        frame = out[k]
        for i in range(edges[k], edges[k + 1]):
            x, y, t = np.uint32(np.uint16(events[i]["x"])), np.uint32(np.uint16(events[i]["y"])), events[i]["t"]
            if x >= row or y >= rows or t < last:  # below zero is beyond any sensor, too
                return i
            last = t
            frame[y * row + x + np.uint32(events[i]["p"] > 0) * plane] = 1
    return -1


def _mark_bits(events: NDArray[Any], edges: NDArray[np.int64], height: int, width: int, out: NDArray[Any]) -> int:
    """Do what `_mark` does with a bit for each cell until its frame is done; half as fast again where that fits."""
    plane, row, rows = np.uint32(height * width), np.uint32(width), np.uint32(height)
    six, low, one = np.uint32(6), np.uint32(63), np.uint64(1)
    bits = np.empty(2 * height * width // 64 + 1, np.uint64)
    last = events[edges[0]]["t"]
    for k in range(len(edges) - 1):
        frame = out[k]
        bits[:] = 0
        for i in range(edges[k], edges[k + 1]):
            x, y, t = np.uint32(np.uint16(events[i]["x"])), np.uint32(np.uint16(events[i]["y"])), events[i]["t"]
            if x >= row or y >= rows or t < last:  # below zero is beyond any sensor, too
                return i
            last = t
            cell = y * row + x + np.uint32(events[i]["p"] > 0) * plane
            bits[cell >> six] |= one << np.uint64(cell & low)
        for place in range(2 * height * width):
            frame[place] = (bits[place >> 6] >> np.uint64(place & 63)) & one
    return -1


def _count(events: NDArray[Any], edges: NDArray[np.int64], height: int, width: int, out: NDArray[Any]) -> int:
    """Count the events of every cell; return the first event that is out of order or place, else -1."""
    plane, row, rows = np.uint32(height * width), np.uint32(width), np.uint32(height)
    last = events[edges[0]]["t"]
    for k in range(len(edges) - 1):
        frame = out[k]
        for i in range(edges[k], edges[k + 1]):
            x, y, t = np.uint32(np.uint16(events[i]["x"])), np.uint32(np.uint16(events[i]["y"])), events[i]["t"]
            if x >= row or y >= rows or t < last:  # below zero is beyond any sensor, too
                return i
            last = t
            frame[y * row + x + np.uint32(events[i]["p"] > 0) * plane] += 1
    return -1


def _check(events: NDArray[Any], start: int, stop: int, height: int, width: int) -> int:
    """The first event of a part that is in no frame, and out of order or place; else -1."""
    for i in range(start, stop):
        x, y = np.int64(events[i]["x"]), np.int64(events[i]["y"])
        if x < 0 or x >= width or y < 0 or y >= height or (i and events[i]["t"] < events[i - 1]["t"]):
            return i
    return -1


def _fault(events: Events, bad: int, size: tuple[int, int]) -> UsageError:
    event = {key: int(events[bad][key]) for key in "xyt"}
    if not (0 <= event["x"] < size[1] and 0 <= event["y"] < size[0]):
        return UsageError(
            f"event {bad} lies outside the sensor",
            why=f"x = {event['x']}, y = {event['y']}, and the sensor has {size[1]} columns and {size[0]} rows",
            next_step="give the sensor's height and width, or crop the events",
        )
    return UsageError(
        f"event {bad} is earlier than the one before it",
        why=f"t = {event['t']} after {int(events[bad - 1]['t'])}",
        next_step="sort them: events[numpy.argsort(events['t'], kind='stable')]",
    )


def _nearest(frames: NDArray[Any], size: tuple[int, int]) -> Frames:
    rows, columns = (np.arange(new) * old // new for new, old in zip(size, frames.shape[2:], strict=True))
    return frames[:, :, rows[:, None], columns]
