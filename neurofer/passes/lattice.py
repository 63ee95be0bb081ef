"""Which multiples of a power of two a program's values are, and how large they can get: the proof of exactness.

If every term of a sum is a multiple of ``g = 2^-k`` and no partial sum exceeds ``2^24 g``, float32 adds without
rounding, so the order of summation, the library and the precision no longer matter. The bounds here hold for every
input of the declared domain over the contract's T steps, so nothing has to be run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurofer.ir import Program
from neurofer.ir import nodes as n

MANTISSA = 24
"""Bits of a float32 mantissa: the integers up to ``2^24`` are exact."""


@dataclass(frozen=True)
class Lattice:
    """What a value can be.

    Attributes:
        exponent: the value is a multiple of ``2^-exponent``; None if it is on no such grid.
        low: smallest value.
        high: largest value.
        peak: largest magnitude that a partial sum can have while the value is computed.
        reason: why there is no grid.
    """

    exponent: int | None
    low: float
    high: float
    peak: float
    reason: str = ""

    @property
    def magnitude(self) -> float:
        """Largest absolute value."""
        return max(abs(self.low), abs(self.high))

    @property
    def units(self) -> float | None:
        """The peak in units of the grid."""
        return None if self.exponent is None else float(np.ldexp(self.peak, self.exponent))

    def __add__(self, other: Lattice) -> Lattice:
        exponents = (self.exponent, other.exponent)
        exponent = None if None in exponents else max(e for e in exponents if e is not None)
        peak = max(self.peak, other.peak, self.magnitude + other.magnitude)
        return Lattice(exponent, self.low + other.low, self.high + other.high, peak, self.reason or other.reason)

    def or_(self, other: Lattice) -> Lattice:
        """Return the lattice that holds the values of both."""
        total = self + other
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Lattice(total.exponent, low, high, max(self.peak, other.peak), total.reason)


@dataclass(frozen=True)
class Proof:
    """Whether a node is exact in float32 for every input.

    Attributes:
        node: its name.
        grid: its sums are multiples of this power of two; None if they are on no grid.
        bound: largest partial sum, in units of the grid; None without a grid.
        limit: what the bound must stay below.
        proved: whether it does.
        reason: why not.
    """

    node: str
    grid: float | None
    bound: float | None
    limit: int
    proved: bool
    reason: str = ""


def exponent(values: Any) -> int:
    """Return the smallest k for which all ``values`` are multiples of ``2^-k`` (0 for zeros)."""
    array = np.ravel(np.asarray(values, np.float64))
    array = array[array != 0]
    if not array.size:
        return 0
    mantissa, power = np.frexp(array)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    trailing = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return int((53 - power - trailing).max())


def prove(program: Program, *, limit: int = 2**MANTISSA) -> dict[str, Proof]:
    """Return for every node with sums (synaptic nodes, pools, neurons) whether it is exact in float32, and why not."""
    found = lattices(program)
    proofs = {}
    for name in program.order:
        node = program.nodes[name]
        if not (node.synaptic or isinstance(node, (n.Neuron, n.SumPool2d, n.AvgPool2d, n.Scale))):
            continue
        lattice = found[name]
        units = lattice.units
        reason = lattice.reason
        if units is not None and units >= limit:
            reason = f"a partial sum can reach {units:.4g} units of 2^-{lattice.exponent}, {limit} is the limit"
        grid = None if lattice.exponent is None else float(np.ldexp(1.0, -lattice.exponent))
        proofs[name] = Proof(name, grid, units, limit, not reason, reason)
    return proofs


def lattices(
    program: Program, *, known: Mapping[str, Lattice] | None = None, only: Iterable[str] | None = None
) -> dict[str, Lattice]:
    """Return what nodes compute; a spiking neuron's entry is its membrane, its output is binary.

    Args:
        program: lowered, so that every sum is a node.
        known: lattices that are already computed and still hold.
        only: names to compute, with what they need; None for all.
    """
    found = dict(known or {})
    for name in program.nodes if only is None else only:
        _resolve(program, name, found, frozenset())
    return found


SPIKE = Lattice(0, 0.0, 1.0, 1.0)


def output(program: Program, name: str, found: Mapping[str, Lattice]) -> Lattice:
    """Return the lattice of what leaves ``name``."""
    return SPIKE if n.spikes(program.nodes[name]) else found[name]


def _resolve(program: Program, name: str, found: dict[str, Lattice], path: frozenset[str]) -> None:
    if name in found:
        return
    if name in path:
        why = "a value without a threshold feeds itself and may grow without bound"
        found[name] = Lattice(None, -np.inf, np.inf, np.inf, why)
        return
    terms = []
    for edge in program.predecessors(name):
        if not n.spikes(program.nodes[edge.source]):
            _resolve(program, edge.source, found, path | {name})
        terms.append(output(program, edge.source, found))
    node = program.nodes[name]
    if isinstance(node, n.Input):
        found[name] = _input(node)
        return
    total = terms[0]
    for term in terms[1:]:
        total = total.or_(term) if isinstance(node, n.Concat) else total + term
    found[name] = through(node, total, program.contract.steps)


def _input(node: n.Input) -> Lattice:
    if node.domain.max is None:
        return Lattice(None, -np.inf, np.inf, np.inf, "the input is analog; give it as integers")
    return Lattice(0, 0.0, float(node.domain.max), float(node.domain.max))


def through(node: n.Node, x: Lattice, steps: int) -> Lattice:
    """Return the lattice of a node's output (of a neuron's membrane) over ``steps`` steps, given its input's."""
    match node:
        case n.Linear() | n.Conv1d() | n.Conv2d():
            return _weighted(node, x)
        case n.SumPool2d():
            area = node.kernel[0] * node.kernel[1]
            return Lattice(x.exponent, min(x.low * area, 0), max(x.high * area, 0), x.magnitude * area, x.reason)
        case n.AvgPool2d():
            area = node.kernel[0] * node.kernel[1]
            return _scaled(x, 1.0 / area, f"a mean of {area} values")
        case n.Scale():
            factors = (
                _scaled(x, factor, f"a scale by {factor}") for factor in (np.min(node.scale), np.max(node.scale))
            )
            low, high = factors
            return _regrid(low.or_(high), x, exponent(node.scale))
        case n.Neuron():
            return _membrane(node, x, steps)
        case n.BatchNorm():
            return Lattice(None, -np.inf, np.inf, np.inf, "a BatchNorm divides; fold it")
        case n.Relu():
            return Lattice(x.exponent, max(x.low, 0.0), max(x.high, 0.0), x.peak, x.reason)
        case n.Delay():
            return Lattice(x.exponent, min(x.low, 0.0), max(x.high, 0.0), x.peak, x.reason)
    return x


