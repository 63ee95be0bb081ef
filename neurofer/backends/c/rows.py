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

_PLAIN = ("types.h", "planes.h", "fire.h", "pool.h", "layer_plain.h")
_VECTOR = (
    "simd_floats.h",
    "threads.h",
    "job.h",
    "lists.h",
    "tiles.h",
    "layer_events.h",
    "layer_tables.h",
    "layer_floats.h",
)
"""Files in the order in which they need each other; those of the vector builds stand behind ``#if``."""

_TABLE_BITS, _TABLE_INPUTS = 7, 256
"""Of ``layer_tables.h``: inputs in a group, most inputs of a window."""

_DENSE_BYTES = 1 << 18
"""Of ``layer_dense.h``: bytes of a tile's inputs."""

_GROUPS, _CODES, _PLACES, _CODE_BYTES, _LOOKUP_TABLES = 11, 64, 384, 1 << 17, 1 << 20
"""Of ``layer_lookup.h``: groups of a word's 64 inputs, a group's combinations, places looked up at once, bytes of a
tile's codes, and the most of tables."""

_LOOKUP_SHARE, _LOOKUP_FILL = 28, 200
"""Of ``layer_lookup.h``: spikes for each 100 inputs, and places as whose look-up the filling of tables counts."""

_TILE, _SAMPLE_TILE, _STEPS, _AHEAD = 96 * 1024, 256 * 1024, 64, 256
"""Of ``tiles.h``: entries at which a tile of rows or of samples ends, and steps of several samples that fit one; of
``order.h``: entries that are read ahead."""


@dataclass(frozen=True)
class Rows:
    """A packed layer.

    Attributes:
        data: uint8 (weights + 128) or float32, flat.
        by_column: whether the rows of a block are ordered (kx, ky, c) rather than (ky, kx, c).
        last: lanes of the last block, a multiple of 8 up to 64.
        largest: magnitude that no sum of integer weights over one plane of spikes exceeds.
    """

    data: NDArray[Any]
    by_column: bool
    last: int
    largest: int = 0


@dataclass(frozen=True)
class Window:
    """The sizes of a layer that its room to work in depends on; pairs are (y, x)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]
    dilation: tuple[int, int]
    channels: int
    read: tuple[int, int]
    out: tuple[int, int]


def kernels(*, small: bool = False) -> str:
    """Return the C text of all kernels, in the order in which they need each other.

    Args:
        small: those for cores without vectors alone; they need no scratch.
    """
    plain = ["#if !NF_BYTES", _text("layer_small.h"), "#endif", _text("layer.h")]
    if small:
        return "\n".join(["#define NEUROFER_PLAIN", *map(_text, _PLAIN), *plain])
    vector = [_text("order.h"), "#if NF_BYTES == 64", _text("simd_avx512.h"), "#else"]
    vector += [_positions(), _text("simd_vector.h"), "#endif"]
    busy = ["#if NF_BYTES == 64", _text("layer_lookup.h"), _text("layer_dense.h"), "#endif"]
    parts = [*map(_text, _PLAIN), "#if NF_BYTES", *vector, *map(_text, _VECTOR), *busy, "#endif", *plain]
    return "\n".join(parts)


def _positions() -> str:
    """Return the table from which a byte of spikes is decoded: 8 times the numbers of its set bits, 16 bits each."""
    lines = []
    for byte in range(256):
        places = [8 * bit for bit in range(8) if byte >> bit & 1]
        low, high = (sum(place << 16 * i for i, place in enumerate(part)) for part in (places[:4], places[4:]))
        lines.append(f"    {{0x{low:016x}u, 0x{high:016x}u}},")
    return "\n".join(["static const uint64_t nf_positions[256][2] = {", *lines, "};", ""])


def _text(name: str) -> str:
    return (resources.files("neurofer.backends.c") / "kernels" / name).read_text(encoding="utf-8")


def pack(weight: NDArray[Any], *, by_row: bool = False) -> Rows:
    """Pack a layer's weights ``[out, in, ky, kx]``, int8 or float32 (a Linear on ``[C, H, W]``: ``ky, kx = H, W``).

    Integer blocks end with a row of zero weights, to which incomplete groups of spikes point.

    Args:
        weight: the weights.
        by_row: for kernels that read windows row by row: of values, and on cores without vectors.

    Raises:
        TypeError: weights of another type.
    """
    if weight.dtype not in (np.int8, np.float32):
        raise TypeError(f"weights must be int8 or float32, are {weight.dtype}")
    outputs, channels, kernel_y, kernel_x = weight.shape
    by_column = weight.dtype == np.float32 or not (by_row or _tabulated(channels, kernel_y, kernel_x))
    table = weight.transpose((3, 2, 1, 0) if by_column else (2, 3, 1, 0)).reshape(-1, outputs)
    if weight.dtype == np.int8:
        table = np.concatenate([table, np.zeros((1, outputs), np.int8)])
        table = table.view(np.uint8) ^ np.uint8(_BIAS)
    last = last_lanes(outputs)
    padding = np.full((len(table), -(outputs // -BLOCK) * BLOCK - outputs), _BIAS if table.dtype == np.uint8 else 0)
    padded = np.concatenate([table, padding.astype(table.dtype)], axis=1)
    blocks = [padded[:, start : start + BLOCK] for start in range(0, outputs, BLOCK)]
    blocks[-1] = blocks[-1][:, :last]
    behind = np.zeros(BLOCK, padded.dtype)  # whole registers are read also of narrow rows
    data = np.concatenate([*(block.ravel() for block in blocks), behind])
    return Rows(data, by_column, last, _largest(weight) if weight.dtype == np.int8 else 0)


def _largest(weight: NDArray[np.int8]) -> int:
    """Return the largest magnitude of a sum of some of an output's weights."""
    flat, zero = weight.reshape(len(weight), -1), np.int8(0)
    highest = np.maximum(flat, zero).sum(axis=1, dtype=np.int64).max()
    return int(max(highest, -np.minimum(flat, zero).sum(axis=1, dtype=np.int64).min()))


