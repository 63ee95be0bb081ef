"""sinabs: our mapping on its LIF, IAF and ExpLeak layers, and its own `from_nir`, in an environment of its own.

sinabs fires at ``>=``. Its decays are used as they are (``train_alphas``), its current joins the membrane undivided
(``norm_input`` off), and it fires once per step (``SingleSpike``); its own importer sets all three otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nir
import numpy as np

from neurofer.backends.network import Network
from neurofer.backends.remote import Frames, remote
from neurofer.backends.remote_stock import RemoteStock
from neurofer.backends.stock_names import collisions, neurons
from neurofer.errors import Problem, RefusedError
from neurofer.ir import Capabilities, Contract, Program
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array
from neurofer.ir.serde import NeuronWriter, nir_neuron
from neurofer.ir.threshold import spike_threshold

CAPABILITIES = Capabilities(
    nodes=frozenset(n.LAYERS) - {n.BatchNorm},
    neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"}),
)


def load(program: Program) -> Network:
    """Return ``program`` on sinabs' layers.

    Raises:
        RefusedError: everything sinabs cannot run.
    """
    if problems := CAPABILITIES.problems(program):
        raise RefusedError("sinabs cannot run this program", problems=problems)
    index = {name: k for k, name in enumerate(program.order)}
    arrays: dict[str, Array] = {}
    nodes = []
    for name, k in index.items():
        settings, coefficients = _described(program, name)
        arrays |= {f"{k}.{key}": value for key, value in coefficients.items()}
        edges = [[index[edge.source], edge.delay] for edge in program.predecessors(name)]
        nodes.append({"kind": type(program.nodes[name]).__name__, "edges": edges, **settings})
    wanted = [name for name in program.order if n.spikes(program.nodes[name]) or name in program.outputs]
    static = sorted(index[name] for name in program.static)

    def ask(frames: Frames) -> tuple[dict[str, Any], dict[str, Array]]:
        entering = {f"{index[name]}.frames": x for name, x in frames.items()}
        plan = {"nodes": nodes, "wanted": [index[name] for name in wanted], "static": static}
        return {**plan, "steps": len(next(iter(frames.values())))}, {**arrays, **entering}

    def answer(frames: Frames, made: Mapping[str, Array]) -> dict[str, Array]:
        del frames
        return {name: made[f"{index[name]}.out"] for name in wanted}

    return remote(program, "sinabs", "sinabs_layers", ask, answer, load=load)


def _described(program: Program, name: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what the worker must know of a node: settings, and float32 arrays."""
    node = program.nodes[name]
    settings: dict[str, Any] = {"shape": program.shapes[name]}
    if program.predecessors(name):
        settings["entering"] = program.input_shape(name)
    values: dict[str, Any] = {}
    match node:
        case n.Linear():
            values = {"weight": node.weight, "bias": node.bias}
        case n.Conv1d() | n.Conv2d():
            values = {"weight": node.weight, "bias": node.bias}
            settings |= {"stride": node.stride, "pads": node.pads, "dilation": node.dilation, "groups": node.groups}
        case n.Scale():
            values = {"scale": node.scale}
        case n.SumPool2d() | n.AvgPool2d() | n.MaxPool2d():
            settings |= {"kernel": node.kernel, "stride": node.strides, "pads": [(p, p) for p in node.padding]}
        case n.Concat():
            settings |= {"axis": node.batch_axis}
        case n.Threshold():
            values = {"theta": spike_threshold(node.theta, node.compare, ">=")}
        case n.Delay():
            values = {"steps": np.broadcast_to(node.steps, program.shapes[name])}
        case n.Neuron():
            settings |= {"perfect": bool(np.all(np.asarray(node.alpha_mem) == 1)), "reset": node.reset}
            values = {key: getattr(node, key) for key in node.COEFFICIENTS}
            if node.theta is not None:
                values["theta"] = spike_threshold(node.theta, node.compare, ">=")
    return settings, {key: np.asarray(value, np.float32) for key, value in values.items() if value is not None}


# -- sinabs' own importer ---------------------------------------------------------------------------------------------


def _misread(program: Program) -> list[Problem]:
    found = collisions(program)
    for name, node in neurons(program):
        if not node.spiking:
            continue
        found.append(Problem(name, "sinabs fires as often per step as the threshold fits into the membrane"))
        if node.reset == "hard":
            found.append(Problem(name, "sinabs subtracts the threshold instead of resetting"))
        if node.kind == "IF":
            found.append(Problem(name, "sinabs keeps the membrane of an IF from falling below minus its threshold"))
        else:
            found.append(Problem(name, "sinabs takes time constants for a number of steps, and ignores r"))
    return found


def _writer(contract: Contract) -> NeuronWriter:
    as_defined = nir_neuron(contract)

    def write(node: n.Neuron, shape: n.Shape) -> nir.NIRNode:
        written = as_defined(node, shape)
        if node.theta is not None:
            theta = spike_threshold(node.theta, node.compare, ">=")
            written.v_threshold = np.array(np.broadcast_to(theta, shape))
        return written

    return write


STOCK = RemoteStock(
    environment="sinabs",
    worker="nirtorch_graph",
    capabilities=Capabilities(
        nodes=frozenset({n.Linear, n.Conv2d, n.SumPool2d, n.Flatten, n.Threshold}),
        neurons=frozenset({"IF", "LIF"}),
        resets=frozenset({"soft"}),
        compares=frozenset({">="}),
        pool_padding=False,
        recurrent=False,
        v_reset=False,
    ),
    misread=_misread,
    neuron=_writer,
    biased=True,
    old_nir=True,
)