def _regrid(value: Lattice, x: Lattice, extra: int) -> Lattice:
    grid = None if x.exponent is None else x.exponent + extra
    return Lattice(grid, value.low, value.high, value.peak, value.reason)


def _scaled(x: Lattice, factor: float, what: str) -> Lattice:
    low, high = sorted((x.low * factor, x.high * factor))
    bits = exponent(factor)
    if bits > MANTISSA:
        return Lattice(None, low, high, x.peak, x.reason or f"{what} is on no grid")
    grid = None if x.exponent is None else x.exponent + bits
    return Lattice(grid, low, high, max(x.peak, x.peak * abs(factor)), x.reason)


def _weighted(node: Any, x: Lattice) -> Lattice:
    """Bounds of ``W x + b`` over all rows; borders of a convolution only leave terms out."""
    weight = node.weight.reshape(len(node.weight), -1)
    positive = np.maximum(weight, 0).sum(axis=1, dtype=np.float64)
    negative = np.maximum(-weight, 0).sum(axis=1, dtype=np.float64)
    bias = np.zeros(len(weight)) if node.bias is None else node.bias.astype(np.float64)
    low, high = min(x.low, 0.0), max(x.high, 0.0)  # zero padding and missing taps count as zero
    if not np.isfinite(x.magnitude):
        return Lattice(None, -np.inf, np.inf, np.inf, x.reason)
    peak = float(((positive + negative) * max(-low, high) + np.abs(bias)).max())
    lows, highs = positive * low - negative * high + bias, positive * high - negative * low + bias
    bits = exponent(node.weight)
    if bits > 2 * MANTISSA:
        return Lattice(None, float(lows.min()), float(highs.max()), peak, x.reason or "the weights are on no grid")
    grid = None if x.exponent is None else max(x.exponent + bits, exponent(bias))
    return Lattice(grid, float(lows.min()), float(highs.max()), peak, x.reason)


