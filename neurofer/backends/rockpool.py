"""rockpool: its own `from_nir`, in an environment of its own."""

from __future__ import annotations

from neurofer.backends.remote_stock import RemoteStock
from neurofer.backends.stock_names import collisions, neurons
from neurofer.errors import Problem
from neurofer.ir import Capabilities, Program
from neurofer.ir import nodes as n

CAPABILITIES = Capabilities(
    nodes=frozenset({n.Linear}), groups=False, pool_padding=False, sums=False, recurrent=False, v_reset=False
)
"""rockpool reads no neuron as NIR defines it."""


def _misread(program: Program) -> list[Problem]:
    found = collisions(program)
    for name, node in neurons(program):
        if node.kind == "LIF":
            found.append(Problem(name, "rockpool looks for tau_mem, which nir.LIF does not have"))
        elif node.kind == "CubaLIF":
            found.append(Problem(name, "rockpool guesses dt as tau_mem / (1 + r), subtracts, and fires more than once"))
    return found


STOCK = RemoteStock("rockpool", "nirtorch_graph", CAPABILITIES, _misread)
