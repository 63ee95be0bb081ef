"""How far float32 rounding can move a membrane: the bound that tells a tie from a difference in meaning.

A sum of n terms in float32 is off by at most about ``(n + 2) * 2^-23`` times the sum of the absolute terms, in whatever
order it is taken. A spike that flips while its membrane is farther than that from the threshold was not flipped by
rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurofer.backends import reference
from neurofer.ir import Program, Trace
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array, Coefficient
from neurofer.ir.trace import read
from neurofer.verify.replay import drive, magnitudes, terms

ROUNDING = 2.0**-23


def _drives(program: Program, golden: Trace, name: str) -> Iterator[tuple[Array, Array, Array]]:
    """Yield the value, the sum of absolute terms and the number of terms that enter ``name`` at each step."""
    exact = drive(reference.load(program), golden, name)
    size = drive(reference.load(magnitudes(program)), _nonnegative(golden), name)
    count = drive(reference.load(terms(program)), _nonzero(golden), name)
    yield from zip(exact, size, count, strict=True)


def membranes(program: Program, golden: Trace, name: str) -> Iterator[tuple[Array, Array, Array]]:
    """Yield for each step the membrane ``u`` of ``name``, its spikes, and the bound on its float32 rounding error.

    Args:
        program: the reference's program.
        golden: the reference's trace.
        name: a Neuron that spikes, or a Threshold.
    """
    node = program.nodes[name]
    if not isinstance(node, n.Neuron):
        theta = node.theta if isinstance(node, n.Threshold) else 0.0
        for x, size, count in _drives(program, golden, name):
            yield x, reference.stateless(node, x), _bound(count, size + np.abs(theta))
        return
    state: object = None
    current, membrane = _Sum(np.abs(node.i_init)), _Sum(np.abs(node.v_init))
    for x, size, count in _drives(program, golden, name):
        s, u, state = reference.neuron_step(node, x, state)
        if node.alpha_syn is None:
            current = _Sum(size, count)
        else:
            current = current.leak(node.alpha_syn).add(_Sum(size, count), node.w_in)
        membrane = membrane.leak(node.alpha_mem).add(current, node.gain).add(_Sum(np.abs(node.offset), 1))
        yield u, s, _bound(membrane.count, membrane.size)
        if node.reset == "hard":
            fired = s > 0
            membrane = _Sum(np.where(fired, np.abs(node.v_reset), membrane.size), np.where(fired, 1, membrane.count))
        elif node.delta is not None:
            membrane = membrane.add(_Sum(s * np.abs(node.delta), s))


@dataclass(frozen=True)
class _Sum:
    """The sum of the absolute terms of a value, and their number."""

    size: Any
    count: Any = 0

    def leak(self, alpha: Coefficient) -> _Sum:
        return _Sum(self.size * np.abs(alpha), self.count + 1)

    def add(self, other: _Sum, factor: Coefficient = 1.0) -> _Sum:
        return _Sum(self.size + np.abs(factor) * other.size, self.count + other.count)


def readout_bound(program: Program, golden: Trace) -> Array:
    """Return the bound on the float32 rounding error of the readout, ``[N, *shape]``."""
    name, readout = program.readout, program.contract.readout
    sizes, counts = [], []
    for _, magnitude, number in _drives(program, golden, name):
        sizes.append(magnitude)
        counts.append(number)
    reduced = readout if readout.reduction == "last" else type(readout)("sum")
    # a mean over steps divides, which costs one more rounding of a smaller value
    return _bound(read(np.stack(counts), reduced), read(np.stack(sizes), reduced))


def _bound(count: Array, size: Array) -> Array:
    return np.asarray((count + 2) * ROUNDING * size)


def _nonnegative(golden: Trace) -> Trace:
    return Trace(golden.steps, golden.samples, {k: np.abs(v) for k, v in golden.inputs.items()}, golden.spikes)


def _nonzero(golden: Trace) -> Trace:
    inputs = {name: (value != 0).astype(np.float64) for name, value in golden.inputs.items()}
    return Trace(golden.steps, golden.samples, inputs, golden.spikes)