def _membrane(node: n.Neuron, x: Lattice, steps: int) -> Lattice:
    """Bounds of the membrane over ``steps`` steps: a leak adds its fractional bits at every step."""
    c = {name: np.asarray(value) for name in node.COEFFICIENTS if (value := getattr(node, name)) is not None}
    if not np.isfinite(x.magnitude):
        return Lattice(None, -np.inf, np.inf, np.inf, x.reason)
    bits = {name: exponent(value) for name, value in c.items()}
    leaks = [name for name in ("alpha_mem", "alpha_syn", "gain", "w_in") if bits.get(name, 0) > MANTISSA]
    reason = x.reason or (f"{leaks[0]} = {np.ravel(c[leaks[0]])[0]:.6g} is not dyadic" if leaks else "")
    state = _State(
        float(c["v_init"].min()), float(c["v_init"].max()), float(c["i_init"].min()), float(c["i_init"].max())
    )
    grid_v, grid_i = bits["v_init"], bits["i_init"]
    low, high, peak, grid = np.inf, -np.inf, x.peak, 0
    for _ in range(steps):
        i, grid_i = _current(c, bits, x, state, grid_i)
        u_low, u_high, size = _charge(c, state, i)
        grid = max(bits["alpha_mem"] + grid_v, bits["gain"] + grid_i, bits["offset"])
        low, high, peak = min(low, u_low), max(high, u_high), max(peak, size)
        state, grid_v = _reset(node, c, u_low, u_high, i), max(grid, bits.get("delta", 0), bits["v_reset"])
        if "delta" in c:
            peak = max(peak, max(abs(u_low), abs(u_high)) + float(np.abs(c["delta"]).max()))
        if grid > 1000:
            break
    unknown = x.exponent is None or bool(reason)
    return Lattice(None if unknown else grid, low, high, peak, reason)


Pair = tuple[float, float]


@dataclass(frozen=True)
class _State:
    v_low: float
    v_high: float
    i_low: float
    i_high: float


def _product(factor: n.Array, low: float, high: float) -> Pair:
    products = [float(f) * value for f in (factor.min(), factor.max()) for value in (low, high)]
    return min(products), max(products)


def _current(
    c: Mapping[str, n.Array], bits: Mapping[str, int], x: Lattice, state: _State, grid: int
) -> tuple[Pair, int]:
    x_grid = 0 if x.exponent is None else x.exponent
    if "alpha_syn" not in c:
        return (x.low, x.high), x_grid
    old, new = _product(c["alpha_syn"], state.i_low, state.i_high), _product(c["w_in"], x.low, x.high)
    return (old[0] + new[0], old[1] + new[1]), max(bits["alpha_syn"] + grid, bits["w_in"] + x_grid)


def _charge(c: Mapping[str, n.Array], state: _State, i: Pair) -> tuple[float, float, float]:
    """Return the bounds of ``u`` and of every sum on the way, however a runtime writes the leak.

    ``alpha v + gain i`` and ``v + leak (i' - v)`` with ``i' = gain / leak i`` are the same; the second adds larger
    terms.
    """
    leaked, driven = _product(c["alpha_mem"], state.v_low, state.v_high), _product(c["gain"], *i)
    offset = _product(c["offset"], 1.0, 1.0)
    v, current = max(abs(state.v_low), abs(state.v_high)), max(abs(i[0]), abs(i[1]))
    leak = np.abs(1.0 - c["alpha_mem"])
    wide = float((np.abs(c["gain"]) / np.where(leak > 0, leak, 1.0)).max())
    size = v + current * max(1.0, wide) + max(map(abs, offset)) * max(1.0, wide)
    return leaked[0] + driven[0] + offset[0], leaked[1] + driven[1] + offset[1], size


def _reset(node: n.Neuron, c: Mapping[str, n.Array], low: float, high: float, i: Pair) -> _State:
    if node.theta is None or high < float(c["theta"].min()):
        return _State(low, high, *i)
    theta_low, theta_high = float(c["theta"].min()), float(c["theta"].max())
    stays = min(high, theta_high)
    if node.reset == "hard":
        v_reset = (float(c["v_reset"].min()), float(c["v_reset"].max()))
        return _State(min(low, v_reset[0]), max(stays, v_reset[1]), *i)
    delta = (float(c["delta"].min()), float(c["delta"].max()))
    return _State(min(low, theta_low - delta[1]), max(stays, high - delta[0]), *i)
