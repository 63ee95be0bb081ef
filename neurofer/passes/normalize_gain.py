"""The gain of neurons as simulators fix it: 1, or 1 minus the leak factor."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurofer.errors import PassError, Problem
from neurofer.ir.nodes import Coefficient, Neuron, Node
from neurofer.ir.program import Program
from neurofer.passes.rewire import exchange


def normalize_gain(program: Program, *, gain: Literal["one", "leak"], only: Collection[str] | None = None) -> Program:
    """Rescale the membrane of every spiking neuron so that its gain becomes the one asked for.

    A membrane ``c v`` with the coefficients ``c gain, c offset, c theta, c v_reset, c delta, c v_init`` fires at the
    same steps for every c > 0. Scaling by a power of two is exact in floats (short of overflow and underflow), so
    only that is done.

    Args:
        program: the program.
        gain: ``one`` for 1; ``leak`` for ``1 - alpha_mem``, as a membrane that decays towards its input has it, and 1
            where nothing leaks (alpha_mem 1).
        only: names of the neurons to rescale; None for all.

    Requires positive gains at a distance of a power of two from the one asked for. Ensures that gain for every spiking
    neuron; integrators, whose membrane is their output, are left alone.

    Raises:
        PassError: naming every neuron for which that does not hold.
    """
    changed: dict[str, Node] = {}
    problems: list[Problem] = []
    for name, node in program.nodes.items():
        if only is not None and name not in only:
            continue
        if not isinstance(node, Neuron) or not node.spiking:
            continue
        wanted = _wanted(node, gain)
        present = np.asarray(node.gain, np.float64)
        if np.all(present == wanted):
            continue
        if not np.all(present > 0):
            problems.append(
                Problem(name, f"its gain {np.min(present):g} is not positive", "the sign in the weights before it")
            )
            continue
        factor = wanted / present
        exact = (np.frexp(factor)[0] == 0.5) & (factor * present == wanted)
        if np.all(exact):
            changed[name] = _scaled(node, factor, wanted)
        else:
            why = f"its membrane would be scaled by {factor[~exact].flat[0]}, which is no power of two and rounds"
            problems.append(Problem(name, why, "the gain in the weights before it"))
    if problems:
        raise PassError("gains cannot be normalised exactly", problems=problems)
    return exchange(program, changed)


def _wanted(node: Neuron, gain: Literal["one", "leak"]) -> NDArray[np.float64]:
    alpha = np.asarray(node.alpha_mem, np.float64)
    return np.asarray(np.where((alpha == 1) | (gain == "one"), 1.0, 1.0 - alpha))


def _scaled(node: Neuron, factor: NDArray[np.float64], gain: NDArray[np.float64]) -> Neuron:
    def scaled(value: Coefficient) -> NDArray[np.float64]:
        return np.asarray(factor * value)

    return replace(
        node,
        gain=gain,
        offset=scaled(node.offset),
        theta=None if node.theta is None else scaled(node.theta),
        v_reset=scaled(node.v_reset),
        delta=None if node.delta is None else scaled(node.delta),
        v_init=scaled(node.v_init),
    )
