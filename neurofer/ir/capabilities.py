"""Capabilities: what a backend runs, declared as data; the support matrix is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neurofer.errors import Problem
from neurofer.ir.nodes import Conv1d, Conv2d, Input, Neuron, Node, Output, SumPool2d
from neurofer.ir.program import Program

FREE = (Input, Output)


@dataclass(frozen=True)
class Capabilities:
    """What a backend can run exactly.

    Attributes:
        nodes: node types it takes.
        neurons: kinds of Neuron (``IF``, ``LIF``, ...).
        resets: reset kinds of spiking neurons.
        compares: spike conditions of spiking neurons.
        groups: whether convolutions may have groups.
        pool_padding: whether sum pooling may have padding.
        sums: whether several edges may enter a node.
        recurrent: whether edges with a delay are taken.
        per_neuron: whether coefficients may differ between neurons.
        v_reset: whether a hard reset may go to another value than zero.
        instead: node type name or feature -> the closest form that works, for messages.
    """

    nodes: frozenset[type[Node]]
    neurons: frozenset[str] = frozenset()
    resets: frozenset[str] = frozenset({"hard", "soft"})
    compares: frozenset[str] = frozenset({">=", ">"})
    groups: bool = True
    pool_padding: bool = True
    sums: bool = True
    recurrent: bool = True
    per_neuron: bool = True
    v_reset: bool = True
    instead: Mapping[str, str] = field(default_factory=dict)

    def problems(self, program: Program) -> list[Problem]:
        """Return everything in ``program`` that this backend cannot run, all at once."""
        found = [problem for name, node in program.nodes.items() for problem in self._node_problems(name, node)]
        for name in program.nodes:
            edges = program.predecessors(name)
            if len(edges) > 1 and not self.sums:
                found.append(self._problem(name, f"{len(edges)} inputs are summed here", "sums"))
            if not self.recurrent and any(edge.delay for edge in edges):
                found.append(self._problem(name, "a recurrent edge enters here", "recurrent"))
        return found

    def _problem(self, name: str, why: str, feature: str) -> Problem:
        return Problem(name, why, self.instead.get(feature, ""))

    def _node_problems(self, name: str, node: Node) -> list[Problem]:
        kind = type(node).__name__
        if isinstance(node, FREE):
            return []
        if isinstance(node, Neuron):
            return self._neuron_problems(name, node)
        if type(node) not in self.nodes:
            return [self._problem(name, f"{kind} is not supported", kind)]
        if isinstance(node, (Conv1d, Conv2d)) and node.groups != 1 and not self.groups:
            return [self._problem(name, f"{kind} with {node.groups} groups is not supported", "groups")]
        if isinstance(node, SumPool2d) and any(node.padding) and not self.pool_padding:
            return [self._problem(name, "sum pooling with padding is not supported", "pool_padding")]
        return []

    def _neuron_problems(self, name: str, node: Neuron) -> list[Problem]:
        if node.kind not in self.neurons:
            return [self._problem(name, f"{node.kind} neurons are not supported", node.kind)]
        found = []
        if not self.per_neuron and any(isinstance(getattr(node, c), np.ndarray) for c in node.COEFFICIENTS):
            found.append(self._problem(name, "coefficients differ between neurons", "per_neuron"))
        if not node.spiking:
            return found
        if node.reset not in self.resets:
            found.append(self._problem(name, f"{node.reset} reset is not supported", node.reset))
        if node.compare not in self.compares:
            found.append(self._problem(name, f"the spike condition {node.compare} is not supported", node.compare))
        if not self.v_reset and node.reset == "hard" and np.any(np.asarray(node.v_reset) != 0):
            found.append(self._problem(name, f"reset to {node.v_reset} instead of 0 is not supported", "v_reset"))
        return found
