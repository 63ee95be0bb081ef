"""Which multiples of a power of two a program's values are, and how large they can get.

If every term of a sum is a multiple of ``g = 2^-k`` and no partial sum exceeds ``2^24 g``, float32 adds without
rounding, so the order of summation, the library and the precision no longer matter. The bounds here hold for every
input of the declared domain over the contract's T steps, so nothing has to be run. They cover sums of the products
``w x`` in any order, also one spike at a time into the membrane; not algorithms that add other terms (FFT, Winograd)
or round the factors (TF32).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from neurofer.ir import Program
from neurofer.ir import nodes as n
from neurofer.ir.dyadic import exponent
from neurofer.passes.lattice_neuron import membrane
from neurofer.passes.lattice_value import MANTISSA, SPIKE, Lattice, extent, unknown, unlike_float32


@dataclass(frozen=True)
class Rows:
    """What the bounds need to know of a layer's weights.

    Attributes:
        positive: sum of the positive weights of each output channel, float64.
        negative: sum of the magnitudes of the negative ones.
        bias: of each output channel; zeros without one.
        exponent: the weights are multiples of ``2^-exponent``.
        bias_exponent: the same for the bias.
    """

    positive: n.Array
    negative: n.Array
    bias: n.Array
    exponent: int
    bias_exponent: int


Layer = n.Linear | n.Conv1d | n.Conv2d


def rows(node: Layer, *, grid: int | None = None) -> Rows:
    """Return the row sums of a layer; with ``grid``, weights and bias are known to be multiples of ``2^-grid``."""
    weight = node.weight.reshape(len(node.weight), -1)
    total = weight.sum(axis=1, dtype=np.float64)
    size = np.abs(weight).sum(axis=1, dtype=np.float64)
    bias = np.zeros(len(weight)) if node.bias is None else node.bias.astype(np.float64)
    powers = (exponent(weight), exponent(bias)) if grid is None else (grid, grid)
    whole = extent(float(size.max()), powers[0]) < 2.0**53
    slack = 0.0 if whole else 2.0**-50 * weight.shape[1] * size  # where float64 rounds these two sums
    return Rows((size + total + slack) / 2, (size - total + slack) / 2, bias, *powers)


def lattices(
    program: Program,
    *,
    known: Mapping[str, Lattice] | None = None,
    only: Iterable[str] | None = None,
    nodes: Mapping[str, n.Node] | None = None,
    sums: Mapping[str, Rows] | None = None,
) -> dict[str, Lattice]:
    """Return what nodes compute; a spiking node's entry is what it compares with its threshold, its output is binary.

    Args:
        program: lowered, so that every sum is a node.
        known: lattices that are already computed and still hold.
        only: names to compute, with what they need; None for all.
        nodes: to take instead of the program's, by name.
        sums: row sums that are already computed, by name.
    """
    work = _Work(program, {**program.nodes, **(nodes or {})}, sums or {}, dict(known or {}))
    for name in program.nodes if only is None else only:
        work.resolve(name, frozenset())
    return work.found


@dataclass
class _Work:
    program: Program
    nodes: Mapping[str, n.Node]
    sums: Mapping[str, Rows]
    found: dict[str, Lattice] = field(default_factory=dict)

    def resolve(self, name: str, path: frozenset[str]) -> None:
        """Fill in ``name`` and what it needs; ``path`` holds what is waiting for it."""
        if name in self.found:
            return
        if name in path:
            self.found[name] = unknown("a value without a threshold feeds itself and may grow without bound")
            return
        node = self.nodes[name]
        terms = []
        for edge in self.program.predecessors(name):
            if n.spikes(self.nodes[edge.source]):
                terms.append(SPIKE)
                continue
            self.resolve(edge.source, path | {name})
            term = self.found[edge.source]
            terms.append(_or_zero(term) if edge.delay else term)
        if isinstance(node, n.Input):
            self.found[name] = _input(node)
            return
        x = _join(terms) if isinstance(node, n.Concat) else _total(terms)
        made = _through(node, x, self.program.contract.steps, self.sums.get(name))
        if made.exponent is not None:
            made = replace(made, units=max(made.units, x.units))
        self.found[name] = made


def _input(node: n.Input) -> Lattice:
    if node.domain.max is None:
        return unknown("the input is analog; give it as integers")
    top = float(node.domain.max)
    return Lattice(0, 0.0, top, top, top)


def _or_zero(x: Lattice) -> Lattice:
    return replace(x, low=min(x.low, 0.0), high=max(x.high, 0.0))


def _total(terms: Sequence[Lattice]) -> Lattice:
    """Return the sum of what enters a node, added in any order."""
    powers = [term.exponent for term in terms if term.exponent is not None]
    if len(powers) < len(terms):
        return unknown(next(term.reason for term in terms if term.exponent is None))
    if len(terms) == 1:
        return replace(terms[0], units=0.0)  # nothing is added here
    size, power = sum(term.size for term in terms), max(powers)
    return Lattice(power, sum(t.low for t in terms), sum(t.high for t in terms), size, extent(size, power))


def _join(terms: Sequence[Lattice]) -> Lattice:
    powers = [term.exponent for term in terms if term.exponent is not None]
    if len(powers) < len(terms):
        return unknown(next(term.reason for term in terms if term.exponent is None))
    low, high = min(term.low for term in terms), max(term.high for term in terms)
    return Lattice(max(powers), low, high, max(term.size for term in terms), 0.0)


def _through(node: n.Node, x: Lattice, steps: int, sums: Rows | None) -> Lattice:
    """Return the lattice of a node's output (of a neuron's membrane) over ``steps`` steps, given its input's."""
    if x.exponent is None:
        return x
    match node:
        case n.Linear() | n.Conv1d() | n.Conv2d():
            return _weighted(rows(node) if sums is None else sums, x, x.exponent)
        case n.SumPool2d():
            return _pooled(x, math.prod(node.kernel), x.exponent)
        case n.AvgPool2d():
            area = math.prod(node.kernel)
            if area & (area - 1):
                return unknown(f"a mean of {area} values is on no grid")
            total = _pooled(x, area, x.exponent)
            low, high = total.low / area, total.high / area
            return Lattice(x.exponent + area.bit_length() - 1, low, high, total.size / area, total.units)
        case n.Scale():
            return _scaled(node, x, x.exponent)
        case n.Neuron():
            return membrane(node, x, steps)
        case n.BatchNorm():
            return unknown("a BatchNorm divides; fold it")
        case n.Relu():
            return replace(x, low=max(x.low, 0.0), high=max(x.high, 0.0), units=0.0)
        case n.Delay():
            return replace(_or_zero(x), units=0.0)
        case n.Threshold():
            return replace(x, units=extent(x.magnitude, x.exponent))
    return replace(x, units=0.0)


