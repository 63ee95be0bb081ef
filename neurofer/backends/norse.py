"""Norse: our importer, on its IAFCell, LIFBoxCell and SNNCell; and its own `from_nir`."""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import nir
import numpy as np
import torch
from norse.torch.functional.iaf import IAFFeedForwardState, IAFParameters
from norse.torch.functional.lif_box import LIFBoxFeedForwardState, LIFBoxParameters
from norse.torch.functional.threshold import threshold
from norse.torch.module.iaf import IAFCell
from norse.torch.module.lif_box import LIFBoxCell
from norse.torch.module.snn import SNNCell
from norse.torch.utils.import_nir import from_nir
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
from neurofer.ir.serde import NeuronWriter, nir_neuron
from neurofer.ir.threshold import spike_threshold

VERSION = version("norse")

CAPABILITIES = Capabilities(nodes=torch_network.NODES, neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"}))


IMPORTER_DT = 1e-3
"""The step `from_nir` assumes when it is told none (s)."""


def _theta(node: n.Neuron) -> Tensor:
    return tensor(0.0 if node.theta is None else spike_threshold(node.theta, node.compare, ">"))


def _iaf(node: n.Neuron) -> Step:
    """An IF with hard reset is Norse's IAFCell with a scaled input."""
    cell = IAFCell(IAFParameters(v_th=_theta(node), v_reset=tensor(node.v_reset)))
    gain, v_init = tensor(node.gain), tensor(node.v_init)

    def step(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        start = IAFFeedForwardState(v=v_init.expand_as(x)) if state is None else state
        spike, state = cell(gain * x, start)
        return spike, state

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
        start = LIFBoxFeedForwardState(v=v_init.expand_as(x)) if state is None else state
        spike, state = cell(gain * x + offset, start)
        return spike, state

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

    step: Step = SNNCell(activation, lambda x: (c["v_init"].expand_as(x), c["i_init"].expand_as(x)), None)
    return step


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


# -- Norse's own importer ---------------------------------------------------------------------------------------------


def _lower(program: Program) -> Program:
    """Thresholds become IF neurons, ``>=`` becomes ``>``, reset goes to 0, the input is scaled by the leak."""
    program = passes.lower_sumpool(passes.lower_threshold(passes.integrators_to_readout(program)))
    program = passes.shift_v_reset(program)
    unlike = [name for name, node in neurons(program) if node.kind in ("IF", "LIF") and differs(node.gain, _leak(node))]
    program = passes.to_compare(passes.normalize_gain(program, gain="leak", only=unlike), ">")
    return program.with_contract(replace(program.contract, dt=IMPORTER_DT))


def _leak(node: n.Neuron) -> n.Array:
    """Return the factor Norse scales the input of a LIF with; an IF takes it as it is."""
    leak = 1.0 - np.asarray(node.alpha_mem)
    return np.asarray(1.0 if node.kind == "IF" else leak)


def _writer(contract: Contract) -> NeuronWriter:
    as_defined = nir_neuron(contract)

    def write(node: n.Neuron, shape: n.Shape) -> nir.NIRNode:
        written = as_defined(node, shape)
        if isinstance(written, nir.LIF):
            written.tau = _tau(1.0 - np.asarray(node.alpha_mem), contract.dt, shape)
        return written

    return write


def _tau(leak: n.Array, dt: float, shape: n.Shape) -> n.Array:
    """Return the float32 time constant (s) whose float32 inverse, times ``dt``, comes closest to ``leak``.

    Norse computes ``dt * (1 / tau)``, and each operation rounds: the nearest tau is not always the right one.
    """
    nearest = np.broadcast_to(np.float32(dt / leak), shape)
    candidates = [nearest]
    for direction in (np.float32(0), np.float32(np.inf)):
        current = nearest
        for _ in range(4):
            current = np.nextafter(current, direction)
            candidates.append(current)
    stacked = np.stack(candidates)
    error = np.abs(np.float32(dt) * (np.float32(1) / stacked) - np.float32(leak))
    return np.array(np.take_along_axis(stacked, error.argmin(axis=0)[None], axis=0)[0])


def _limits(program: Program) -> list[Problem]:
    found = [
        Problem(name, "Norse starts this neuron at its leak potential, not at v_init")
        for name, node in neurons(program)
        if differs(node.v_init, np.asarray(node.offset) / np.where(leak := 1.0 - np.asarray(node.alpha_mem), leak, 1.0))
    ]
    found += [
        Problem(name, "Norse lets v_leak leak into the synapse, too")
        for name, node in neurons(program)
        if node.alpha_syn is not None and np.any(np.asarray(node.offset) != 0)
    ]
    found += [
        Problem(name, "Norse returns one of the summed outputs", "a Linear identity before the Output")
        for name in program.outputs
        if len(program.predecessors(name)) > 1
    ]
    return found + _late(program)


def _misread(program: Program) -> list[Problem]:
    return [
        Problem(name, f"Norse ignores r, and reads a gain of {np.max(node.gain):.3g} as {np.max(_leak(node)):.3g}")
        for name, node in neurons(program)
        if node.kind in ("IF", "LIF") and differs(node.gain, _leak(node))
    ]


def _late(program: Program) -> list[Problem]:
    """Return the nodes that Norse runs before their inputs are there: it runs each where a walk in depth meets it."""
    order: list[str] = []
    stack = list(program.inputs)
    while stack:
        name = stack.pop()
        if name not in order:
            order.append(name)
            stack += [edge.target for edge in reversed(program.successors(name)) if edge.target not in order]
    place = {name: index for index, name in enumerate(order)}
    return [
        Problem(edge.target, f"Norse runs it before {edge.source}, and would add the output of the step before")
        for edge in program.edges
        if not edge.delay and place[edge.source] > place[edge.target]
    ]


def _import(graph: nir.NIRGraph, contract: Contract) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of nirtorch.load, which Norse calls
        module: torch.nn.Module = from_nir(graph, ignore_warnings=True, dt=contract.dt)
    return module


STOCK = Stock(
    name=f"norse {VERSION}",
    capabilities=Capabilities(
        nodes=frozenset({n.Linear, n.Conv2d, n.Flatten, n.SumPool2d}),
        neurons=frozenset({"IF", "LIF", "CubaLIF"}),
        resets=frozenset({"hard"}),
        compares=frozenset({">"}),
        groups=False,
        pool_padding=False,
        v_reset=False,
    ),
    lower=_lower,
    neuron=_writer,
    build=_import,
    limits=_limits,
    misread=_misread,
)
