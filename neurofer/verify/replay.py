"""Replay: one node at a time, fed with the reference's own spikes, so that a source is told from what it caused.

It streams step by step and holds one layer at a time, so memory is bounded by the largest node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from neurofer.backends.network import Network
from neurofer.ir import Program, Trace
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array


def layer(program: Program, name: str) -> tuple[str, ...]:
    """Return the nodes between ``name`` and the spikes or inputs it depends on, in order; ``name`` excluded."""
    found: set[str] = set()
    open_names = [edge.source for edge in program.predecessors(name)]
    while open_names:
        current = open_names.pop()
        node = program.nodes[current]
        if current in found or isinstance(node, n.Input) or n.spikes(node):
            continue
        found.add(current)
        open_names += [edge.source for edge in program.predecessors(current)]
    return tuple(other for other in program.order if other in found)


def replayable(network: Network, name: str) -> bool:
    """Whether the network can run ``name`` and the nodes it depends on one by one; importers may give no module."""
    free = (n.Input, n.Output, n.Concat)
    needed = (*layer(network.program, name), name)
    return all(other in network.steps or isinstance(network.program.nodes[other], free) for other in needed)


def drive(network: Network, golden: Trace, name: str, samples: slice = slice(None)) -> Iterator[Any]:
    """Yield what enters ``name`` at each step, computed by ``network`` from the recorded spikes and inputs."""
    program = network.program
    inner = layer(program, name)
    sources = {edge.source for target in (*inner, name) for edge in program.predecessors(target)} - set(inner)
    recorded = {s: (golden.inputs[s] if s in golden.inputs else golden.unpack(s))[:, samples] for s in sources}
    states: dict[str, Any] = {}
    before: dict[str, Any] = {}
    for t in range(golden.steps):
        values = {source: network.lift(frames[t]) for source, frames in recorded.items()}
        for other in inner:
            x = network.gather(other, values, before)
            values[other], states[other] = network.step(other, x, states.get(other))
        yield network.gather(name, values, before)
        before = {e.source: values[e.source] for e in program.edges if e.delay and e.source in values}


def replay(network: Network, golden: Trace, name: str) -> Iterator[Array]:
    """Yield the output of ``name`` alone at each step, as numpy; sample by sample where the network runs so."""
    if network.batched:
        yield from _alone(network, golden, name, slice(None))
        return
    # one after the other, for the modules of some simulators keep their state themselves
    trains = [list(_alone(network, golden, name, slice(k, k + 1))) for k in range(golden.samples)]
    for step in zip(*trains, strict=True):
        yield np.concatenate(step)


def _alone(network: Network, golden: Trace, name: str, samples: slice) -> Iterator[Array]:
    state: Any = None
    for x in drive(network, golden, name, samples):
        y, state = network.step(name, x, state)
        yield network.drop(y)