def _pooled(x: Lattice, area: int, power: int) -> Lattice:
    size = x.size * area
    return Lattice(power, min(x.low * area, 0.0), max(x.high * area, 0.0), size, extent(size, power))


def _scaled(node: n.Scale, x: Lattice, power: int) -> Lattice:
    factors = np.ravel(np.asarray(node.scale, np.float64))
    bits = exponent(factors)
    if bits > MANTISSA or unlike_float32(factors) is not None:
        return unknown(f"a scale by {factors[np.argmax(factors != np.round(factors))]:.6g} is on no grid")
    products = [float(f) * value for f in (factors.min(), factors.max()) for value in (x.low, x.high)]
    size = float(np.abs(factors).max()) * x.size
    return Lattice(power + bits, min(products), max(products), size, extent(size, power + bits))


def _weighted(layer: Rows, x: Lattice, power: int) -> Lattice:
    """Bounds of ``W x + b`` over all rows; borders of a convolution only leave terms out."""
    low, high = min(x.low, 0.0), max(x.high, 0.0)  # zero padding and missing taps count as zero
    largest = max(-low, high)
    size = float(((layer.positive + layer.negative) * largest + np.abs(layer.bias)).max())
    bottom = float((layer.positive * low - layer.negative * high + layer.bias).min())
    top = float((layer.positive * high - layer.negative * low + layer.bias).max())
    if layer.exponent > _SMALLEST or not math.isfinite(size):
        return unknown("the weights are outside of float32's range")
    grid = max(power + layer.exponent, layer.bias_exponent)
    return Lattice(grid, bottom, top, size, extent(size, grid))


_SMALLEST = 126
"""``2^-126`` is the smallest float32 that no runtime flushes to zero."""
