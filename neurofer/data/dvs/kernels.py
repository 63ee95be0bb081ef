"""The compiled inner loops of the DVS model. Imported only where the model runs: importing it needs numba."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.kernel import compiled


class Sensor(NamedTuple):
    """All pixels row by row.

    Attributes:
        base: the response each pixel compares with, float32 (float64 behind a lowpass).
        on: thresholds, float32.
        off: thresholds, float32.
        memory: seconds of the last event that a refractory period saw.
        counts: events due, negative for OFF; zero between two frames.
        active: room for a list of pixels.
        width: pixels per row.
    """

    base: NDArray[np.floating[Any]]
    on: NDArray[np.float32]
    off: NDArray[np.float32]
    memory: NDArray[np.floating[Any]]
    counts: NDArray[np.int32]
    active: NDArray[np.int32]
    width: int


def _quotient(a: Any, b: Any) -> Any:
    # The floor of a / b as torch.floor_divide and numpy.floor_divide define it: floor(a / b) differs in rare pixels.
    q = (a - a % b) / b
    whole = math.floor(q)
    return np.int32(whole + 1 if q - whole > 0.5 else whole)


quotient = compiled(_quotient)


def _compare(sensor: Any, photo: Any) -> Any:
    # Counts the events due and lists the pixels that have any; returns how many those are, the largest count of one
    # pixel, and all events.
    listed = 0
    most = 0
    total = 0
    for i in range(photo.size):
        change = photo[i] - sensor.base[i]
        if change >= sensor.on[i]:
            n = quotient(change, sensor.on[i])
            sensor.counts[i] = n
        elif -change >= sensor.off[i]:
            n = quotient(-change, sensor.off[i])
            sensor.counts[i] = -n
        else:
            continue
        sensor.active[listed] = i
        listed += 1
        most = max(most, n)
        total += n
    return listed, most, total


compare = compiled(_compare)


def _settle(sensor: Any, pixel: Any, n: Any) -> None:
    # One product and one sum per pixel and frame, as in v2e, whatever the number of events.
    if n > 0:
        sensor.base[pixel] += np.float32(n) * sensor.on[pixel]
    elif n < 0:
        sensor.base[pixel] -= np.float32(-n) * sensor.off[pixel]
    sensor.counts[pixel] = 0


settle = compiled(_settle)


def _write(sensor: Any, pixel: Any, stamp: Any, event: Any) -> None:
    event.x = pixel % sensor.width
    event.y = pixel // sensor.width
    event.t = stamp
    event.p = sensor.counts[pixel] > 0


write = compiled(_write)


def _emit_steps(sensor: Any, listed: Any, stamps: Any, state: Any, out: Any) -> Any:
    # Writes the events step by step, the pixels of one step in random order as v2e does.
    active = sensor.active
    written = 0
    for step in range(stamps.size + 1):
        kept = 0
        for j in range(listed):
            pixel = active[j]
            if abs(sensor.counts[pixel]) > step:
                # Fisher-Yates while the list shrinks; the draw from [0, kept] is xorshift64's upper half, scaled.
                state ^= state << np.uint64(13)
                state ^= state >> np.uint64(7)
                state ^= state << np.uint64(17)
                place = np.int64(((state >> np.uint64(32)) * np.uint64(kept + 1)) >> np.uint64(32))
                active[kept] = active[place]
                active[place] = pixel
                kept += 1
            else:
                settle(sensor, pixel, sensor.counts[pixel])
        listed = kept
        for j in range(listed):
            write(sensor, active[j], stamps[step], out[written])
            written += 1
    return written


emit_steps = compiled(_emit_steps)


def _emit_rested(sensor: Any, listed: Any, stamps: Any, seconds: Any, refractory: Any, out: Any) -> Any:
    # The same pixel by pixel, with a refractory period longer than a step; what it suppresses is not settled and comes
    # back with the next frame.
    written = 0
    for j in range(listed):
        pixel = sensor.active[j]
        n = sensor.counts[pixel]
        fired = 0
        for step in range(abs(n)):
            if seconds[step] - sensor.memory[pixel] > refractory:
                sensor.memory[pixel] = seconds[step]
                write(sensor, pixel, stamps[step], out[written])
                fired += 1
                written += 1
        settle(sensor, pixel, fired if n > 0 else -fired)
    return written


emit_rested = compiled(_emit_rested)


def _emit_crossings(sensor: Any, listed: Any, start: Any, end: Any, span: Any, refractory: Any, out: Any) -> Any:
    # Event k of a pixel stands where the line from start to end, both differences to the base, reaches k thresholds.
    # As in ESIM, a crossing within the refractory period gives no event but moves the reference.
    written = 0
    for j in range(listed):
        pixel = sensor.active[j]
        n = sensor.counts[pixel]
        threshold = np.float64(sensor.on[pixel]) if n > 0 else -np.float64(sensor.off[pixel])
        rise = end[pixel] - start[pixel]
        for k in range(1, abs(n) + 1):
            part = (k * threshold - start[pixel]) / rise if rise * threshold > 0 else 1.0
            t = span[0] + (span[1] - span[0]) * min(max(part, 0.0), 1.0)
            if refractory > 0:
                if t - sensor.memory[pixel] < refractory:
                    continue
                sensor.memory[pixel] = t
            write(sensor, pixel, np.int64(np.rint(t * 1e6)), out[written])
            written += 1
        settle(sensor, pixel, n)
    return written


emit_crossings = compiled(_emit_crossings)
