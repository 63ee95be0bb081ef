"""SpikingJelly: our importer, on its IFNode, LIFNode and SimpleBaseNode; and its own `import_from_nir`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import torch
from spikingjelly.activation_based import functional, surrogate
from spikingjelly.activation_based.neuron import IFNode, LIFNode, SimpleBaseNode
from torch import Tensor

from neurofer.backends import torch_network
from neurofer.backends.network import Network, Step
from neurofer.backends.torch_network import tensor
from neurofer.ir import Capabilities, Program
from neurofer.ir import nodes as n
from neurofer.ir.threshold import spike_threshold

VERSION = version("spikingjelly")

CAPABILITIES = Capabilities(
    nodes=torch_network.NODES, neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"})
)


class ContractNode(SimpleBaseNode):  # type: ignore[misc] - SpikingJelly is not typed
    """A Neuron with any coefficients, on SpikingJelly's charge, fire and reset steps."""

    def __init__(self, node: n.Neuron) -> None:
        theta = 0.0 if node.theta is None else tensor(spike_threshold(node.theta, node.compare, ">="))
        super().__init__(theta, 0.0 if node.reset == "hard" else None, surrogate.ATan())
        self.spiking = node.spiking
        self.coefficients = {name: tensor(c) for name in node.COEFFICIENTS if (c := getattr(node, name)) is not None}
        self.register_memory("i", 0.0)

    def reset(self) -> None:
        """Go back to the initial membrane and synapse."""
        self.v, self.i = self.coefficients["v_init"], self.coefficients["i_init"]

    def neuronal_charge(self, x: Tensor) -> None:
        c = self.coefficients
        self.i = c["alpha_syn"] * self.i + c["w_in"] * x if "alpha_syn" in c else x
        self.v = c["alpha_mem"] * self.v + c["gain"] * self.i + c["offset"]

    def neuronal_fire(self) -> Tensor:
        return super().neuronal_fire() if self.spiking else self.v

    def neuronal_reset(self, spike: Tensor) -> None:
        if not self.spiking:
            return
        if self.v_reset is None:
            self.v = self.v - self.coefficients["delta"] * spike
        else:
            self.v = torch.where(spike > 0, self.coefficients["v_reset"], self.v)


def _module(node: n.Neuron) -> Any:
    """Return SpikingJelly's own node where its equation is the Neuron's, else a `ContractNode`."""
    start = node.v_reset if node.reset == "hard" else 0.0
    own = node.compare == ">=" and node.v_init == start and node.delta in (None, node.theta)
    scalar = all(not hasattr(getattr(node, name), "shape") for name in node.COEFFICIENTS)
    if not (own and scalar and node.spiking) or node.alpha_syn is not None:
        return ContractNode(node)
    settings = {"v_threshold": node.theta, "v_reset": node.v_reset if node.reset == "hard" else None}
    if node.kind == "IF" and node.gain == 1.0:
        return IFNode(**settings)
    if node.alpha_mem == 0.5 and node.gain in (0.5, 1.0) and node.offset == 0.5 * start:
        return LIFNode(tau=2.0, decay_input=node.gain == 0.5, **settings)
    return ContractNode(node)


def _step(node: n.Neuron) -> Step:
    module = _module(node)

    def step(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        if state is None:
            functional.reset_net(module)
        return module(x), True

    return step


def load(program: Program) -> Network:
    """Return ``program`` on SpikingJelly's neurons.

    Raises:
        RefusedError: everything SpikingJelly cannot run.
    """
    return torch_network.load(program, CAPABILITIES, _step, "spikingjelly", VERSION)
