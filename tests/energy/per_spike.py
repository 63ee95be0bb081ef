"""The independent count: every synapse listed one by one, every spike followed to each of its synapses.

It shares with the product what a node means (the reference's step functions), and nothing of how it counts.
"""

from itertools import product

import numpy as np

from neurofer.backends.reference import step_function
from neurofer.ir import nodes as n


def fan_out(node, shape):
    """Number of synapses of each input position, by listing all synapses."""
    found = np.zeros(shape, np.int64)
    if isinstance(node, n.Linear):
        for _, source in np.ndindex(node.weight.shape):
            found[source] += 1
        return found
    size = node.output_shape(shape)[1:]
    before = [pad[0] for pad in node.pads]
    per_group = node.weight.shape[0] // node.groups
    for out in range(node.weight.shape[0]):
        for channel in range(node.weight.shape[1]):
            source = out // per_group * node.weight.shape[1] + channel
            for place, tap in product(np.ndindex(size), np.ndindex(node.kernel)):
                at = np.multiply(place, node.stride) - before + np.multiply(tap, node.dilation)
                if np.all(at >= 0) and np.all(at < shape[1:]):
                    found[(source, *at)] += 1
    return found


class PerSpike:
    """Runs a program step by step, evaluating a node when something asks for it, and counts what it evaluates."""

    def __init__(self, program, frames):
        self.program, self.frames = program, frames
        self.found = {name: [0, 0, 0] for name, node in program.nodes.items() if node.synaptic}
        self.steps = {name: step_function(node) for name, node in program.nodes.items()}
        self.fans = {name: fan_out(program.nodes[name], program.input_shape(name)) for name in self.found}
        self.values, self.states = {}, {}
        ends = [name for name in program.nodes if not program.successors(name)]
        memories = [name for name, node in program.nodes.items() if node.stateful]
        for t in range(len(frames)):
            for name in (*memories, *ends):
                self.value(name, t)

    def value(self, name, t):
        key = name, 0 if name in self.program.static else t
        if key not in self.values:
            self.values[key] = self.evaluate(name, key[1])
        return self.values[key]

    def evaluate(self, name, t):
        if name in self.program.inputs:
            return np.asarray(self.frames[t], np.float64)
        node = self.program.nodes[name]
        terms = [self.value(e.source, t - e.delay) for e in self.program.predecessors(name) if t >= e.delay]
        x = np.concatenate(terms, axis=node.axis + 1) if isinstance(node, n.Concat) else sum(terms)
        if node.synaptic:
            self.follow(name, x)
        y, self.states[name] = self.steps[name](x, self.states.get(name))
        return y

    def follow(self, name, x):
        found, fan = self.found[name], self.fans[name]
        if self.program.input_domain(name).kind in ("code", "real"):
            found[2] += len(x) * int(fan.sum())
            return
        for index in map(tuple, np.argwhere(x)):
            found[0] += int(fan[index[1:]])
            found[1] += int(x[index]) * int(fan[index[1:]])


def per_spike(program, frames):
    """Synaptic node -> (acs_nnz, acs, macs) for ``frames [T, N, *shape]``."""
    return {name: tuple(numbers) for name, numbers in PerSpike(program, frames).found.items()}
