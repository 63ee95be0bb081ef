"""NEST: our mapping on its iaf_psc_delta, in an environment of its own; the judge that is no torch.

NEST computes in float64, fires at ``>=`` and lets every connection take a step. Its membrane is ``exp(-1 / tau_m) v``
plus the weights of the spikes that arrive: with tau_m = 1e300 the factor is 1 to the last bit. (With 1e12, a usual
choice, it is 1 - 1e-12, and a membrane that should meet its threshold stays below it.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from neurofer.backends.network import Network
from neurofer.backends.populations import NODES, Populations, populations
from neurofer.backends.remote import Frames, remote
from neurofer.errors import Problem, RefusedError
from neurofer.ir import Capabilities, Program
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array

CAPABILITIES = Capabilities(
    nodes=NODES | {n.Threshold}, neurons=frozenset({"IF", "LIF", "I", "LI"}), resets=frozenset({"hard"})
)


def load(program: Program) -> Network:
    """Return ``program`` as NEST's neurons and connections.

    Raises:
        RefusedError: everything that NEST's neurons and connections cannot be.
    """
    if problems := CAPABILITIES.problems(program):
        raise RefusedError("nest cannot run this program", problems=problems)
    found = populations(program, "nest")
    if problems := _limits(found.neurons):
        raise RefusedError("nest cannot run this program", problems=problems)

    return remote(found.program, "nest", "nest_network", partial(_task, found), found.read, load=load)


def _limits(neurons: Mapping[str, n.Neuron]) -> list[Problem]:
    found = []
    for name, node in neurons.items():
        if np.min(node.alpha_mem) < 0 or np.max(node.alpha_mem) > 1:
            found.append(Problem(name, "NEST's membranes decay: alpha_mem must lie in 0..1"))
        if node.theta is None:
            continue
        if np.any(np.asarray(node.theta) <= node.v_reset):
            found.append(Problem(name, "NEST's reset potential must be below the threshold"))
        if np.min(node.theta) <= 0 and np.any(np.asarray(node.theta) > node.v_reset):
            found.append(
                Problem(name, "NEST's neuron would fire before its first input: the threshold must be above 0")
            )
    return found


def _task(found: Populations, frames: Frames) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the plan and arrays for the worker: everything flat, gains and offsets inside weights and drives."""
    steps, samples = next(iter(frames.values())).shape[:2]
    index = {name: k for k, name in enumerate((*found.neurons, *found.spiking_inputs))}
    drives = found.drives(frames)
    arrays: dict[str, Array] = {}
    kinds = []
    for name, node in found.neurons.items():
        shape, k = found.program.shapes[name], index[name]
        drive = _drive(node, drives.get(name), (steps, samples, *shape))
        arrays |= {f"{k}.{key}": np.broadcast_to(value, shape).ravel() for key, value in _parameters(node).items()}
        if drive.any():
            arrays[f"{k}.drive"] = drive.reshape(steps, samples, -1)
        kinds.append({"index": k, "size": math.prod(shape), "depth": found.depths[name], "spiking": node.spiking})
    inputs = [{"index": index[name], "depth": found.depths[name]} for name in found.spiking_inputs]
    arrays |= {f"{index[name]}.spikes": frames[name].reshape(steps, samples, -1) for name in found.spiking_inputs}
    projections = []
    for k, p in enumerate(found.projections):
        gain = np.broadcast_to(np.asarray(found.neurons[p.target].gain), found.program.shapes[p.target]).ravel()
        arrays |= {f"p{k}.rows": p.matrix.rows, f"p{k}.cols": p.matrix.cols}
        arrays[f"p{k}.values"] = gain[p.matrix.rows] * p.matrix.values
        projections.append({"source": index[p.source], "target": index[p.target], "delay": found.delay(p)})
    plan = {"populations": kinds, "inputs": inputs, "projections": projections, "steps": steps, "samples": samples}
    return plan, arrays


def _drive(node: n.Neuron, drive: Array | None, shape: tuple[int, ...]) -> Array:
    """Return what is added to the membrane at each step beside spikes; the start is what it leaves in the first."""
    total = np.zeros(shape) + node.offset
    if drive is not None:
        total += node.gain * drive
    total[0] += np.asarray(node.alpha_mem) * node.v_init
    return total


def _parameters(node: n.Neuron) -> dict[str, Array]:
    """Return NEST's parameters; an integrator's threshold is out of reach."""
    theta = np.asarray(1e300 if node.theta is None else node.theta, np.float64)
    fires = theta if node.compare == ">=" else np.nextafter(theta, np.inf)
    return {"tau_m": _tau(np.asarray(node.alpha_mem)), "V_th": fires, "V_reset": np.asarray(node.v_reset, np.float64)}


def _tau(alpha: Array) -> Array:
    """Return the time constants, in steps, whose ``exp(-1 / tau)`` in float64 comes closest to ``alpha``."""

    def closest(value: float) -> float:
        if value == 1.0:
            return 1e300
        if value == 0.0:
            return 1e-3
        tau = -1.0 / math.log(value)
        near = [tau]
        for direction in (0.0, math.inf):
            for _ in range(8):
                near.append(math.nextafter(near[-1] if len(near) > 1 else tau, direction))
            near.append(tau)
        return min(near, key=lambda candidate: abs(math.exp(-1.0 / candidate) - value))

    return np.asarray(np.vectorize(closest, otypes=[np.float64])(alpha))
