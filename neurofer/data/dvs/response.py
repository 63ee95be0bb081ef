"""What the photoreceptor makes of light, in natural-log units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LINEAR_UP_TO = 20.0


def respond(light: NDArray[Any], mapping: str = "lin-log") -> NDArray[np.float32]:
    """The response to luma of 0 to 255.

    Args:
        light: luma of any shape and real type; float64 gives no more than float32.
        mapping: `lin-log` is f ln(20) / 20 up to 20 and ln(f) above, rounded to 1e-8 in float64 as in v2e, so that a
            step up and one down again cancel; `log` is ln(f / 255 + 0.001).
    """
    if light.dtype == np.uint8:
        return _TABLES[mapping].take(light)
    return _compute(light.astype(np.float32).astype(np.float64), mapping)


def _compute(f: NDArray[np.float64], mapping: str) -> NDArray[np.float32]:
    if mapping == "log":
        return np.log(f / 255 + 1e-3).astype(np.float32)
    response = np.where(f <= _LINEAR_UP_TO, f * (math.log(_LINEAR_UP_TO) / _LINEAR_UP_TO), np.log(np.maximum(f, 1)))
    return np.divide(np.rint(response * 1e8), 1e8).astype(np.float32)


_TABLES = {name: _compute(np.arange(256.0), name) for name in ("lin-log", "log")}


def relative(light: NDArray[Any]) -> NDArray[np.float64]:
    """The light as a share of the brightest, never zero, so that no time constant is infinite."""
    return (light.astype(np.float64) + 20) / 275


def float32_grid(start: float, end: float, steps: int) -> NDArray[np.float32]:
    """Times as torch.linspace gives them in float32, on which v2e's refractory period decides."""
    first, last = np.float32(start), np.float32(end)
    if steps == 1:
        return np.array([first])
    index = np.arange(steps, dtype=np.float32)
    step = (last - first) / np.float32(steps - 1)
    return np.where(index < steps // 2, first + step * index, last - step * index[::-1])
