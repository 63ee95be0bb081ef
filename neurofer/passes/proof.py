"""The proof of exactness: for every node, whether float32 computes it without rounding whatever enters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neurofer.ir import Program
from neurofer.ir import nodes as n
from neurofer.passes.lattice import lattices
from neurofer.passes.lattice_value import MANTISSA, Lattice

_ALWAYS = (n.Linear, n.Conv1d, n.Conv2d, n.Scale, n.SumPool2d, n.AvgPool2d, n.BatchNorm, n.Neuron, n.Threshold)


@dataclass(frozen=True)
class Proof:
    """Whether a node is exact in float32 for every input of the declared domain over the contract's T steps.

    Attributes:
        node: its name.
        grid: its sums are multiples of this power of two; None if they are on no grid.
        bound: largest partial sum, in units of the grid; None without a grid.
        accumulator: width in bits of a signed integer that holds it; None without a grid.
        limit: what the bound must stay below: float32 holds the integers up to 2^24.
        proved: whether it does.
        reason: why not.
    """

    node: str
    grid: float | None
    bound: float | None
    accumulator: int | None
    limit: int
    proved: bool
    reason: str = ""


def prove(program: Program) -> dict[str, Proof]:
    """Return a Proof for every node that adds, multiplies or compares, in the order of evaluation.

    Where all nodes are proved, every runtime that computes in float32 or more (not TF32, FFT or Winograd) gives the
    same bits, in whatever order it adds.
    """
    found = lattices(program)
    wanted = (
        name
        for name in program.order
        if isinstance(node := program.nodes[name], _ALWAYS)
        or (len(program.predecessors(name)) > 1 and not isinstance(node, n.Concat))
    )
    return {name: _proof(program, name, found[name]) for name in wanted}


def _proof(program: Program, name: str, lattice: Lattice) -> Proof:
    limit = 2**MANTISSA
    if lattice.exponent is None:
        return Proof(name, None, None, None, limit, proved=False, reason=_told(program, name, lattice.reason))
    power, units = lattice.exponent, lattice.units
    if not math.isfinite(units) or abs(power) > 1000:
        why = "its values are outside of float32's range"
        return Proof(name, None, None, None, limit, proved=False, reason=_told(program, name, why))
    reason = ""
    if units >= limit:
        reason = f"a partial sum can reach {units:.4g} units of 2^{-power}, {limit} is the limit"
        reason += "; float64 is exact" if units < 2**53 else ""
    elif not _decided(program.nodes[name], power):
        reason = f"its threshold is no float32 value, and the nearest one decides differently on the grid 2^{-power}"
    width = max(2, int(units).bit_length() + 1)
    grid = math.ldexp(1.0, -power)
    return Proof(name, grid, units, width, limit, proved=not reason, reason=_told(program, name, reason))


def _decided(node: n.Node, power: int) -> bool:
    """Whether float32's nearest threshold fires at the same multiples of ``2^-power``."""
    if not isinstance(node, (n.Neuron, n.Threshold)) or node.theta is None:
        return True
    theta = np.asarray(node.theta, np.float64)
    with np.errstate(over="ignore", under="ignore"):
        nearest = theta.astype(np.float32).astype(np.float64)
    if not np.isfinite(nearest).all():
        return False
    return bool(np.array_equal(first(theta, node.compare, power), first(nearest, node.compare, power)))


def first(theta: n.Coefficient, compare: n.Compare, power: int) -> n.Array:
    """Return the first multiple of ``2^-power`` that fires, as a whole number of steps."""
    units = np.ldexp(np.asarray(theta, np.float64), power)
    return np.asarray(np.ceil(units) if compare == ">=" else np.floor(units) + 1)


def _told(program: Program, name: str, reason: str) -> str:
    """Return the reason, and whether spikes depend on the node."""
    if not reason or n.spikes(program.nodes[name]):
        return reason
    seen, waiting = {name}, [name]
    while waiting:
        for edge in program.successors(waiting.pop()):
            if n.spikes(program.nodes[edge.target]):
                return reason
            if edge.target not in seen:
                seen.add(edge.target)
                waiting.append(edge.target)
    return f"{reason}; no spike depends on it"
