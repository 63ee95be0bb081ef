"""Weights as the kernels in ``kernels/`` read them: one row of outputs per input, in blocks of 64 outputs.

Where a spike arrives, its row is added to the sums of a block of outputs; so a row lies in one piece, and the rows of
a window lie in the order in which the window is read. ``kernels/types.h`` says what the layout is.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 64
"""Outputs that are summed together."""

BY_ROW = 32
"""Windows whose rows hold no more inputs than this are read row by row: their bits fit one word."""

_WORD = 8
"""Narrow rows are a whole number of 64-bit words."""

_BIAS = 128
"""Added to int8 weights: bytes without sign are summed several to a register."""

_FILES = ("types.h", "planes.h", "fire.h", "pool.h", "layer_plain.h")


@dataclass(frozen=True)
class Rows:
    """A packed layer.

    Attributes:
        data: uint8 (weights + 128) or float32, flat.
        by_column: whether the rows of a block are ordered (kx, ky, c) rather than (ky, kx, c).
        last: lanes of the last block, a multiple of 8 up to 64.
    """

    data: NDArray[Any]
    by_column: bool
    last: int


def kernels() -> str:
    """Return the C text of all kernels, in the order in which they need each other."""
    folder = resources.files("neurofer.backends.c") / "kernels"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in _FILES)


def pack(weight: NDArray[Any]) -> Rows:
    """Pack a layer's weights ``[out, in, ky, kx]``, int8 or float32 (a Linear on ``[C, H, W]``: ``ky, kx = H, W``).

    Integer blocks end with a row of zero weights, to which incomplete groups of spikes point.

    Raises:
        TypeError: weights of another type.
    """
    if weight.dtype not in (np.int8, np.float32):
        raise TypeError(f"weights must be int8 or float32, are {weight.dtype}")
    outputs, channels, _, kernel_x = weight.shape
    by_column = channels * kernel_x > BY_ROW
    table = weight.transpose((3, 2, 1, 0) if by_column else (2, 3, 1, 0)).reshape(-1, outputs)
    if weight.dtype == np.int8:
        table = np.concatenate([table, np.zeros((1, outputs), np.int8)])
        table = table.view(np.uint8) ^ np.uint8(_BIAS)
    last = last_lanes(outputs)
    padding = np.full((len(table), -(outputs // -BLOCK) * BLOCK - outputs), _BIAS if table.dtype == np.uint8 else 0)
    padded = np.concatenate([table, padding.astype(table.dtype)], axis=1)
    blocks = [padded[:, start : start + BLOCK] for start in range(0, outputs, BLOCK)]
    blocks[-1] = blocks[-1][:, :last]
    return Rows(np.concatenate([block.ravel() for block in blocks]), by_column, last)


def last_lanes(outputs: int) -> int:
    """Return how many lanes the last block of a layer with so many outputs has: few in flash, no narrow rest."""
    rest = (outputs - 1) % BLOCK + 1
    return BLOCK if rest >= 48 else -(rest // -_WORD) * _WORD


def scratch_words(kernel_y: int, channels: int, width: int, steps: int, terms: int) -> int:
    """Return the 64-bit words of scratch a layer may need in the vector builds; the plain build needs none."""
    del kernel_y, channels, width, steps, terms
    return 0
