"""spyx: its own `from_nir`, in an environment of its own."""

from __future__ import annotations

import numpy as np

from neurofer.backends.remote_stock import RemoteStock
from neurofer.backends.stock_names import neurons
from neurofer.errors import Problem
from neurofer.ir import Capabilities, Program
from neurofer.ir import nodes as n

CAPABILITIES = Capabilities(
    nodes=frozenset({n.Linear, n.Conv2d, n.SumPool2d, n.Flatten, n.Threshold}),
    groups=False,
    pool_padding=False,
    sums=False,
    recurrent=False,
)
"""spyx reads no neuron as NIR defines it."""


def _misread(program: Program) -> list[Problem]:
    found = []
    for name, node in neurons(program):
        if node.spiking:
            found.append(Problem(name, "spyx fires on the membrane of the step before, so one step late"))
            if node.reset == "hard":
                found.append(Problem(name, "spyx subtracts the threshold instead of resetting"))
        if np.any(np.asarray(node.gain) != 1):
            found.append(Problem(name, "spyx ignores r"))
    for name, other in program.nodes.items():
        if isinstance(other, n.Flatten) and len(program.input_shape(name)) > 1:
            found.append(Problem(name, "spyx flattens with the channels last"))
        if isinstance(other, n.Conv2d) and set(other.dilation) != {1}:
            found.append(Problem(name, "spyx ignores the dilation"))
        if len(program.successors(name)) > 1:
            found.append(Problem(name, "spyx follows one of its edges and leaves out the others"))
    return found


STOCK = RemoteStock("spyx", "spyx_graph", CAPABILITIES, _misread)
