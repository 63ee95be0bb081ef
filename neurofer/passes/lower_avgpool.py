"""Average pooling as sum pooling, with the division in the weights that follow."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from neurofer.ir.nodes import AvgPool2d, Conv1d, Conv2d, Dropout, Flatten, Linear, Node, SumPool2d
from neurofer.ir.program import Program
from neurofer.passes.rewire import exchange

LAYERS = (Linear, Conv1d, Conv2d)


def lower_avgpool(program: Program) -> Program:
    """Replace every AvgPool2d that feeds only weights by a SumPool2d, and divide those weights by its area.

    Only where all paths from the pooling lead, through Flatten and Dropout alone, into Linear or Conv nodes that
    have no other input; any other AvgPool2d stays as it is. The bias is not divided. The division is computed in
    float64 and rounded once to the dtype of the weight: exact where the area is a power of two, else up to rounding.

    Requires nothing. Ensures that such a layer sees sums of spikes, which are whole numbers.
    """
    changed: dict[str, Node] = {}
    for name, node in program.nodes.items():
        if not isinstance(node, AvgPool2d):
            continue
        layers = _layers(program, name)
        if not layers:
            continue
        changed[name] = SumPool2d(node.kernel, node.stride, node.padding)
        for target, layer in layers.items():
            divided = layer.weight.astype(np.float64) / math.prod(node.kernel)
            changed[target] = replace(layer, weight=divided.astype(layer.weight.dtype))
    return exchange(program, changed)


def _layers(program: Program, name: str) -> dict[str, Linear | Conv1d | Conv2d]:
    """Return the layers that the output of ``name`` ends in; none if it also goes elsewhere."""
    found: dict[str, Linear | Conv1d | Conv2d] = {}
    for edge in program.successors(name):
        node = program.nodes[edge.target]
        if len(program.predecessors(edge.target)) > 1:
            return {}
        if isinstance(node, LAYERS):
            found[edge.target] = node
        elif isinstance(node, (Flatten, Dropout)) and (behind := _layers(program, edge.target)):
            found |= behind
        else:
            return {}
    return found
