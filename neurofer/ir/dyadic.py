"""Dyadic numbers: whole multiples of a power of two, which binary floating point holds and adds exactly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def exponent(values: Any) -> int:
    """Return the smallest k for which all ``values`` are multiples of ``2^-k`` (0 for zeros); large where none is."""
    array = np.ravel(np.asarray(values))
    largest = float(np.abs(array).max(initial=0.0))
    if largest == 0.0 or not math.isfinite(largest):
        return 0 if largest == 0.0 else 2000
    shift = 62 - math.frexp(largest)[1]
    scaled = np.ldexp(array.astype(np.float64), shift)
    whole = scaled.astype(np.int64)
    if np.array_equal(whole, scaled):  # all bits of all values are here: the lowest one that any has
        common = int(np.bitwise_or.reduce(whole))
        return shift - ((common & -common).bit_length() - 1)
    mantissa, power = np.frexp(array[array != 0].astype(np.float64))
    digits = np.ldexp(mantissa, 53).astype(np.int64)
    trailing = np.frexp((digits & -digits).astype(np.float64))[1] - 1
    return int((53 - power - trailing).max())
