"""In which numbers each node is computed: integers where a bound proves that they hold every value, else float32.

Spikes are bits. Nodes between which graded values flow are one region, which is computed in integers or in float32.
It is integers if every value in it is a multiple of a power of two (`lattices`) and no partial sum, in any order,
leaves the integer; so its results are exact on every machine. Integers have 32 bits up to the first node that needs 64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from neurofer.ir import Program
from neurofer.ir import nodes as n
from neurofer.ir.dyadic import exponent
from neurofer.passes.lattice import lattices
from neurofer.passes.lattice_neuron import membrane
from neurofer.passes.lattice_value import SPIKE, Lattice

Number = Literal["i32", "i64", "f32"]

LIMITS: Mapping[Number, float] = {"i32": 2.0**31 - 1, "i64": 2.0**52}
"""Largest partial sum, in units, of an integer type. Bounds are float64 and whole up to 2^53."""

_STEEPEST = 62
"""Largest exponent of a unit, either way, that is worth integers."""


@dataclass(frozen=True)
class Arithmetic:
    """How a node is computed.

    Attributes:
        number: type of its sums and membrane.
        exponent: integers count units of ``2^-exponent``; of a neuron, its membrane does.
        current: the same of a neuron's synaptic current.
        bits: width in bits of a signed integer that holds every partial sum; None for float32.
        reason: why it is not computed in integers.
        largest: its largest output, where outputs are whole numbers from 0 on.
    """

    number: Number
    exponent: int = 0
    current: int = 0
    bits: int | None = None
    reason: str = ""
    largest: int | None = None


FLOAT = Arithmetic("f32")


def planes(program: Program) -> frozenset[str]:
    """Return the nodes whose output is kept as bits: spikes, and what only moves spikes."""
    found: set[str] = set()
    for name in program.order:
        node, edges = program.nodes[name], program.predecessors(name)
        moves = isinstance(node, (n.MaxPool2d, n.Concat, n.Delay))
        binary = isinstance(node, n.Input) and node.domain.kind == "binary"
        alone = len(edges) == 1 or isinstance(node, n.Concat)
        if n.spikes(node) or binary or (moves and alone and all(e.source in found and not e.delay for e in edges)):
            found.add(name)
    return frozenset(found)


def arithmetic(program: Program, bits: frozenset[str]) -> dict[str, Arithmetic]:
    """Return the arithmetic of every node that computes; ``bits`` are the nodes whose output is (see `planes`)."""
    found = lattices(program)
    result: dict[str, Arithmetic] = {}
    for region in _regions(program, bits):
        wanted = {name: _integer(program, name, found) for name in region}
        reasons = {name: made.reason for name, made in wanted.items() if made.reason}
        if reasons:
            first = next(iter(reasons))
            result |= {k: replace(FLOAT, reason=reasons.get(k, f"{first}: {reasons[first]}")) for k in region}
            continue
        wide = _wide(program, wanted)
        result |= {name: replace(made, number="i64" if name in wide else "i32") for name, made in wanted.items()}
    return result


def _wide(program: Program, region: Mapping[str, Arithmetic]) -> set[str]:
    """Return the nodes of a region that need 64 bits, and those behind them; all where some values come late."""
    found = {name for name, made in region.items() if made.number == "i64"}
    for name in (name for name in program.order if name in region):
        edges = [edge for edge in program.predecessors(name) if edge.source in region]
        if found and any(edge.delay for edge in edges):
            return set(region)
        if any(edge.source in found for edge in edges):
            found.add(name)
    return found


def _regions(program: Program, bits: frozenset[str]) -> list[list[str]]:
    """Return the nodes in sets between which graded values flow."""
    region = {name: name for name in program.order if not isinstance(program.nodes[name], n.Input)}

    def root(name: str) -> str:
        while region[name] != name:
            name = region[name]
        return name

    graded = region.keys() - bits - _carriers(program, bits)
    for edge in program.edges:
        if edge.source in graded:
            region[root(edge.source)] = root(edge.target)
    members: dict[str, list[str]] = {}
    for name in region:
        members.setdefault(root(name), []).append(name)
    return list(members.values())


def _carriers(program: Program, bits: frozenset[str]) -> set[str]:
    """Return the nodes that give spikes, or sums of them, another shape: no number is computed in them."""
    found: set[str] = set()
    for name in program.order:
        sources = {edge.source for edge in program.predecessors(name)}
        if isinstance(program.nodes[name], (n.Flatten, n.Dropout)) and sources <= found | bits:
            found.add(name)
    return found


def _integer(program: Program, name: str, found: Mapping[str, Lattice]) -> Arithmetic:
    """Return the arithmetic of a node in integers, or one whose reason says why there is none."""
    node, lattice = program.nodes[name], found[name]
    if lattice.exponent is None:
        return replace(FLOAT, reason=lattice.reason)
    power, current, units = lattice.exponent, 0, lattice.units
    if isinstance(node, n.Neuron):
        power, current, extra, reason = _neuron_units(program, name, found)
        units = max(math.ldexp(units, power - lattice.exponent), extra)
        if reason:
            return replace(FLOAT, reason=reason)
    units = max(units, math.ldexp(lattice.magnitude, power))
    if abs(power) > _STEEPEST or abs(current) > _STEEPEST or units >= LIMITS["i64"]:
        return replace(FLOAT, reason=f"a partial sum can reach {units:.4g} units of 2^{-power}")
    if not _weights_fit(node, power, found, program, name):
        return replace(FLOAT, reason=f"a weight in units of 2^{-power} is wider than 32 bits")
    width = max(2, int(units).bit_length() + 1)
    largest = int(lattice.high) if power == 0 and lattice.low >= 0 else None
    return Arithmetic("i32" if units < LIMITS["i32"] else "i64", power, current, width, largest=largest)


def _weights_fit(node: n.Node, power: int, found: Mapping[str, Lattice], program: Program, name: str) -> bool:
    if not isinstance(node, (n.Linear, n.Conv1d, n.Conv2d)):
        return True
    largest = float(np.abs(node.weight).max(initial=0.0))
    entering = input_exponent(program, name, found)
    return math.ldexp(largest, power - entering) < LIMITS["i32"]


def input_exponent(program: Program, name: str, found: Mapping[str, Lattice]) -> int:
    """Return the exponent of what enters a node, summed or joined: the finest of its terms."""
    powers = [0 if n.spikes(program.nodes[e.source]) else found[e.source].exponent for e in program.predecessors(name)]
    return max((power for power in powers if power is not None), default=0)


def _neuron_units(program: Program, name: str, found: Mapping[str, Lattice]) -> tuple[int, int, float, str]:
    """Return the exponents of a neuron's membrane and current, the current's largest sum, and why there are none."""
    node = program.nodes[name]
    if not isinstance(node, n.Neuron):
        raise TypeError(name)
    power = found[name].exponent or 0
    entering = input_exponent(program, name, found)
    gain = exponent(node.gain)
    current, units = entering, 0.0
    if node.alpha_syn is not None:
        # the synapse is a leaky integrator itself
        synapse = n.Neuron(node.alpha_syn, node.w_in, theta=None, v_init=node.i_init)
        x = _entering(program, name, found)
        made = membrane(synapse, x, program.contract.steps)
        if made.exponent is None:
            return 0, 0, 0.0, made.reason
        current, units = made.exponent, max(made.units, math.ldexp(made.magnitude, made.exponent))
    constants = [exponent(value) for value in _constants(node)]
    return max([power, current + gain, *constants]), current, units, ""


def _entering(program: Program, name: str, found: Mapping[str, Lattice]) -> Lattice:
    """Return the lattice of the sum that enters a neuron; a delayed term may be zero, too."""
    terms = [_source(program, edge.source, found) for edge in program.predecessors(name)]
    power = max(term.exponent or 0 for term in terms)
    size = sum(term.size for term in terms)
    low, high = sum(min(term.low, 0.0) for term in terms), sum(max(term.high, 0.0) for term in terms)
    return Lattice(power, low, high, size, math.ldexp(size, power))


def _source(program: Program, name: str, found: Mapping[str, Lattice]) -> Lattice:
    return SPIKE if n.spikes(program.nodes[name]) else found[name]


def _constants(node: n.Neuron) -> list[Any]:
    names = ("offset", "v_init", "v_reset", "delta")
    return [getattr(node, name) for name in names if getattr(node, name) is not None]
