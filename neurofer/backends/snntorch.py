"""snnTorch: our importer, on its Leaky and Synaptic; and its own `import_from_nir`."""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import nir
import numpy as np
import snntorch
import torch
from snntorch.import_nir import import_from_nir
from torch import Tensor

from neurofer import passes
from neurofer.backends import torch_network
from neurofer.backends.network import Network, Step
from neurofer.backends.stock import Stock, differs, module_step
from neurofer.backends.stock_names import neurons
from neurofer.backends.torch_network import tensor
from neurofer.errors import Problem, RefusedError
from neurofer.ir import Capabilities, Contract, Program
from neurofer.ir import nodes as n
from neurofer.ir.serde import NeuronWriter, nir_neuron
from neurofer.ir.threshold import spike_threshold

VERSION = version("snntorch")

CAPABILITIES = Capabilities(nodes=torch_network.NODES, neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"}))


def _step(node: n.Neuron) -> Step:
    """Charge and fire in snnTorch's neuron, reset as the contract says.

    snnTorch's own "subtract" subtracts again while the membrane stays above the threshold, and its "zero" knows no
    other reset value, so its neurons run with "none". Their spike condition is ``>``.
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
    _forget(cell)
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


# -- snnTorch's own importer ------------------------------------------------------------------------------------------

IMPORTER_DT = 1e-4
"""The step `import_from_nir` assumes (s); it cannot be told another."""


def _lower(program: Program) -> Program:
    """Thresholds become IF neurons, ``>=`` becomes ``>``, reset goes to 0."""
    program = passes.lower_sumpool(passes.lower_threshold(passes.integrators_to_readout(program)))
    program = passes.to_compare(passes.shift_v_reset(program), ">")
    return program.with_contract(replace(program.contract, dt=IMPORTER_DT))


def _writer(contract: Contract) -> NeuronWriter:
    as_defined = nir_neuron(contract)

    def write(node: n.Neuron, shape: n.Shape) -> nir.NIRNode:
        written = as_defined(node, shape)
        if not isinstance(written, nir.IF):
            return written
        # snnTorch reads nir.IF with a leak of 0.1; as a LIF with tau = 1e4 s its beta rounds to 1 in float32
        tau = np.full(shape, 1e4, np.float32)
        r = np.float32(np.broadcast_to(node.gain, shape)) * np.float32(1e4 / contract.dt)
        return nir.LIF(tau, r, np.zeros_like(tau), written.v_threshold, written.v_reset)

    return write


def _stock_limits(program: Program) -> list[Problem]:
    found = [problem for name, node in neurons(program) for problem in _limits(name, node)]
    for name, node in neurons(program):
        if differs(node.v_init, 0.0) or differs(node.i_init, 0.0):
            found.append(Problem(name, "snnTorch starts every membrane and synapse at 0"))
        if differs(node.offset, 0.0):
            found.append(Problem(name, "snnTorch's importer has no v_leak"))
        if node.alpha_syn is not None and differs(node.gain, 1.0):
            found.append(Problem(name, "snnTorch's importer takes r = tau_mem / dt only"))
    loops = {neuron: weights for weights, neuron in _loops([(e.source, e.target) for e in program.edges])}
    return found + [
        Problem(edge.target, "snnTorch's importer knows recurrence of a neuron through weights of its own only")
        for edge in program.edges
        if edge.delay and loops.get(edge.target) != edge.source
    ]


def _loops(edges: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return (weights, neuron) of every neuron that hears itself through weights that serve it alone."""
    sources = Counter(a for a, _ in edges)
    targets = Counter(b for _, b in edges)
    return [(a, b) for a, b in edges if (b, a) in edges and sources[a] == targets[a] == 1]


def _nest(graph: nir.NIRGraph) -> nir.NIRGraph:
    """Put every recurrent neuron into a graph of its own: flat, the importer sends the input through the weights."""
    nodes, edges = dict(graph.nodes), [(str(a), str(b)) for a, b in graph.edges]
    for weights, name in _loops(edges):
        neuron = nodes[name]
        inner = {
            "input": nir.Input(neuron.input_type),
            name: neuron,
            weights: nodes.pop(weights),
            "output": nir.Output(neuron.output_type),
        }
        loop = [("input", name), (name, weights), (weights, name), (name, "output")]
        nodes[name] = nir.NIRGraph(inner, loop, type_check=False)
        edges = [edge for edge in edges if weights not in edge]
    nested = nir.NIRGraph(nodes, edges, type_check=False)
    nested.metadata = graph.metadata
    return nested


def _misread(program: Program) -> list[Problem]:
    loops = [edge.target for edge in program.edges if edge.delay]
    found = [Problem(name, "snnTorch sends the input of a flat recurrent neuron through its weights") for name in loops]
    return found + [
        Problem(name, "snnTorch reads nir.IF as a Leaky with beta 0.9 that resets by subtraction")
        for name, node in neurons(program)
        if node.kind == "IF"
    ]


def _import(graph: nir.NIRGraph, contract: Contract) -> torch.nn.Module:
    del contract  # its step is fixed
    with contextlib.redirect_stdout(io.StringIO()):  # it reports with print
        module: torch.nn.Module = import_from_nir(graph)
    _forget(module)
    return module


def _forget(module: torch.nn.Module) -> None:
    """Take the neurons off snnTorch's list of all neurons ever made, which would keep every network alive."""
    ours = {id(part) for part in module.modules()}
    instances = snntorch.SpikingNeuron.instances
    instances[:] = [neuron for neuron in instances if id(neuron) not in ours]


def _module_step(module: torch.nn.Module) -> Step:
    """The importer's neurons keep their own state: the first step resets it."""
    if not isinstance(module, snntorch.SpikingNeuron):
        return module_step(module)

    def step(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        if state is None:
            module.reset_mem()
        out = module(x)
        return (out[0] if isinstance(out, tuple) else out), True

    return step


STOCK = Stock(
    name=f"snntorch {VERSION}",
    capabilities=Capabilities(
        nodes=frozenset({n.Linear, n.Conv1d, n.Conv2d, n.Flatten, n.SumPool2d, n.AvgPool2d}),
        neurons=frozenset({"IF", "LIF", "CubaLIF"}),
        resets=frozenset({"hard"}),
        compares=frozenset({">"}),
        groups=False,
        pool_padding=False,
        per_neuron=False,
        v_reset=False,
    ),
    lower=_lower,
    neuron=_writer,
    build=_import,
    limits=_stock_limits,
    misread=_misread,
    step=_module_step,
    dt=IMPORTER_DT,
    wrap=_nest,
)
