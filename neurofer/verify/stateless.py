"""Programs without memory and spikes (the ANN baselines): which node is off by more than float32 rounding.

From end to end the bound on rounding is safe, but it grows with every layer, so alone it would let a wrong weight pass
in a deep network. Therefore each node is also checked alone: fed what the runtime itself computed, it may be off by the
rounding of one layer.
"""

from __future__ import annotations

import numpy as np

from neurofer.backends.network import Network
from neurofer.ir import Program, Trace
from neurofer.ir import nodes as n
from neurofer.verify import rounding
from neurofer.verify.rounding import Bounded


def stateless(program: Program) -> bool:
    """Whether nothing in ``program`` spikes or remembers."""
    return not program.recurrent and not any(node.stateful or n.spikes(node) for node in program.nodes.values())


def faults(program: Program, network: Network, golden: Trace) -> tuple[list[str], int]:
    """Return the nodes that are off by more than their own rounding when fed what the runtime computed.

    Returns:
        Their names in the order of the graph, and the number of nodes compared.
    """
    exact = rounding.load(program)
    found: set[str] = set()
    compared: set[str] = set()
    for values in network.values(golden.inputs):
        known = {name: _exactly(np.asarray(value, np.float64)) for name, value in values.items()}
        for name in program.order:
            edges = program.predecessors(name)
            if not edges or name not in known or any(edge.source not in known for edge in edges):
                continue
            compared.add(name)
            expected, _ = exact.step(name, exact.gather(name, known, {}), None)
            if not _within(known[name].value.reshape(expected.value.shape), expected):
                found.add(name)
    return [name for name in program.order if name in found], len(compared)


def _within(value: n.Array, expected: Bounded) -> bool:
    """Whether ``value`` is as near as its bound; values that are not finite must be the same."""
    with np.errstate(invalid="ignore"):
        near = np.abs(value - expected.value) <= expected.error
    same = (value == expected.value) | (np.isnan(value) & np.isnan(expected.value))
    return bool(np.all(near | same))


def _exactly(value: n.Array) -> Bounded:
    return Bounded(value, np.zeros_like(value))
