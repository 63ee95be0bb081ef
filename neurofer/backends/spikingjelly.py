"""SpikingJelly: our importer, on its IFNode, LIFNode and SimpleBaseNode; and its own `import_from_nir`."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import Any

import nir
import numpy as np
import torch
from loguru import logger
from spikingjelly.activation_based import functional, surrogate
from spikingjelly.activation_based.neuron import IFNode, LIFNode, SimpleBaseNode
from spikingjelly.activation_based.nir_exchange import import_from_nir
from torch import Tensor

from neurofer import passes
from neurofer.backends import torch_network
from neurofer.backends.network import Network, Step
from neurofer.backends.stock import Stock, differs
from neurofer.backends.stock_names import neurons
from neurofer.backends.torch_network import tensor
from neurofer.errors import Problem
from neurofer.ir import Capabilities, Contract, Program
from neurofer.ir import nodes as n
from neurofer.ir.serde import NeuronWriter
from neurofer.ir.threshold import spike_threshold

VERSION = version("spikingjelly")

CAPABILITIES = Capabilities(nodes=torch_network.NODES, neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"}))


class ContractNode(SimpleBaseNode):
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


def module_of(node: n.Neuron) -> Any:
    """Return SpikingJelly's own node where its equation is the Neuron's, else a `ContractNode`."""
    scalar = all(not isinstance(getattr(node, name), np.ndarray) for name in node.COEFFICIENTS)
    if not scalar or node.theta is None or node.alpha_syn is not None:
        return ContractNode(node)
    start = node.v_reset if node.reset == "hard" else 0.0
    if node.compare != ">=" or node.v_init != start or node.delta not in (None, node.theta):
        return ContractNode(node)
    theta = float(spike_threshold(node.theta, ">=", ">="))  # the lowest float32 that fires
    if node.reset == "soft" and theta != node.theta:
        return ContractNode(node)  # IFNode would subtract the moved threshold
    settings = {"v_threshold": theta, "v_reset": node.v_reset if node.reset == "hard" else None}
    if node.kind == "IF" and node.gain == 1.0:
        return IFNode(**settings)
    if node.alpha_mem == 0.5 and node.gain in (0.5, 1.0) and node.offset == 0.5 * start:
        return LIFNode(tau=2.0, decay_input=node.gain == 0.5, **settings)
    return ContractNode(node)


def _step(node: n.Neuron) -> Step:
    module = module_of(node)

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


# -- SpikingJelly's own importer --------------------------------------------------------------------------------------

IMPORTER_DT = 1e-4
"""The step `import_from_nir` assumes when it is told none (s)."""


def _lower(program: Program) -> Program:
    """Thresholds become IF neurons, ``>`` becomes ``>=``, the gain of an IF becomes 1."""
    program = passes.lower_sumpool(passes.lower_threshold(passes.integrators_to_readout(program)))
    unlike = [
        name
        for name, node in neurons(program)
        if differs(node.gain, 1.0) and (node.kind != "LIF" or differs(node.gain, _leak(node)))
    ]
    program = passes.to_compare(passes.normalize_gain(program, gain="one", only=unlike), ">=")
    return program.with_contract(replace(program.contract, dt=IMPORTER_DT))


def _leak(node: n.Neuron) -> n.Array:
    return np.asarray(1.0 - np.asarray(node.alpha_mem))


def _writer(contract: Contract) -> NeuronWriter:
    """SpikingJelly fires at ``>=``, tests r against 1 / dt, 1 and tau / dt, and divides in float64."""
    dt = contract.dt

    def write(node: n.Neuron, shape: n.Shape) -> nir.NIRNode:
        def full(value: Any) -> n.Array:
            return np.full(shape, value, np.float64)

        theta = (
            spike_threshold(node.theta or 0.0, node.compare, ">=")
            if not isinstance(node.theta, np.ndarray)
            else node.theta
        )
        spike = {"v_threshold": full(theta), "v_reset": full(node.v_reset)}
        if node.kind == "IF":
            return nir.IF(r=full(1.0 / dt), **spike)
        tau = dt / _leak(node)
        if node.kind == "LIF":
            r = 1.0 if not differs(node.gain, _leak(node)) else tau / dt
            return nir.LIF(tau=full(tau), r=full(r), v_leak=full(node.v_reset), **spike)
        tau_syn = dt / (1.0 - np.asarray(node.alpha_syn))
        synapse = {"tau_syn": full(tau_syn), "w_in": full(tau_syn / dt)}
        return nir.CubaLIF(tau_mem=full(tau), r=full(tau / dt), v_leak=full(0.0), **synapse, **spike)

    return write


def _stock_limits(program: Program) -> list[Problem]:
    found = []
    for name, node in neurons(program):
        if differs(node.v_init, node.v_reset):
            found.append(Problem(name, "SpikingJelly starts every membrane at v_reset"))
        if node.kind == "LIF" and differs(node.offset, _leak(node) * node.v_reset):
            found.append(Problem(name, "SpikingJelly's membrane leaks towards v_reset and has no other drive"))
        if node.alpha_syn is not None and (differs(node.w_in, 1.0) or differs(node.offset, 0.0)):
            found.append(Problem(name, "SpikingJelly takes w_in = tau_syn / dt and v_leak = 0 only"))
        if node.kind != "IF" and not np.all((_leak(node) > 0) & (_leak(node) < 1)):
            found.append(Problem(name, "SpikingJelly takes 0 < alpha_mem < 1 only"))
    return found


def _misread(program: Program) -> list[Problem]:
    return [
        Problem(name, f"SpikingJelly takes r = 1 / dt only, and this neuron's gain is {np.max(node.gain):.3g}")
        for name, node in neurons(program)
        if node.kind == "IF" and differs(node.gain, 1.0)
    ]


def _import(graph: nir.NIRGraph, contract: Contract) -> torch.nn.Module:
    logger.disable("spikingjelly")  # a line on stderr for every import
    module: torch.nn.Module = import_from_nir(graph, dt=contract.dt)
    return module


STOCK = Stock(
    name=f"spikingjelly {VERSION}",
    capabilities=Capabilities(
        nodes=frozenset({n.Linear, n.Conv1d, n.Conv2d, n.Flatten, n.SumPool2d, n.AvgPool2d}),
        neurons=frozenset({"IF", "LIF", "CubaLIF"}),
        resets=frozenset({"hard"}),
        compares=frozenset({">="}),
        groups=False,
        pool_padding=False,
        per_neuron=False,
    ),
    lower=_lower,
    neuron=_writer,
    build=_import,
    limits=_stock_limits,
    misread=_misread,
)
