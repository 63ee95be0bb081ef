"""Thresholds as neurons, for readers that have no Threshold node."""

from __future__ import annotations

import numpy as np

from neurofer.errors import PassError, Problem
from neurofer.ir.nodes import Neuron, Node, Threshold
from neurofer.ir.program import Program
from neurofer.passes.rewire import exchange


def lower_threshold(program: Program) -> Program:
    """Replace every Threshold by an IF neuron of the same name, threshold and comparison, with hard reset to 0.

    Such a neuron has no memory as long as 0 is the only input that does not make it fire: an input of 0 leaves the
    membrane at 0, any other fires and resets it to 0. The pass is exact.

    Requires inputs that are whole numbers from 0 up (binary, integer or code), and a threshold that 1 passes and 0
    does not: 0 < theta <= 1 with ``>=``, 0 <= theta < 1 with ``>``. Run it before ``lower_sumpool``, since what
    leaves a convolution is no longer known to be whole. Ensures that there is no Threshold.

    Raises:
        PassError: naming every Threshold for which that does not hold.
    """
    changed: dict[str, Node] = {}
    problems: list[Problem] = []
    for name, node in program.nodes.items():
        if not isinstance(node, Threshold):
            continue
        theta, domain = np.asarray(node.theta), program.input_domain(name)
        low, high = ("0 <", "<= 1") if node.compare == ">=" else ("0 <=", "< 1")
        separates = (theta > 0) & (theta <= 1) if node.compare == ">=" else (theta >= 0) & (theta < 1)
        if domain.kind == "real":
            problems.append(
                Problem(name, "its input is real, and a neuron would remember what did not reach the threshold")
            )
        elif not np.all(separates):
            why = f"a neuron remembers inputs below its threshold {np.ravel(theta)[~np.ravel(separates)][0]:g}"
            problems.append(
                Problem(name, why, f"a threshold with {low} theta {high} for the comparison {node.compare}")
            )
        else:
            changed[name] = Neuron(theta=node.theta, compare=node.compare, reset="hard")
    if problems:
        raise PassError("thresholds cannot be lowered to neurons", problems=problems)
    return exchange(program, changed)
