"""Weights, biases and thresholds on multiples of powers of two: as fine as float32's exact integers carry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurofer.errors import PassError, Problem
from neurofer.ir import Program
from neurofer.ir import nodes as n
from neurofer.passes.lattice import Layer, Rows, lattices, rows
from neurofer.passes.lattice_value import MANTISSA, Lattice
from neurofer.passes.proof import first
from neurofer.passes.rewire import exchange

LOSS = 0.125
"""Largest relative change: a grid that moves a layer by more than this share of its norm, or a constant by more than
this share of its value, would give another network, and is not taken for the sake of a proof."""

_FLOAT32, _FLOAT64 = 2.0**MANTISSA - 2, 2.0**53 - 2
"""Largest partial sums in units: exact in float32 and float64 also when a threshold has moved by half a unit."""


def to_grid(program: Program, *, bits: int | None = None) -> Program:
    """Round every layer to the finest grid that a static bound allows.

    Requires a lowered program (BatchNorm folded, Dropout gone) whose input is binary, integer or codes. Ensures that
    the weights of the layers that feed one neuron share a grid; that thresholds lie half a step off the grid of the
    membrane, where ``>`` and ``>=`` agree; that reset values, offsets and initial states lie on it. Where no grid
    gives a proof without changing the network by more than `LOSS` (a leak that is not dyadic, a layer behind an
    integrator), layers are rounded as finely as their own sums allow, or float64 does, or to 24 bits, and `prove`
    says why.

    A program on its grid stays as it is when it is put on it again.

    Args:
        program: what to round.
        bits: width of integer weights (8 or 16); None for the finest grid that float32 carries.

    Raises:
        PassError: BatchNorm or an analog input; all at once.
    """
    _require(program)
    found: dict[str, Lattice] = {}
    for layers, sinks in _groups(program):
        program = _Group(program, layers, sinks, found, bits).round()
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
    """Return (layers, sinks): layers whose outputs meet, before any memory or further layer, in the same sinks.

    Neurons that no layer feeds are groups of their own.
    """
    groups: list[tuple[set[str], set[str]]] = []
    for name in program.order:
        if not program.nodes[name].synaptic:
            continue
        layers, sinks = {name}, _sinks(program, name)
        for other in [group for group in groups if group[1] & sinks]:
            groups.remove(other)
            layers, sinks = layers | other[0], sinks | other[1]
        groups.append((layers, sinks))
    fed = {name for group in groups for name in group[1]}
    alone = [name for name, node in program.nodes.items() if isinstance(node, n.Neuron) and name not in fed]
    groups += [(set(), {name}) for name in alone]
    place = {name: index for index, name in enumerate(program.order)}
    ordered = sorted(groups, key=lambda group: min(place[name] for name in group[0] or group[1]))
    return [(sorted(a, key=place.__getitem__), sorted(b, key=place.__getitem__)) for a, b in ordered]


def _sinks(program: Program, name: str) -> set[str]:
    """Return the neurons, thresholds, layers and outputs that the values of ``name`` reach first."""
    found: set[str] = set()
    seen, waiting = {name}, [name]
    while waiting:
        for edge in program.successors(waiting.pop()):
            node = program.nodes[edge.target]
            if node.synaptic or isinstance(node, (n.Neuron, n.Threshold, n.Output)):
                found.add(edge.target)
            elif edge.target not in seen:
                seen.add(edge.target)
                waiting.append(edge.target)
    return found


@dataclass
class _Group:
    """Layers that share a grid, and the neurons they feed."""

    program: Program
    layers: list[str]
    sinks: list[str]
    found: dict[str, Lattice]
    bits: int | None

    def __post_init__(self) -> None:
        self.neurons = [name for name in self.sinks if not self.program.nodes[name].synaptic]
        self.weights: dict[str, Layer] = {
            name: node for name in self.layers if isinstance(node := self.program.nodes[name], Layer)
        }
        self.sums = {name: rows(node) for name, node in self.weights.items()}

    def round(self) -> Program:
        """Return the program with this group on a grid, and remember the lattices of its nodes."""
        everything = [*self.layers, *self.neurons]
        attempts = ((everything, _FLOAT32), (self.layers, _FLOAT32), (everything, _FLOAT64), (self.layers, _FLOAT64))
        found = (self._search(names, limit) for names, limit in attempts)
        changed = next((nodes for nodes in found if nodes is not None), None)
        if changed is None:
            changed = {name: _snapped(node, self._finest(name)) for name, node in self.weights.items()}
        program = exchange(self.program, changed)
        self.found.update((k, v) for k, v in self._lattices(everything, changed).items() if k in everything)
        return program

    def _finest(self, name: str) -> int:
        """Return the grid on which the weights of ``name`` are integers of the width asked for."""
        largest = float(np.abs(self.weights[name].weight).max(initial=0.0))
        width = MANTISSA if self.bits is None else self.bits - 1
        return math.floor(math.log2((2**width - 1) / largest)) if largest else MANTISSA

    def _search(self, names: list[str], limit: float) -> Mapping[str, n.Node] | None:
        """Return the nodes on the finest grid on which the sums of ``names`` stay below ``limit``, None without one."""
        finest = min((self._finest(name) for name in self.layers), default=MANTISSA)
        constants = {name: self.program.nodes[name] for name in self.neurons}
        for k in range(finest, finest - 2 * MANTISSA, -1):
            changed = {name: _snapped(node, k) for name, node in constants.items()}
            sums = {name: replace(s, exponent=k, bias_exponent=k) for name, s in self.sums.items()}
            if not self._fits(names, self._lattices(names, changed, sums), limit):
                continue
            changed |= {name: _snapped(node, k) for name, node in self.weights.items()}
            sums = {name: rows(node, grid=k) for name in self.layers if isinstance(node := changed[name], Layer)}
            found = self._lattices(names, changed, sums)
            if not self._faithful(changed, found, asked=self.bits is not None and k == finest):
                return None
            if self._fits(names, found, limit):
                return changed
        return None

    def _lattices(
        self, names: list[str], changed: Mapping[str, n.Node], sums: Mapping[str, Rows] | None = None
    ) -> dict[str, Lattice]:
        known = {name: lattice for name, lattice in self.found.items() if name not in changed}
        return lattices(self.program, known=known, only=names, nodes=changed, sums=sums)

    def _fits(self, names: list[str], found: Mapping[str, Lattice], limit: float) -> bool:
        for name in names:
            lattice, node = found[name], self.program.nodes[name]
            if lattice.exponent is None or lattice.units > limit:
                return False
            theta = node.theta if isinstance(node, (n.Neuron, n.Threshold)) else None
            # the threshold will sit half a unit beside the grid, and must be a float32 value there
            if theta is not None and 2 * math.ldexp(float(np.abs(theta).max()), lattice.exponent) + 2 > limit:
                return False
        return True

    def _faithful(self, changed: Mapping[str, n.Node], found: Mapping[str, Lattice], *, asked: bool) -> bool:
        """Whether this is still the network: no layer, constant or threshold moved by more than `LOSS`.

        Weights may, where this is just the width that was ``asked`` for.
        """
        for name, node in changed.items():
            before = self.program.nodes[name]
            if isinstance(node, Layer) and isinstance(before, Layer):
                if not asked and not _near(before.weight, node.weight):
                    return False
            elif isinstance(node, n.Neuron):
                if not all(_near(getattr(before, name), getattr(node, name)) for name in _CONSTANTS):
                    return False
                power = found[name].exponent if name in found else None
                if node.theta is not None and power is not None:
                    theta = np.ldexp(first(node.theta, node.compare, power) - (node.compare == ">"), -power)
                    if not _near(node.theta, theta):
                        return False
        return True


_CONSTANTS = ("offset", "v_reset", "v_init", "i_init", "delta")


def _near(before: Any, after: Any) -> bool:
    if before is None:
        return True
    a, b = np.asarray(before), np.asarray(after)
    return float(np.linalg.norm((a - b).ravel())) <= LOSS * float(np.linalg.norm(a.ravel()))


def _snapped(node: n.Node, k: int) -> n.Node:
    """Return the node with weights, or a neuron's constants, on multiples of ``2^-k``."""

    def snap(value: Any) -> Any:
        return None if value is None else np.ldexp(np.round(np.ldexp(np.asarray(value, np.float64), k)), -k)

    def weights(value: n.Array) -> n.Array:
        # scaling by a power of two is exact in float32, and so is rounding
        scaled = np.ldexp(value, k)
        np.round(scaled, out=scaled)
        scaled += np.float32(0)  # integers have one zero: -0 becomes 0
        return np.ldexp(scaled, -k, out=scaled)

    match node:
        case n.Linear() | n.Conv1d() | n.Conv2d():
            bias = None if node.bias is None else weights(node.bias)
            return replace(node, weight=weights(node.weight), bias=bias)
        case n.Neuron():
            return replace(node, **{name: snap(getattr(node, name)) for name in _CONSTANTS})
    return node


def _move_thresholds(program: Program) -> Program:
    """Put thresholds half a step below the first multiple of the grid that fires."""
    found = lattices(program)
    changed: dict[str, n.Node] = {}
    for name, node in program.nodes.items():
        if not isinstance(node, (n.Neuron, n.Threshold)) or node.theta is None:
            continue
        power = found[name].exponent
        if power is None or found[name].units > _FLOAT32:
            continue
        theta = np.ldexp(first(node.theta, node.compare, power) - 0.5, -power)
        if np.array_equal(theta.astype(np.float32), theta):
            changed[name] = replace(node, theta=theta)
    return exchange(program, changed)
