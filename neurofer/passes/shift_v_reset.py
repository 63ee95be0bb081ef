"""Hard reset to zero, for readers that ignore another reset value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurofer.ir.nodes import Neuron, Node
from neurofer.ir.program import Program
from neurofer.passes.rewire import exchange


def shift_v_reset(program: Program) -> Program:
    """Move the membrane of every neuron that resets to ``v_reset`` by that value, so that it resets to 0.

    With ``v' = v - v_reset`` the threshold becomes ``theta - v_reset``, the start ``v_init - v_reset``, and the
    offset ``offset + (alpha_mem - 1) v_reset`` (a leak towards 0 is one towards ``-v_reset`` on the moved axis). The
    neuron fires at the same steps in real arithmetic; in floats exactly where these differences and the membranes
    are exact, as on a dyadic grid, else up to rounding.

    Requires nothing: soft reset and integrators have no v_reset. Ensures that every v_reset is 0.
    """
    changed: dict[str, Node] = {}
    for name, node in program.nodes.items():
        if not isinstance(node, Neuron) or node.theta is None or np.all(np.asarray(node.v_reset) == 0):
            continue
        shift = np.asarray(node.v_reset)
        changed[name] = replace(
            node,
            offset=node.offset + (np.asarray(node.alpha_mem) - 1.0) * shift,
            theta=node.theta - shift,
            v_reset=0.0,
            v_init=node.v_init - shift,
        )
    return exchange(program, changed)
