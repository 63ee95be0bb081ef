"""Event recordings: a structured array of x, y, t and p in the order of time, as tonic uses."""

from __future__ import annotations

import numpy as np

# t in microseconds; p is true for ON. tonic's datasets and transforms take it as it is.
DTYPE = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.bool_)])

__all__ = ["DTYPE"]
