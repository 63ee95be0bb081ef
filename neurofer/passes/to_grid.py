"""Weights, biases and thresholds on multiples of powers of two: as fine as float32's exact integers carry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from neurofer.errors import PassError, Problem
from neurofer.ir import Program
from neurofer.ir import nodes as n
from neurofer.passes.lattice import MANTISSA, Lattice, lattices
from neurofer.passes.rewire import exchange


def to_grid(program: Program, *, bits: int | None = None) -> Program:
    """Round every layer to the finest grid that a static bound allows.

    Requires a lowered program (BatchNorm folded, Dropout gone) whose input is binary, integer or codes. Ensures that
    the weights of the layers that feed one neuron share a grid; that thresholds lie half a step off the grid of the
    membrane, where ``>`` and ``>=`` agree; that reset values, offsets and initial states lie on it. What cannot be
    proved (a leak that is not dyadic) is rounded as finely as its sums allow, and `prove` says why.

    Args:
        program: what to round.
        bits: width of integer weights (8 or 16); None for the finest grid that float32 carries.

    Raises:
        PassError: BatchNorm or an analog input, or a layer that fits on no grid; all at once.
    """
    _require(program)
    found: dict[str, Lattice] = {}
    for group in _groups(program):
        program = _round_group(program, group, bits, found)
    return _move_thresholds(program)


def _require(program: Program) -> None:
    problems = []
    for name, node in program.nodes.items():
        if isinstance(node, n.BatchNorm):
            problems.append(Problem(name, "a BatchNorm has no grid", "pass fold_batchnorm"))
        if isinstance(node, n.Input) and node.domain.max is None:
            problems.append(Problem(name, "the input is analog", "pass input_codes: integers with a scale"))
    if problems:
        raise PassError("the program cannot be put on a grid", problems=problems)


def _groups(program: Program) -> list[tuple[list[str], list[str]]]:
    """Return (layers, sinks): layers whose outputs meet, before any memory or further layer, in the same sinks."""
    groups: list[tuple[set[str], set[str]]] = []
    for name in program.order:
        if not program.nodes[name].synaptic:
            continue
        layers, sinks = {name}, _sinks(program, name)
        for other in [group for group in groups if group[1] & sinks]:
            groups.remove(other)
            layers, sinks = layers | other[0], sinks | other[1]
        groups.append((layers, sinks))
    place = {name: index for index, name in enumerate(program.order)}
    ordered = sorted(groups, key=lambda group: min(place[name] for name in group[0]))
    return [(sorted(a, key=place.__getitem__), sorted(b, key=place.__getitem__)) for a, b in ordered]


def _sinks(program: Program, name: str) -> set[str]:
    found: set[str] = set()
    for edge in program.successors(name):
        node = program.nodes[edge.target]
        ends = node.stateful or node.synaptic or isinstance(node, (n.Output, n.Threshold))
        found |= {edge.target} if ends else _sinks(program, edge.target)
    return found


def _round_group(
    program: Program, group: tuple[list[str], list[str]], bits: int | None, found: dict[str, Lattice]
) -> Program:
    """Round one group of layers, and the constants of the neurons they feed, to the finest grid that fits."""
    layers, sinks = group
    names = [*layers, *(name for name in sinks if not program.nodes[name].synaptic)]
    loose = lattices(program, known=found, only=names)
    finest = MANTISSA - int(np.floor(np.log2(max((loose[name].peak for name in names), default=1.0) or 1.0)))
    if bits is not None:
        finest = min(finest, *(_integer_grid(program.nodes[name], bits) for name in layers))
    for k in range(finest, finest - 3 * MANTISSA, -1):
        rounded = exchange(program, {name: _rounded(program.nodes[name], k) for name in names})
        fresh = lattices(rounded, known=found, only=names)
        # twice, because the threshold sits half a unit beside the grid
        if all(2 * (fresh[name].units or 0.0) < 2**MANTISSA for name in names):
            found.update(fresh)
            return rounded
    raise PassError(
        "no grid carries these layers", problems=[Problem(name, "its sums are too large") for name in layers]
    )


def _integer_grid(node: Any, bits: int) -> int:
    largest = float(np.abs(node.weight).max())
    return MANTISSA if largest == 0 else int(np.floor(np.log2((2 ** (bits - 1) - 1) / largest)))


def _rounded(node: n.Node, k: int) -> n.Node:
    """Return the node with weights, or a neuron's constants, on multiples of ``2^-k``."""

    def snap(value: Any) -> Any:
        return None if value is None else np.ldexp(np.round(np.ldexp(np.asarray(value, np.float64), k)), -k)

    match node:
        case n.Linear() | n.Conv1d() | n.Conv2d():
            bias = None if node.bias is None else snap(node.bias).astype(node.bias.dtype)
            return replace(node, weight=snap(node.weight).astype(node.weight.dtype), bias=bias)
        case n.Neuron():
            names = ("offset", "v_reset", "v_init", "i_init", "delta")
            return replace(node, **{name: snap(getattr(node, name)) for name in names})
    return node


def _move_thresholds(program: Program) -> Program:
    found = lattices(program)
    changed: dict[str, n.Node] = {}
    for name, node in program.nodes.items():
        grid = found[name].exponent
        if isinstance(node, n.Neuron) and node.theta is not None and grid is not None:
            units = np.ldexp(np.asarray(node.theta, np.float64), grid)
            first = np.ceil(units) if node.compare == ">=" else np.floor(units) + 1
            changed[name] = replace(node, theta=np.ldexp(first - 0.5, -grid))
    return exchange(program, changed)
