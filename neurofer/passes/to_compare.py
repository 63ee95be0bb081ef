"""One spike condition, ``>=`` or ``>``, for simulators that have only one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurofer.errors import PassError, Problem
from neurofer.ir.nodes import Compare, Neuron, Node, Threshold
from neurofer.ir.program import Program
from neurofer.passes.rewire import exchange


def to_compare(program: Program, compare: Compare) -> Program:
    """Give every Neuron and Threshold the spike condition ``compare`` by moving theta to the neighbouring float32.

    ``u >= theta`` is ``u > theta'`` with theta' the largest float32 below theta, and ``u > theta`` is ``u >=
    theta'`` with the smallest above. What a soft reset subtracts (delta) and the reset value stay as they were.
    Exact for membranes that are float32 values: those of a simulator in float32, and in any precision those of a
    network on a dyadic grid that float32 holds. A float64 membrane between theta' and theta would fire in one form
    and not in the other.

    Requires thetas that are float32 values whose neighbour is a normal, finite float32 (zero's is not: runtimes may
    flush it to zero). Ensures that ``compare`` is the only spike condition.

    Raises:
        PassError: naming every node for which that does not hold.
    """
    toward = np.float32(-np.inf if compare == ">" else np.inf)
    changed: dict[str, Node] = {}
    problems: list[Problem] = []
    for name, node in program.nodes.items():
        if not isinstance(node, (Neuron, Threshold)) or node.theta is None or node.compare == compare:
            continue
        theta = np.asarray(node.theta, np.float64)
        with np.errstate(over="ignore", under="ignore"):
            single = theta.astype(np.float32)
            moved = np.nextafter(single, toward).astype(np.float64)
        usable = np.isfinite(moved) & (np.abs(moved) >= np.finfo(np.float32).tiny)
        if np.any(single != theta):
            odd, near = (float(a[single != theta].flat[0]) for a in (theta, single))
            problems.append(Problem(name, f"the threshold {odd} is not a float32 value", f"{near}"))
        elif not np.all(usable):
            odd = float(theta[~usable].flat[0])
            problems.append(Problem(name, f"the threshold {odd} has no normal float32 beside it", "half a grid step"))
        else:
            changed[name] = replace(node, theta=moved, compare=compare)
    if problems:
        raise PassError(f"thresholds cannot be moved to the spike condition {compare}", problems=problems)
    return exchange(program, changed)
