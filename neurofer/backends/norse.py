"""Norse: our importer, on its IAFCell, LIFBoxCell and SNNCell; and its own `from_nir`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from norse.torch.functional.iaf import IAFFeedForwardState, IAFParameters
from norse.torch.functional.lif_box import LIFBoxFeedForwardState, LIFBoxParameters
from norse.torch.functional.threshold import threshold
from norse.torch.module.iaf import IAFCell
from norse.torch.module.lif_box import LIFBoxCell
from norse.torch.module.snn import SNNCell
from torch import Tensor

from neurofer.backends import torch_network
from neurofer.backends.network import Network, Step
from neurofer.backends.torch_network import tensor
from neurofer.ir import Capabilities, Program
from neurofer.ir import nodes as n
from neurofer.ir.threshold import spike_threshold

VERSION = version("norse")

CAPABILITIES = Capabilities(
    nodes=torch_network.NODES, neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"})
)


def _theta(node: n.Neuron) -> Tensor:
    return tensor(0.0 if node.theta is None else spike_threshold(node.theta, node.compare, ">"))


def _iaf(node: n.Neuron) -> Step:
    """An IF with hard reset is Norse's IAFCell with a scaled input."""
    cell = IAFCell(IAFParameters(v_th=_theta(node), v_reset=tensor(node.v_reset)))
    gain, v_init = tensor(node.gain), tensor(node.v_init)

    def step(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return cell(gain * x, IAFFeedForwardState(v=v_init.expand_as(x)) if state is None else state)

    return step


def _lif(node: n.Neuron) -> Step:
    """A LIF is Norse's LIFBoxCell, whose input is scaled by 1 - alpha, with the contract's reset."""
    leak = 1.0 - np.asarray(node.alpha_mem)
    delta = tensor(0.0 if node.delta is None else node.delta)

    def reset(z: Tensor, v: Tensor, v_reset: Tensor, _: Tensor) -> Tensor:
        return torch.where(z > 0, v_reset, v) if node.reset == "hard" else v - delta * z

    parameters = LIFBoxParameters(
        tau_mem_inv=tensor(leak), v_th=_theta(node), v_reset=tensor(node.v_reset), reset_method=reset
    )
    cell = LIFBoxCell(parameters, dt=1.0)
    gain, offset, v_init = tensor(node.gain / leak), tensor(node.offset / leak), tensor(node.v_init)

    def step(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return cell(gain * x + offset, LIFBoxFeedForwardState(v=v_init.expand_as(x)) if state is None else state)

    return step


def _general(node: n.Neuron) -> Step:
    """Any other Neuron is an SNNCell around the contract's equation, with Norse's threshold function."""
    c = {name: tensor(value) for name in node.COEFFICIENTS if (value := getattr(node, name)) is not None}
    theta = _theta(node)

    def activation(x: Tensor, state: tuple[Tensor, Tensor], parameters: Any, dt: float) -> tuple[Tensor, Any]:
        del parameters, dt
        v, i = state
        i = c["alpha_syn"] * i + c["w_in"] * x if "alpha_syn" in c else x
        u = c["alpha_mem"] * v + c["gain"] * i + c["offset"]
        if not node.spiking:
            return u, (u, i)
        z = threshold(u - theta, "super", 100.0)
        return z, (torch.where(z > 0, c["v_reset"], u) if node.reset == "hard" else u - c["delta"] * z, i)

    return SNNCell(activation, lambda x: (c["v_init"].expand_as(x), c["i_init"].expand_as(x)), None)


def _step(node: n.Neuron) -> Step:
    if node.kind == "IF" and node.reset == "hard":
        return _iaf(node)
    if node.kind == "LIF" and np.all(np.asarray(node.alpha_mem) < 1):
        return _lif(node)
    return _general(node)


def load(program: Program) -> Network:
    """Return ``program`` on Norse's neurons.

    Raises:
        RefusedError: everything Norse cannot run.
    """
    return torch_network.load(program, CAPABILITIES, _step, "norse", VERSION)
