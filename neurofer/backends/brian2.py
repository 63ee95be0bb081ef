"""Brian2: our mapping on its NeuronGroups and Synapses, in an environment of its own (it needs numpy < 2).

Brian2 computes in float64 with the equations we give it: the Neuron's own, whatever its reset and comparison.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from neurofer.backends.network import Network
from neurofer.backends.populations import NODES, Populations, populations
from neurofer.backends.remote import Frames, remote
from neurofer.errors import RefusedError
from neurofer.ir import Capabilities, Program
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array

CAPABILITIES = Capabilities(
    nodes=NODES | {n.Threshold}, neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"})
)


def load(program: Program) -> Network:
    """Return ``program`` as Brian2's groups and synapses.

    Raises:
        RefusedError: everything that they cannot be.
    """
    if problems := CAPABILITIES.problems(program):
        raise RefusedError("brian2 cannot run this program", problems=problems)
    found = populations(program, "brian2")

    return remote(found.program, "brian2", "brian2_network", partial(_task, found), found.read, load=load)


def _task(found: Populations, frames: Frames) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the plan and arrays for the worker, everything flat."""
    steps, samples = next(iter(frames.values())).shape[:2]
    index = {name: k for k, name in enumerate((*found.neurons, *found.spiking_inputs))}
    arrays: dict[str, Array] = {
        f"{index[name]}.drive": x.reshape(steps, samples, -1) for name, x in found.drives(frames).items()
    }
    kinds = []
    for name, node in found.neurons.items():
        shape, k = found.program.shapes[name], index[name]
        for key in node.COEFFICIENTS:
            if (value := getattr(node, key)) is not None:
                arrays[f"{k}.{key}"] = np.broadcast_to(np.asarray(value, np.float64), shape).ravel()
        rules = {"compare": node.compare if node.spiking else "", "reset": node.reset}
        kinds.append({"index": k, "size": math.prod(shape), "depth": found.depths[name], **rules})
    inputs = [{"index": index[name], "depth": found.depths[name]} for name in found.spiking_inputs]
    arrays |= {f"{index[name]}.spikes": frames[name].reshape(steps, samples, -1) for name in found.spiking_inputs}
    projections = []
    for k, p in enumerate(found.projections):
        arrays |= {f"p{k}.rows": p.matrix.rows, f"p{k}.cols": p.matrix.cols, f"p{k}.values": p.matrix.values}
        projections.append({"source": index[p.source], "target": index[p.target], "delay": found.delay(p)})
    plan = {"populations": kinds, "inputs": inputs, "projections": projections, "steps": steps, "samples": samples}
    return plan, arrays
