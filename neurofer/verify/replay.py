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


def drive(network: Network, golden: Trace, name: str) -> Iterator[Any]:
    """Yield what enters ``name`` at each step, computed by ``network`` from the recorded spikes and inputs."""
    program = network.program
    inner = layer(program, name)
    sources = {edge.source for target in (*inner, name) for edge in program.predecessors(target)} - set(inner)
    recorded = {s: golden.inputs[s] if s in golden.inputs else golden.unpack(s) for s in sources}
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
    """Yield the output of ``name`` alone at each step, as numpy."""
    state: Any = None
    for x in drive(network, golden, name):
        y, state = network.step(name, x, state)
        yield network.drop(y)


def magnitudes(program: Program) -> Program:
    """Return the program that adds up the absolute terms of every sum: weights and biases by their absolute value."""
    return program.with_nodes({name: _absolute(node) for name, node in program.nodes.items()})


def terms(program: Program) -> Program:
    """Return the program that counts the terms of every sum: every weight and bias that is not zero counts 1."""
    return program.with_nodes({name: _counting(node) for name, node in program.nodes.items()})


def _absolute(node: n.Node) -> n.Node:
    match node:
        case n.Linear() | n.Conv1d() | n.Conv2d():
            return _with_weights(node, np.abs(node.weight), None if node.bias is None else np.abs(node.bias))
        case n.Scale():
            return n.Scale(np.abs(node.scale))
        case n.Neuron(theta=None):
            return _integrator(node, np.abs(node.alpha_mem), np.abs(node.gain), np.abs(node.offset))
    return node


def _counting(node: n.Node) -> n.Node:
    match node:
        case n.Linear() | n.Conv1d() | n.Conv2d():
            bias = None if node.bias is None else (node.bias != 0).astype(np.float64)
            return _with_weights(node, (node.weight != 0).astype(np.float64), bias)
        case n.Scale():
            return n.Scale(1.0)
        case n.AvgPool2d():
            return n.SumPool2d(node.kernel, node.stride, node.padding)
        case n.Neuron(theta=None):
            return _integrator(node, 1.0, 1.0, 1.0)
    return node


def _with_weights(node: n.Linear | n.Conv1d | n.Conv2d, weight: Array, bias: Array | None) -> n.Node:
    if isinstance(node, n.Linear):
        return n.Linear(weight, bias)
    return type(node)(weight, bias, node.stride, node.padding, node.dilation, node.groups)


def _integrator(node: n.Neuron, alpha: Any, gain: Any, offset: Any) -> n.Neuron:
    synapse = None if node.alpha_syn is None else np.minimum(np.abs(node.alpha_syn), 1.0)
    return n.Neuron(alpha_mem=alpha, gain=gain, offset=offset, theta=None, alpha_syn=synapse, w_in=np.abs(node.w_in))
