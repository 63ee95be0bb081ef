"""Where the values of a node lie: rows of pixels with the channels innermost, whatever shape the program gives them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurofer.ir.nodes import Array, Shape

WORD = 64
"""Bits of a word of a plane."""


@dataclass(frozen=True)
class Layout:
    """A grid ``[height, width, channels]``, channels innermost.

    A node's shape in C order is this grid read as ``[channels, height, width]``; so a Flatten moves nothing.
    """

    channels: int
    height: int = 1
    width: int = 1

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def size(self) -> int:
        """Number of neurons or values."""
        return self.channels * self.pixels

    @property
    def row(self) -> int:
        """Words of a plane's row: bit ``x * channels + c`` in whole words."""
        return math.ceil(self.width * self.channels / WORD)

    @property
    def words(self) -> int:
        """Words of a plane, for one step."""
        return self.height * self.row

    def in_memory(self, values: Any) -> Array:
        """Return values of a node's shape in the order of memory, flat."""
        grid = np.asarray(values).reshape(self.channels, self.height, self.width)
        return grid.transpose(1, 2, 0).ravel()

    def __str__(self) -> str:
        return f"[{self.channels}, {self.height}, {self.width}]" if self.pixels > 1 else f"[{self.channels}]"


def layout_of(shape: Shape) -> Layout:
    """Return the grid of a shape: ``[n]`` is one pixel, ``[C, L]`` one row, further dimensions lengthen the height."""
    channels, *rest = shape or (1,)
    return Layout(channels, math.prod(rest[:-1]), rest[-1]) if rest else Layout(channels)