def last_lanes(outputs: int) -> int:
    """Return how many lanes the last block of a layer with so many outputs has: few in flash, no narrow rest."""
    rest = (outputs - 1) % BLOCK + 1
    return BLOCK if rest >= 48 else -(rest // -_WORD) * _WORD


def _tabulated(channels: int, kernel_y: int, kernel_x: int) -> bool:
    """Whether windows are looked up in tables, row by row."""
    return channels * kernel_x <= BY_ROW and channels * kernel_x * kernel_y <= _TABLE_INPUTS


def scratch_words(window: Window, steps: int, terms: int, *, floats: bool = False) -> int:
    """Return how many 64-bit words of scratch a layer needs in the vector builds; the plain build needs none."""
    (kernel_y, kernel_x), (height, width) = window.kernel, window.out
    inputs = window.channels * kernel_x
    if _tabulated(window.channels, *window.kernel) and not floats:
        groups = -(inputs // -_TABLE_BITS)
        tables = kernel_y * groups * ((1 << -(inputs // -groups)) + 5) * 16
        reach = max((width - 1) * window.stride[1] + kernel_x, window.pad[1] + window.read[1])
        rows = (height - 1) * window.stride[0] + (kernel_y - 1) * window.dilation[0] + 1
        return tables + steps * terms * rows * (-(reach * window.channels // -64) + 2)
    bands, most = (max(steps, _STEPS), _SAMPLE_TILE) if height * width == 1 else (height * steps, _TILE)
    starts = bands * (window.read[1] + 1)
    band = terms * kernel_y * window.channels * window.read[1]
    lists = -(starts // -2) - (min(bands * band, most + steps * band) + BLOCK + _AHEAD) // -4
    return lists if floats else max(lists, _dense_words(window, steps), lists + _lookup_words(window, steps))


def _lookup_words(window: Window, steps: int) -> int:
    """Return what ``layer_lookup.h`` needs beside lists: tables, sums, a tile's codes; 0 if it cannot be used."""
    words, (stride_y, stride_x) = window.channels // 64, window.stride
    reach_y, reach_x = (
        (kernel - 1) * dilation // stride
        for kernel, dilation, stride in zip(window.kernel, window.dilation, window.stride, strict=True)
    )
    tables = window.kernel[0] * window.kernel[1] * words * _GROUPS * BLOCK * _CODES // 4
    places = window.out[0] * window.out[1] * steps
    paid = 100 * places > _LOOKUP_SHARE * (places + _LOOKUP_FILL)
    if window.channels % 64 or tables * 8 > _LOOKUP_TABLES or steps > _PLACES or not paid:
        return 0
    row = (window.out[1] + reach_x) * steps
    groups = words * _GROUPS * stride_y * stride_x
    rows = min(window.out[0], _CODE_BYTES // (2 * groups * row) - reach_y)
    if rows < 1:
        return 0
    places = (((rows + reach_y + 1) * row + _PLACES + 31) // 32 | 1) * 32
    taps = -(window.kernel[0] * window.kernel[1] // -16) * 8
    return tables + _PLACES * (16 + BLOCK) // 4 + groups * places // 4 + -(row // -8) * 8 + taps


def value_words(window: Window, steps: int) -> int:
    """Return how many words of scratch ``layer_values.h`` needs, at most, where values differ in so many steps.

    They hold the weights of a block, and what a row of outputs reads.
    """
    run = window.channels * window.kernel[1]
    row = (window.out[1] - 1) * window.stride[1] * window.channels + run
    return window.kernel[0] * (-(run // -2) * BLOCK // 2 + steps * (row + 4) // 4)


def _dense_words(window: Window, steps: int) -> int:
    """Return the same of ``layer_dense.h``: the weights of a block, and the inputs of a tile as bytes."""
    reach = [(kernel - 1) * dilation + 1 for kernel, dilation in zip(window.kernel, window.dilation, strict=True)]
    whole = [(n - 1) * stride + r for n, stride, r in zip(window.out, window.stride, reach, strict=True)]
    row = whole[1] * window.channels * steps
    height = max(reach[0], min(_DENSE_BYTES // row, whole[0]))
    at_once = 4 if steps % 4 == 0 and steps % 6 else 6
    inputs = height * row // steps * -(steps // -at_once) * at_once
    return (inputs + window.kernel[0] * window.kernel[1] * window.channels * BLOCK) // 8
