"""snnTorch: our importer, on its Leaky and Synaptic; and its own `import_from_nir`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
import snntorch
import torch
from torch import Tensor

from neurofer.backends import torch_network
from neurofer.backends.network import Network, Step
from neurofer.backends.torch_network import tensor
from neurofer.errors import Problem, RefusedError
from neurofer.ir import Capabilities, Program
from neurofer.ir import nodes as n
from neurofer.ir.threshold import spike_threshold

VERSION = version("snntorch")

CAPABILITIES = Capabilities(
    nodes=torch_network.NODES, neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"})
)


def _step(node: n.Neuron) -> Step:
    """Charge and fire in snnTorch's neuron, reset as the contract says.

    snnTorch's own "subtract" subtracts again while the membrane stays above the threshold, and its "zero" knows no other
    reset value, so its neurons run with "none". Their spike condition is ``>``.
    """
    theta = tensor(spike_threshold(node.theta, node.compare, ">")) if node.theta is not None else torch.tensor(0.0)
    settings = {"threshold": theta, "reset_mechanism": "none"}
    beta = tensor(node.alpha_mem)
    if node.alpha_syn is None:
        cell: Any = snntorch.Leaky(beta, **settings)
        gain, offset, i_init = tensor(node.gain), tensor(node.offset), None
    else:
        # Synaptic adds the current to the membrane as it is: the gain moves into the synapse.
        cell = snntorch.Synaptic(tensor(node.alpha_syn), beta, **settings)
        gain, offset = tensor(np.asarray(node.gain) * node.w_in), None
        i_init = tensor(np.asarray(node.gain) * node.i_init)
    reset, delta = tensor(node.v_reset), tensor(0.0 if node.delta is None else node.delta)
    v_init = tensor(node.v_init)

    def step(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        x = gain * x if offset is None else gain * x + offset
        if state is None:
            start = (v_init,) if i_init is None else (i_init, v_init)
            state = tuple(value.expand_as(x).clone() for value in start)
        spike, *state = cell(x, *state)
        u = state[-1]
        if node.theta is None:
            return u, tuple(state)
        state[-1] = torch.where(spike > 0, reset, u) if node.reset == "hard" else u - delta * spike
        return spike, tuple(state)

    return step


def load(program: Program) -> Network:
    """Return ``program`` on snnTorch's neurons.

    Raises:
        RefusedError: everything snnTorch cannot run.
    """
    problems = [p for name, node in program.nodes.items() if isinstance(node, n.Neuron) for p in _limits(name, node)]
    if problems:
        raise RefusedError("snntorch cannot run this program", problems=problems)
    return torch_network.load(program, CAPABILITIES, _step, "snntorch", VERSION)


def _limits(name: str, node: n.Neuron) -> list[Problem]:
    found = []
    for coefficient in ("alpha_mem", "alpha_syn"):
        value = getattr(node, coefficient)
        if value is not None and (np.min(value) < 0 or np.max(value) > 1):
            found.append(Problem(name, f"snnTorch clips {coefficient} to 0..1"))
    if node.alpha_syn is not None and np.any(np.asarray(node.offset) != 0):
        found.append(Problem(name, "snnTorch's Synaptic has no constant drive (offset)"))
    return found
