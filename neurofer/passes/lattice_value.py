"""A lattice: the multiples of a power of two that a value can be, and its bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

MANTISSA = 24
"""Bits of a float32 mantissa: the integers up to ``2^24`` are exact."""


@dataclass(frozen=True)
class Lattice:
    """What a value can be.

    Attributes:
        exponent: the value is a multiple of ``2^-exponent``; None if it is on no such grid.
        low: smallest value.
        high: largest value.
        size: largest partial sum of its terms, should they be added one by one into a longer sum.
        units: largest partial sum while the value is computed, in units of the grid it is on.
        reason: why there is no grid.
    """

    exponent: int | None
    low: float
    high: float
    size: float
    units: float
    reason: str = ""

    @property
    def magnitude(self) -> float:
        """Largest absolute value."""
        return max(abs(self.low), abs(self.high))


SPIKE = Lattice(0, 0.0, 1.0, 1.0, 1.0)
"""What a spiking node sends."""


def unknown(reason: str) -> Lattice:
    """Return the lattice of a value of which nothing is known."""
    return Lattice(None, -math.inf, math.inf, math.inf, math.inf, reason)


def extent(size: float, power: int) -> float:
    """Return ``size`` in units of ``2^-power``; infinite where float32's exponents do not reach."""
    if not math.isfinite(size) or power > 126 or size >= 2.0**127:
        return math.inf if size else 0.0
    return math.ldexp(size, power)


def unlike_float32(values: Any) -> float | None:
    """Return the first of ``values`` that is no float32 value, None if all are."""
    array = np.ravel(np.asarray(values, np.float64))
    with np.errstate(over="ignore", under="ignore"):
        odd = array[array.astype(np.float32) != array]
    return float(odd[0]) if odd.size else None
