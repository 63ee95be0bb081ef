"""How far float32 rounding can move a value: the bound that tells a tie from a difference in meaning.

A sum of k terms in float32 is off by less than ``(k + 2) * 2^-23`` times the sum of the absolute terms, in whatever
order it is taken. Beside every exact value runs a bound on its error: each operation passes its inputs' bounds on and
adds its own (running error analysis: Higham, Accuracy and Stability of Numerical Algorithms, section 3.3). A spike that
flips while its membrane is farther than that from the threshold was not flipped by rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from neurofer.backends import reference
from neurofer.backends.network import Network, Step
from neurofer.ir import Program, Trace
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array, Coefficient
from neurofer.ir.trace import read
from neurofer.verify.replay import drive, layer

ROUNDING = 2.0**-23
UNDERFLOW = 2.0**-126
"""What a term may lose where float32 has no more exponents, also where a runtime flushes to zero."""


@dataclass(frozen=True)
class Bounded:
    """A value as the reference has it, and the most by which a float32 runtime can be off."""

    value: Array
    error: Array

    @classmethod
    def exact(cls, value: Any) -> Bounded:
        """Return a value that float32 holds up to its own rounding (not at all for spikes and small integers)."""
        value = np.asarray(value, np.float64)
        return cls(value, np.abs(value - value.astype(np.float32)))

    def __add__(self, other: Bounded) -> Bounded:
        value = self.value + other.value
        return Bounded(value, self.error + other.error + ROUNDING * np.abs(value))

    def times(self, factor: Coefficient) -> Bounded:
        """Return the product with a coefficient, which is itself rounded to float32."""
        value = factor * self.value
        return Bounded(value, np.abs(factor) * self.error + 2 * ROUNDING * np.abs(value))

    def where(self, condition: Array, other: Bounded) -> Bounded:
        """Return ``other`` where ``condition`` holds, else this."""
        value = np.where(condition, other.value, self.value)
        return Bounded(value, np.where(condition, other.error, self.error))


def load(program: Program, only: Iterable[str] | None = None) -> Network:
    """Return the program, or ``only`` some of its nodes, ready to run on Bounded values."""
    steps = {name: _step(program.nodes[name]) for name in (program.nodes if only is None else only)}
    return Network(program, steps, Bounded.exact, lambda x: np.asarray(x.value), _join, "float64 with error bounds")


def _join(parts: Sequence[Bounded], axis: int) -> Bounded:
    values, errors = [part.value for part in parts], [part.error for part in parts]
    return Bounded(np.concatenate(values, axis), np.concatenate(errors, axis))


def _step(node: n.Node) -> Step:
    if isinstance(node, n.Neuron):
        return lambda x, state: _charge_and_reset(node, x, state)[1:]
    if isinstance(node, n.Delay):
        return partial(_delay, reference.step_function(node))
    function = bounded(node)
    return lambda x, state: (function(x), state)


def _delay(step: Step, x: Bounded, state: Any) -> tuple[Bounded, Any]:
    values, errors = (None, None) if state is None else state
    value, values = step(x.value, values)
    error, errors = step(x.error, errors)
    return Bounded(value, error), (values, errors)


def bounded(node: n.Node) -> Callable[[Bounded], Bounded]:
    """Return what gives the output of a node without memory, with its bound.

    A node of k terms turns inputs x off by e into outputs off by ``|W| e + (k + 2) * 2^-23 * (|W| (|x| + e) + |b|)``.
    """
    if isinstance(node, n.Threshold):
        return lambda x: Bounded.exact(reference.stateless(node, x.value))
    if isinstance(node, n.Relu):
        return _rectified
    terms, node = _terms(node), reference.widened(node)
    if terms is None:
        # a maximum is off by at most the largest error in its window; what only moves values moves their errors
        return lambda x: Bounded(reference.stateless(node, x.value), _applied(node, x.error))
    count, absolute, linear = terms

    def function(x: Bounded) -> Bounded:
        size = reference.stateless(absolute, np.abs(x.value) + x.error)
        error = _applied(linear, x.error) + (count + 2) * (ROUNDING * size + UNDERFLOW)
        return Bounded(reference.stateless(node, x.value), error)

    return function


def _rectified(x: Bounded) -> Bounded:
    value = np.maximum(x.value, 0.0)
    above, below = np.maximum(x.value + x.error, 0.0) - value, value - np.maximum(x.value - x.error, 0.0)
    return Bounded(value, np.maximum(above, below))


def _applied(node: n.Node, error: Array) -> Array:
    """Return what ``node``, which takes zeros to zeros, makes of an error; most layers are fed exact spikes."""
    if error.any():
        return reference.stateless(node, error)
    return np.zeros((len(error), *node.output_shape(error.shape[1:])))


def _terms(node: n.Node) -> tuple[int, n.Node, n.Node] | None:
    """Return how many terms one output of ``node`` adds up, what adds up their absolute values, and that without bias.

    None where values are only moved or compared.
    """
    match node:
        case n.Linear() | n.Conv1d() | n.Conv2d():
            linear = replace(node, weight=np.abs(node.weight.astype(np.float64)), bias=None)
            absolute = linear if node.bias is None else replace(linear, bias=np.abs(node.bias))
            return node.weight[0].size + 1, absolute, linear
        case n.Scale():
            scale = n.Scale(np.abs(node.scale))
            return 1, scale, scale
        case n.SumPool2d() | n.AvgPool2d():
            return node.kernel[0] * node.kernel[1], node, node
        case n.BatchNorm():
            # three terms x w / s, mean w / s and bias; root and quotient of the factor round, too
            weight, zero = np.abs(node.weight), np.zeros_like(node.mean)
            norm = replace(node, mean=-np.abs(node.mean), weight=weight, bias=np.abs(node.bias))
            return 8, norm, replace(norm, mean=zero, bias=zero)
    return None


def _charge_and_reset(node: n.Neuron, x: Bounded, state: Any) -> tuple[Bounded, Bounded, Any]:
    """Return membrane ``u``, output and next state of a Neuron, each with its bound."""
    v, i = (Bounded.exact(node.v_init), Bounded.exact(node.i_init)) if state is None else state
    i = x if node.alpha_syn is None else i.times(node.alpha_syn) + x.times(node.w_in)
    u = v.times(node.alpha_mem) + i.times(node.gain) + Bounded.exact(node.offset)
    if node.theta is None:
        return u, u, (u, i)
    s = u.value >= node.theta if node.compare == ">=" else u.value > node.theta
    if node.reset == "hard" or node.delta is None:
        v = u.where(s, Bounded.exact(node.v_reset))
    else:
        v = u.where(s, u + Bounded.exact(-np.asarray(node.delta)))
    return u, Bounded.exact(s), (v, i)


def membranes(program: Program, golden: Trace, name: str) -> Iterator[tuple[Array, Array, Array]]:
    """Yield for each step the membrane ``u`` of ``name``, its spikes, and the bound on its float32 rounding error.

    Args:
        program: the reference's program.
        golden: the reference's trace.
        name: a Neuron or a Threshold.
    """
    node = program.nodes[name]
    theta = node.theta if isinstance(node, (n.Neuron, n.Threshold)) and node.theta is not None else 0.0
    slack = ROUNDING * np.abs(theta)
    state: Any = None
    for x in _drive(program, golden, name):
        if isinstance(node, n.Neuron):
            u, out, state = _charge_and_reset(node, x, state)
        else:
            u, out = x, bounded(node)(x)
        yield u.value, out.value, np.broadcast_to(u.error + slack, u.value.shape)


def _drive(program: Program, golden: Trace, name: str) -> Iterator[Bounded]:
    return drive(load(program, layer(program, name)), golden, name)


def readout_bound(program: Program, golden: Trace) -> Array:
    """Return the bound on the float32 rounding error of the readout, ``[N, *shape]``."""
    values = list(_drive(program, golden, program.readout))
    readout = program.contract.readout
    reduced = readout if readout.reduction in ("last", "rate") else type(readout)("sum")
    error = read(np.stack([x.error for x in values]), reduced)
    size = read(np.stack([np.abs(x.value) for x in values]), reduced)
    return np.asarray(error + (len(values) + 2) * ROUNDING * size)
