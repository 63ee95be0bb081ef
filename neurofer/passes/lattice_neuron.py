"""Bounds of a neuron's membrane over all steps, however a runtime writes its update.

These ways of writing the same update are covered, with their terms in any order, and reset in the same step or at the
start of the next::

    alpha v + gain i + offset                      v + gain i - leak v + offset            leak = 1 - alpha
    v + leak (i' - v + v_leak)                     i' = gain / leak i, v_leak = offset / leak (NIR's form)
    v - leak (v - v_reset) + gain i
    (1 - s) u + s v_reset,  u - s (u - v_reset),  u - s delta

A leak multiplies by a fraction and so adds its bits to the grid at every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurofer.ir import nodes as n
from neurofer.ir.dyadic import exponent
from neurofer.passes.lattice_value import MANTISSA, Lattice, extent, unknown, unlike_float32

Coefficients = Mapping[str, n.Array]


def membrane(node: n.Neuron, x: Lattice, steps: int) -> Lattice:
    """Return the lattice of the membrane ``u`` of ``node`` over ``steps`` steps, given that of its input."""
    c = _coefficients(node)
    reason = _reason(c)
    if x.exponent is None or reason:
        return unknown(x.reason or reason)
    bits = {name: exponent(value) for name, value in c.items()}
    state = _State((_low(c["v_init"]), _high(c["v_init"])), (_low(c["i_init"]), _high(c["i_init"])), 0.0)
    grid_v, grid_i, units = bits["v_init"], bits["i_init"], x.units
    low, high = np.inf, -np.inf
    for _ in range(steps):
        current, grid_i, found = _synapse(c, bits, x, x.exponent, state, grid_i)
        u, grid_u, charged = _charge(c, bits, current, state, (grid_v, grid_i))
        state, grid_v, reset = _reset(node, c, u, current.value, max(grid_u, bits.get("delta", 0), bits["v_reset"]))
        low, high, units = min(low, u[0]), max(high, u[1]), max(units, found, charged, reset)
        if not np.isfinite(units):
            return unknown(f"its values leave float32's range: the leak adds bits at each of {steps} steps")
    size = max(abs(low), abs(high))
    return Lattice(grid_u, low, high, size, units)


def _coefficients(node: n.Neuron) -> dict[str, n.Array]:
    """Return the coefficients, and those of the form ``v + leak (i' - v + v_leak)``."""
    names = [name for name in node.COEFFICIENTS if name != "theta" and getattr(node, name) is not None]
    c = {name: np.asarray(getattr(node, name), np.float64) for name in names}
    for alpha, factor, scaled in (("alpha_mem", "gain", "drive"), ("alpha_syn", "w_in", "drive_syn")):
        if alpha in c:
            leak = 1.0 - c[alpha]
            divisor = np.where(leak == 0, 1.0, leak)
            c[scaled] = np.where(leak == 0, 0.0, c[factor] / divisor)
            if alpha == "alpha_mem":
                c["v_leak"] = np.where(leak == 0, 0.0, c["offset"] / divisor)
    return c


_WORDS = {
    "drive": "gain / (1 - alpha_mem)",
    "v_leak": "offset / (1 - alpha_mem)",
    "drive_syn": "w_in / (1 - alpha_syn)",
}


def _reason(c: Coefficients) -> str:
    for name, value in c.items():
        odd = unlike_float32(value)
        if odd is None and exponent(value) > MANTISSA:
            odd = float(np.ravel(value)[0])
        if odd is not None:
            return f"{_WORDS.get(name, name)} = {odd:.6g} is not dyadic"
    return ""


Pair = tuple[float, float]


@dataclass(frozen=True)
class _State:
    """Bounds of ``v``, of ``i``, and the magnitude of the last ``u``, for runtimes that reset a step later."""

    v: Pair
    i: Pair
    u: float


@dataclass(frozen=True)
class _Current:
    """What drives the membrane: its bounds, and the largest partial sum if its terms enter the membrane one by one."""

    value: Pair
    size: float


def _low(value: Any) -> float:
    return float(np.min(value))


def _high(value: Any) -> float:
    return float(np.max(value))


def _most(value: Any) -> float:
    return float(np.abs(value).max())


def _size(pair: Pair) -> float:
    return max(abs(pair[0]), abs(pair[1]))


def _product(factor: n.Array, pair: Pair) -> Pair:
    products = [float(f) * value for f in (factor.min(), factor.max()) for value in pair]
    return min(products), max(products)


def _synapse(
    c: Coefficients, bits: Mapping[str, int], x: Lattice, power: int, state: _State, grid: int
) -> tuple[_Current, int, float]:
    """Return the current, its grid, and the largest partial sum in units."""
    if "alpha_syn" not in c:
        return _Current((x.low, x.high), x.size), power, 0.0
    old, new = _product(c["alpha_syn"], state.i), _product(c["w_in"], (x.low, x.high))
    inner_grid = max(grid, bits["drive_syn"] + power)
    inner = extent(_size(state.i) + _most(c["drive_syn"]) * x.size, inner_grid)
    grid = max(grid, max(0, bits["alpha_syn"]) + inner_grid, bits["w_in"] + power)
    size = _size(state.i) * max(1.0, _most(c["alpha_syn"])) + _most(c["w_in"]) * x.size
    value = (old[0] + new[0], old[1] + new[1])
    return _Current(value, _size(value)), grid, max(extent(size, grid), inner)


def _charge(
    c: Coefficients, bits: Mapping[str, int], current: _Current, state: _State, grids: tuple[int, int]
) -> tuple[Pair, int, float]:
    """Return the bounds of ``u``, its grid, and the largest partial sum in units."""
    grid_v, grid_i = grids
    leaked, driven, offset = (
        _product(c["alpha_mem"], state.v),
        _product(c["gain"], current.value),
        (_low(c["offset"]), _high(c["offset"])),
    )
    v = max(_size(state.v), state.u)
    grid, inner = max(grid_v, bits["gain"] + grid_i, bits["offset"]), 0.0
    if np.any(c["alpha_mem"] != 1):
        inner_grid = max(grid_v, bits["drive"] + grid_i, bits["v_leak"], bits["v_reset"])
        terms = v + _most(c["drive"]) * current.size + _most(c["v_leak"]) + _most(c["v_reset"])
        inner = extent(terms, inner_grid)
        grid = max(grid, max(0, bits["alpha_mem"]) + inner_grid)
    stays = max(1.0, _most(c["alpha_mem"]), _most(1.0 - c["alpha_mem"]))
    size = v * stays + _most(c["gain"]) * current.size + _size(offset)
    u = (leaked[0] + driven[0] + offset[0], leaked[1] + driven[1] + offset[1])
    return u, grid, max(extent(size, grid), inner)


def _reset(node: n.Neuron, c: Coefficients, u: Pair, i: Pair, grid: int) -> tuple[_State, int, float]:
    """Return the state after the reset, the grid of ``v``, and the largest partial sum in units."""
    low, high = u
    if node.theta is None or high < _low(node.theta):
        return _State(u, i, _size(u)), grid, 0.0
    stays = min(high, _high(node.theta))
    if node.reset == "hard":
        v_reset = (_low(c["v_reset"]), _high(c["v_reset"]))
        v = (min(low, v_reset[0]), max(stays, v_reset[1]))
        return _State(v, i, _size(u)), grid, extent(_size(u) + _size(v_reset), grid)
    delta = (_low(c["delta"]), _high(c["delta"]))
    v = (min(low, _low(node.theta) - delta[1]), max(stays, high - delta[0]))
    return _State(v, i, _size(u)), grid, extent(_size(u) + _size(delta), grid)
