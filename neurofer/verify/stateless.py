"""Programs without memory and spikes (the ANN baselines): how far float32 may be off, and which node is off by more.

Running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, section 3.3): beside every value of the
float64 reference goes a bound on how far a float32 run can be from it. A layer of ``n`` terms turns inputs ``x`` with
bounds ``e`` into ``|W| e + (n + 2) * 2^-23 * (|W| (|x| + e) + |b|)``; ReLU and max pooling never widen it.

From end to end the bound is safe, but it grows with every layer, so alone it would let a wrong weight pass in a deep
network. Therefore each node is also checked alone: fed what the runtime itself computed, it may be off by the rounding
of one layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from neurofer.backends import reference
from neurofer.backends.network import Network
from neurofer.ir import Program, Trace
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array
from neurofer.ir.trace import read
from neurofer.verify.rounding import ROUNDING

UNDERFLOW = 2.0**-126
"""What a term may lose where float32 has no more exponents, also where a runtime flushes to zero."""


@dataclass(frozen=True)
class Bounded:
    """A float64 value, and how far a float32 run may be from it."""

    value: Array
    error: Array


def stateless(program: Program) -> bool:
    """Whether nothing in ``program`` spikes or remembers."""
    return not program.recurrent and not any(node.stateful or n.spikes(node) for node in program.nodes.values())


def readout_bound(program: Program, golden: Trace) -> Array:
    """Return the bound on the float32 rounding error of a stateless program's readout, ``[N, *shape]``."""
    errors = [values[program.readout].error for values in _evaluate(program, golden.inputs)]
    return np.asarray(read(np.stack(errors), program.contract.readout))


def faults(program: Program, network: Network, golden: Trace) -> tuple[list[str], int]:
    """Return the nodes that are off by more than their own rounding when fed what the runtime computed.

    Returns:
        Their names in the order of the graph, and the number of nodes compared.
    """
    found: set[str] = set()
    compared: set[str] = set()
    for values in network.values(golden.inputs):
        known = {name: _exactly(np.asarray(value, np.float64)) for name, value in values.items()}
        for name in program.order:
            edges = program.predecessors(name)
            if not edges or name not in known or any(edge.source not in known for edge in edges):
                continue
            compared.add(name)
            expected = _node(program.nodes[name], _gather(program, name, known))
            if not _within(known[name].value.reshape(expected.value.shape), expected):
                found.add(name)
    return [name for name in program.order if name in found], len(compared)


def _within(value: Array, expected: Bounded) -> bool:
    """Whether ``value`` is as near as its bound; values that are not finite must be the same."""
    with np.errstate(invalid="ignore"):
        near = np.abs(value - expected.value) <= expected.error
    same = (value == expected.value) | (np.isnan(value) & np.isnan(expected.value))
    return bool(np.all(near | same))


def _exactly(value: Array) -> Bounded:
    return Bounded(value, np.zeros_like(value))


def _evaluate(program: Program, inputs: Mapping[str, Array]) -> Iterator[dict[str, Bounded]]:
    for t in range(len(next(iter(inputs.values())))):
        values: dict[str, Bounded] = {}
        for name in program.order:
            if name in inputs:
                x = np.asarray(inputs[name][t], dtype=np.float64)
                values[name] = Bounded(x, np.abs(x - x.astype(np.float32)))
            else:
                values[name] = _node(program.nodes[name], _gather(program, name, values))
        yield values


def _gather(program: Program, name: str, values: Mapping[str, Bounded]) -> Bounded:
    terms = [values[edge.source] for edge in program.predecessors(name)]
    node = program.nodes[name]
    if isinstance(node, n.Concat):
        axis = node.axis + 1 if node.axis >= 0 else node.axis
        return Bounded(
            *(np.concatenate(parts, axis) for parts in zip(*((b.value, b.error) for b in terms), strict=True))
        )
    if len(terms) == 1:
        return terms[0]
    value, error = (np.sum(parts, axis=0) for parts in zip(*((b.value, b.error) for b in terms), strict=True))
    size = np.sum([np.abs(term.value) + term.error for term in terms], axis=0)
    return Bounded(value, error + _rounding(len(terms), size))


def _node(node: n.Node, x: Bounded) -> Bounded:
    y = reference.stateless(node, x.value)
    if isinstance(node, n.Relu):
        above, below = np.maximum(x.value + x.error, 0.0) - y, y - np.maximum(x.value - x.error, 0.0)
        return Bounded(y, np.maximum(above, below))
    count, absolute = _terms(node)
    if not count:
        return Bounded(y, reference.stateless(node, x.error))
    size = reference.stateless(absolute, np.abs(x.value) + x.error)
    spread = reference.stateless(absolute, x.error) - reference.stateless(absolute, np.zeros_like(x.error))
    return Bounded(y, spread + _rounding(count, size))


def _terms(node: n.Node) -> tuple[int, n.Node]:
    """Return how many terms one output of ``node`` adds up, and the node that adds up their absolute values.

    No terms where values are only moved or compared.
    """
    match node:
        case n.Linear() | n.Conv1d() | n.Conv2d():
            bias = None if node.bias is None else np.abs(node.bias)
            return node.weight[0].size + 1, replace(node, weight=np.abs(node.weight), bias=bias)
        case n.Scale():
            return 1, n.Scale(np.abs(node.scale))
        case n.SumPool2d() | n.AvgPool2d():
            return node.kernel[0] * node.kernel[1], node
        case n.BatchNorm():
            # three terms x w / s, mean w / s and bias; root and quotient of the factor round, too
            return 8, replace(node, mean=-np.abs(node.mean), weight=np.abs(node.weight), bias=np.abs(node.bias))
    return 0, node


def _rounding(count: int, size: Array) -> Array:
    return np.asarray((count + 2) * (ROUNDING * size + UNDERFLOW))
