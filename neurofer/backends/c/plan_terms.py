"""Layers and poolings as terms of a stage: their windows, and their weights in the numbers of the stage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from neurofer.backends.c.plan_arithmetic import Arithmetic
from neurofer.backends.c.plan_layout import Layout
from neurofer.backends.c.plan_stages import Constant, Source, Term, Type, Window
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array

Layer = n.Linear | n.Conv1d | n.Conv2d
Pool = n.SumPool2d | n.AvgPool2d | n.MaxPool2d

_NUMPY: Mapping[str, type] = {"i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64}


def added(source: Source, number: Arithmetic, drive: int, node: str = "") -> Term:
    """Return the values of ``source`` themselves as a term of a drive in units of ``2^-drive``."""
    unit = 1 if number.number == "f32" else 2 ** (drive - source.buffer.exponent)
    return Term(node, "add", source, Window(), None, unit)


def pooled(name: str, node: Pool, sources: Sequence[Source], number: Arithmetic, drive: int) -> list[Term]:
    """Return a sum over windows as terms; an AvgPool2d in integers has its divisor in the unit."""
    if number.number == "f32":
        return [Term(name, "pool", source, pool_window(node)) for source in sources]
    area = math.prod(node.kernel) if isinstance(node, n.AvgPool2d) else 1
    units = [2 ** (drive - source.buffer.exponent) // area for source in sources]
    return [Term(name, "pool", s, pool_window(node), None, unit) for s, unit in zip(sources, units, strict=True)]


def weighted(
    name: str, node: Layer, sources: Sequence[Source], grid: Layout, number: Arithmetic, drive: int
) -> list[Term]:
    """Return a layer as terms, one for each source; they share its weights.

    Args:
        name: the layer's.
        node: the layer.
        sources: of one exponent, in the grid ``grid``.
        grid: what a Linear reads as one window.
        number: of the sums.
        drive: the sums count units of ``2^-drive``.
    """
    power = drive - max(source.buffer.exponent for source in sources) if number.number != "f32" else 0
    window, weight = _kernel(node, grid)
    packed = _packed(f"{name}.weight", weight, number, power)
    return [Term(name, "conv", source, window, packed) for source in sources]


def bias(name: str, values: Array, number: Arithmetic, drive: int) -> Constant | None:
    """Return the bias per channel in units of ``2^-drive``, None where it is zero."""
    if not np.any(values):
        return None
    if number.number == "f32":
        return Constant(name, values.astype(np.float32), "f32")
    return Constant(name, np.ldexp(values.astype(np.float64), drive).astype(_NUMPY[number.number]), number.number)


def pool_window(node: Pool) -> Window:
    """Return how a pooling moves."""
    return Window(node.kernel, node.strides, node.padding)


def _kernel(node: Layer, grid: Layout) -> tuple[Window, Array]:
    """Return how a layer moves, and its weights ``[group, out, in, y, x]``."""
    outputs = len(node.weight)
    match node:
        case n.Linear():
            window = Window((grid.height, grid.width), outputs=outputs)
            return window, node.weight.reshape(1, outputs, grid.channels, grid.height, grid.width)
        case n.Conv1d():
            (kernel,), (stride,), (dilation,), ((pad, _),) = node.kernel, node.stride, node.dilation, node.pads
            window = Window((1, kernel), (1, stride), (0, pad), (1, dilation), node.groups, outputs)
        case n.Conv2d():
            (high, wide), (down, right), (apart_y, apart_x) = node.kernel, node.stride, node.dilation
            (top, _), (left, _) = node.pads
            window = Window((high, wide), (down, right), (top, left), (apart_y, apart_x), node.groups, outputs)
    shape = (node.groups, outputs // node.groups, node.weight.shape[1], *window.kernel)
    return window, node.weight.reshape(shape)


def _packed(name: str, weight: Array, number: Arithmetic, power: int) -> Constant:
    """Return weights ``[group, out, in, y, x]`` as ``[group, y, x, in, out]`` in units of ``2^-power``."""
    rows = np.ascontiguousarray(weight.transpose(0, 3, 4, 2, 1))
    if number.number == "f32":
        return Constant(name, rows.astype(np.float32), "f32")
    whole = np.ldexp(rows, power) if rows.dtype == np.float64 else np.ldexp(rows.astype(np.float64), power)
    low, high = float(whole.min(initial=0.0)), float(whole.max(initial=0.0))
    bits = next(bits for bits in (8, 16, 32) if -(2.0 ** (bits - 1)) <= low and high < 2.0 ** (bits - 1))
    kind: Type = "i8" if bits == 8 else "i16" if bits == 16 else "i32"
    return Constant(name, whole.astype(_NUMPY[kind]), kind)
