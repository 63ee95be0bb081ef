"""Stateless nodes as sparse matrices, for simulators that know connections between neurons and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array, Shape


class TooLargeError(ValueError):
    """A matrix with more entries than allowed."""


@dataclass(frozen=True)
class Sparse:
    """A matrix as its entries: ``values[k]`` at (``rows[k]``, ``cols[k]``), no place twice; float64."""

    rows: Array
    cols: Array
    values: Array

    @classmethod
    def identity(cls, size: int) -> Sparse:
        """Return the identity on ``size`` values."""
        return cls(np.arange(size), np.arange(size), np.ones(size))

    @classmethod
    def merged(cls, rows: Array, cols: Array, values: Array) -> Sparse:
        """Return the matrix of these entries: those of one place are summed, zeros are left out."""
        order = np.lexsort((cols, rows))
        rows, cols, values = rows[order], cols[order], values[order]
        if not len(rows):
            return cls(rows, cols, values)
        first = np.flatnonzero(np.r_[True, (np.diff(rows) != 0) | (np.diff(cols) != 0)])
        sums = np.add.reduceat(values, first)
        kept = sums != 0
        return cls(rows[first][kept], cols[first][kept], sums[kept])

    def __add__(self, other: Sparse) -> Sparse:
        pairs = zip((self.rows, self.cols, self.values), (other.rows, other.cols, other.values), strict=True)
        return Sparse.merged(*(np.concatenate(pair) for pair in pairs))

    def after(self, first: Sparse, limit: int) -> Sparse:
        """Return the matrix product ``self @ first``.

        Raises:
            TooLargeError: it would take more than ``limit`` products.
        """
        order = np.argsort(first.rows, kind="stable")
        rows = first.rows[order]
        low, high = np.searchsorted(rows, self.cols), np.searchsorted(rows, self.cols, side="right")
        counts = high - low
        total = int(counts.sum())
        _check(total, limit)
        mine = np.repeat(np.arange(len(self.cols)), counts)
        within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        theirs = order[np.repeat(low, counts) + within]
        return Sparse.merged(self.rows[mine], first.cols[theirs], self.values[mine] * first.values[theirs])

    def moved(self, places: Array) -> Sparse:
        """Return the matrix whose row k stands at ``places[k]``."""
        return Sparse(places[self.rows], self.cols, self.values)


def _check(entries: int, limit: int) -> None:
    if entries > limit:
        raise TooLargeError(f"{entries:,} connections are more than the {limit:,} allowed")


def matrix(node: n.Node, shape: Shape, limit: int) -> Sparse:
    """Return the linear part of a stateless node for an input of ``shape``, both flat in C order.

    Raises:
        TooLargeError: it would have more than ``limit`` entries.
        TypeError: the node is not linear.
    """
    match node:
        case n.Linear():
            _check(node.weight.size, limit)
            rows, cols = np.nonzero(node.weight)
            return Sparse(rows, cols, node.weight[rows, cols].astype(np.float64))
        case n.Conv1d() | n.Conv2d():
            return _convolution(node, shape, limit)
        case n.SumPool2d() | n.AvgPool2d():
            return _pool(node, shape, limit)
        case n.Scale():
            scale = np.broadcast_to(np.asarray(node.scale, np.float64), shape).ravel()
            size = np.arange(len(scale))
            return Sparse.merged(size, size, scale)
        case n.Flatten() | n.Dropout() | n.Output():
            return Sparse.identity(math.prod(shape))
    raise TypeError(f"{type(node).__name__} is not linear")


def _places(shape: Shape, pads: Sequence[n.Pair], reach: Sequence[int], strides: Sequence[int]) -> Array:
    """Return for every window the flat places it covers, ``[C, *size, *reach]``; -1 in the padding."""
    padded = np.pad(np.arange(math.prod(shape)).reshape(shape), ((0, 0), *pads), constant_values=-1)
    windows = sliding_window_view(padded, tuple(reach), axis=tuple(range(1, len(shape))))
    return windows[(slice(None), *(slice(None, None, s) for s in strides))]


def _convolution(node: n.Conv1d | n.Conv2d, shape: Shape, limit: int) -> Sparse:
    out = node.output_shape(shape)
    positions, per_output = math.prod(out[1:]), math.prod(node.weight.shape[1:])
    _check(math.prod(out) * per_output, limit)
    reach = [d * (k - 1) + 1 for d, k in zip(node.dilation, node.kernel, strict=True)]
    windows = _places(shape, node.pads, reach, node.stride)
    windows = windows[(slice(None),) * (1 + node.rank) + tuple(slice(None, None, d) for d in node.dilation)]
    # [C, *size, *kernel] -> [groups, positions, C / groups * kernel]
    by_group = windows.reshape(node.groups, shape[0] // node.groups, positions, -1)
    by_group = by_group.transpose(0, 2, 1, 3).reshape(node.groups, 1, positions, per_output)
    per_group = len(node.weight) // node.groups
    full = (node.groups, per_group, positions, per_output)
    cols = np.broadcast_to(by_group, full).ravel()
    weight = node.weight.astype(np.float64).reshape(node.groups, per_group, 1, per_output)
    values = np.broadcast_to(weight, full).ravel()
    rows = np.repeat(np.arange(math.prod(out)), per_output)
    kept = (cols >= 0) & (values != 0)
    return Sparse(rows[kept], cols[kept], values[kept])


def _pool(node: n.SumPool2d | n.AvgPool2d, shape: Shape, limit: int) -> Sparse:
    area = math.prod(node.kernel)
    _check(math.prod(node.output_shape(shape)) * area, limit)
    cols = _places(shape, [(p, p) for p in node.padding], node.kernel, node.strides).ravel()
    rows = np.repeat(np.arange(cols.size // area), area)
    kept = cols >= 0
    value = 1.0 / area if isinstance(node, n.AvgPool2d) else 1.0
    return Sparse(rows[kept], cols[kept], np.full(int(kept.sum()), value))
