"""One threshold for two spike conditions: ``u >= theta`` and ``u > theta'`` with theta' the float32 just below theta."""

from __future__ import annotations

import numpy as np

from neurofer.ir.nodes import Array, Coefficient, Compare


def spike_threshold(theta: Coefficient, compare: Compare, reader: Compare) -> Array:
    """Return the float32 threshold at which a runtime that fires at ``reader`` fires as ``compare`` says.

    Exact for every float32 membrane, because no float32 lies between the two thresholds.
    """
    value = np.asarray(theta, dtype=np.float32)
    if compare == reader:
        return value
    return np.asarray(np.nextafter(value, np.float32(-np.inf if reader == ">" else np.inf)))
