"""The range of a captured value, where it follows from binary inputs and spikes."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from neurofer.capture.signal import Builder
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Node, spikes

Range = tuple[float, float]
ANY: Range = (-math.inf, math.inf)


def reach(builder: Builder, terms: Iterable[str]) -> Range:
    """Return the lowest and highest value that the sum of ``terms`` can take in any neuron, infinite where unknown."""
    low = high = 0.0
    for term in terms:
        lowest, highest = _reach(builder, term)
        low, high = low + lowest, high + highest
    return low, high


def _reach(builder: Builder, name: str) -> Range:
    node = builder.nodes[name]
    if spikes(node):
        return 0.0, 1.0
    if isinstance(node, n.Input):
        return (0.0, float(node.domain.max)) if node.domain.max is not None else ANY
    low, high = reach(builder, [edge.source for edge in builder.edges if edge.target == name])
    return _through(node, low, high) if math.isfinite(low) and math.isfinite(high) else ANY


def _through(node: Node, low: float, high: float) -> Range:
    match node:
        case n.Linear() | n.Conv1d() | n.Conv2d():
            if not isinstance(node, n.Linear):  # padding adds zeros
                low, high = min(low, 0.0), max(high, 0.0)
            weight = node.weight.astype(np.float64).reshape(len(node.weight), -1)
            up, down = np.maximum(weight, 0.0).sum(1), np.minimum(weight, 0.0).sum(1)
            bias = 0.0 if node.bias is None else node.bias.astype(np.float64)
            return float((up * low + down * high + bias).min()), float((up * high + down * low + bias).max())
        case n.Scale():
            ends = [np.asarray(node.scale) * end for end in (low, high)]
            return float(np.minimum(*ends).min()), float(np.maximum(*ends).max())
        case n.Relu():
            return max(low, 0.0), max(high, 0.0)
        case n.MaxPool2d() | n.AvgPool2d():
            return min(low, 0.0), max(high, 0.0)
        case n.Flatten() | n.Dropout():
            return low, high
    return ANY
