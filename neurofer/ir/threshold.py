"""One threshold for two spike conditions: no float32 lies between ``u >= theta`` and ``u > theta`` of its neighbour."""

from __future__ import annotations

import numpy as np

from neurofer.ir.nodes import Array, Coefficient, Compare


def spike_threshold(theta: Coefficient, compare: Compare, reader: Compare) -> Array:
    """Return the float32 threshold at which a runtime that fires at ``reader`` fires as ``compare`` says.

    Exact for every float32 membrane, also where theta itself is no float32.
    """
    exact = np.asarray(theta, dtype=np.float64)
    nearest = exact.astype(np.float32)
    fires = nearest >= exact if compare == ">=" else nearest > exact
    lowest = np.where(fires, nearest, np.nextafter(nearest, np.float32(np.inf)))  # the lowest float32 that fires
    return np.asarray(lowest if reader == ">=" else np.nextafter(lowest, np.float32(-np.inf)))
