"""Thresholds that make every layer fire at an asked rate, for networks that have no trained weights yet.

What an event-driven runtime costs depends on how many spikes there are: to time one, random weights must fire as often
as trained ones would. Does not import torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neurofer.backends import reference
from neurofer.backends.network import Network, check_inputs
from neurofer.errors import UsageError
from neurofer.ir import Program
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array
from neurofer.passes.lattice import lattices
from neurofer.passes.lattice_value import MANTISSA, Lattice
from neurofer.passes.rewire import exchange

_FINE = 2**16
"""Thresholds that are tried up to the largest membrane, where the program is on no grid."""


def calibrate_rates(program: Program, inputs: Array | Mapping[str, Array], rate: float) -> Program:
    """Give the neurons of each layer one threshold, at which they fire with probability ``rate`` per step.

    Layer by layer, on what the calibrated layers before it send: the threshold is searched for that brings the mean
    over all steps, samples and neurons nearest to ``rate``. Where the membrane is on a grid that float32 holds, the
    threshold lies half a unit below a multiple of it, as `to_grid` puts it, and the program stays on its grid. A soft
    reset subtracts the new threshold, rounded to the grid of what enters. Threshold nodes, which are pooling, and the
    values of all weights stay.

    Args:
        program: lowered (no BatchNorm or Dropout).
        inputs: as `Network.run` takes them.
        rate: spikes per neuron and step, above 0 and below 1. A layer of few neurons comes as near as one spike more
            or less allows; one whose membranes take few values as near as these do.

    Raises:
        UsageError: a rate that is none, a program with loops, or inputs that do not fit.
    """
    if not 0 < rate < 1:
        raise UsageError("this is no rate of spikes per step", why=f"{rate:g} is not between 0 and 1")
    if program.recurrent:
        loops = [f"{edge.source} -> {edge.target}" for edge in program.edges if edge.delay]
        raise UsageError(
            "the rates of a network with loops cannot be set layer by layer",
            where=", ".join(loops),
            next_step="calibrate a feed-forward program",
        )
    network = reference.load(program)
    frames = check_inputs(program, inputs)
    found = lattices(program)
    changed: dict[str, n.Node] = {}
    values: dict[str, Array] = {}
    waiting = {name: len(program.successors(name)) for name in program.nodes}
    for name in program.order:
        node = program.nodes[name]
        if isinstance(node, n.Input):
            values[name] = frames[name].astype(np.float64)
            continue
        x = _entering(network, name, values)
        if isinstance(node, n.Neuron) and node.spiking:
            changed[name] = node = _Search(node, x, *_grids(program, name, found)).nearest(rate)
        values[name] = _sequence(node, x)
        for edge in program.predecessors(name):
            waiting[edge.source] -= 1
            if not waiting[edge.source]:
                del values[edge.source]
    return exchange(program, changed)


def _grids(program: Program, name: str, found: Mapping[str, Lattice]) -> tuple[int | None, int]:
    """Return the exponents of the membrane's grid, None without one, and of the grid of what enters."""
    entering = [found[edge.source].exponent or 0 for edge in program.predecessors(name)]
    return found[name].exponent if found[name].units < 2**MANTISSA else None, max(entering)


def _entering(network: Network, name: str, values: Mapping[str, Array]) -> Array:
    """Return what enters a node over all steps, ``[T, N, *shape]``."""
    sources = [edge.source for edge in network.program.predecessors(name)]
    flat = {source: values[source].reshape(-1, *values[source].shape[2:]) for source in sources}
    x = np.asarray(network.gather(name, flat, {}))
    return x.reshape(*values[sources[0]].shape[:2], *x.shape[1:])


def _sequence(node: n.Node, x: Array) -> Array:
    """Return what a node makes of a whole sequence."""
    if isinstance(node, n.Output):
        return x
    step = reference.step_function(node)
    if not node.stateful:
        return np.asarray(step(x.reshape(-1, *x.shape[2:]), None)[0]).reshape(
            *x.shape[:2], *node.output_shape(x.shape[2:])
        )
    state, out = None, []
    for frame in x:
        y, state = step(frame, state)
        out.append(y)
    return np.stack(out)


@dataclass(frozen=True)
class _Search:
    """Thresholds of one neuron node, as multiples of a unit, fed ``x`` ``[T, N, *shape]``."""

    node: n.Neuron
    x: Array
    exponent: int | None
    entering: int

    def nearest(self, rate: float) -> n.Neuron:
        """Return the neuron whose rate is nearest, by bisection: a higher threshold fires less often."""
        low, high = self._range()
        unit = max(high, -low) / _FINE if self.exponent is None else math.ldexp(1.0, -self.exponent)
        bottom, top = math.floor(low / unit), math.ceil(high / unit) + 1
        if self.node.reset == "soft":
            bottom = 1  # what is subtracted must not add
        often, rare = self._rate(bottom, unit), 0.0
        while top - bottom > 1:
            middle = (bottom + top) // 2
            found = self._rate(middle, unit)
            if found >= rate:
                bottom, often = middle, found
            else:
                top, rare = middle, found
        return self._at(bottom if abs(often - rate) <= abs(rare - rate) else top, unit)

    def _range(self) -> tuple[float, float]:
        """Return the smallest and largest membrane where nothing fires."""
        u = _sequence(replace(self.node, theta=None, delta=None), self.x)
        return float(u.min()), max(float(u.max()), float(np.finfo(np.float32).tiny))

    def _rate(self, units: int, unit: float) -> float:
        return float(_sequence(self._at(units, unit), self.x).mean())

    def _at(self, units: int, unit: float) -> n.Neuron:
        """Return the neuron that fires from ``units`` multiples of ``unit`` on."""
        if self.exponent is None:
            return replace(self.node, theta=float(np.float32(units * unit)), delta=None)
        delta = math.ldexp(max(1, round(math.ldexp(units * unit, self.entering))), -self.entering)
        return replace(self.node, theta=(units - 0.5) * unit, delta=delta)
