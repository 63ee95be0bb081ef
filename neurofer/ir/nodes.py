"""The nodes of a Program: frozen dataclasses that know their output shape, domain and parameters.

Shapes leave out time and batch: data flows as ``[T, N, *shape]``. A new node type is one dataclass in `layers` or
`neuron`, its name below, and one handler in each backend that supports it.
"""

from __future__ import annotations

from neurofer.ir.layers import (
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv1d,
    Conv2d,
    Delay,
    Dropout,
    Flatten,
    Input,
    Linear,
    MaxPool2d,
    Output,
    Pair,
    Relu,
    Scale,
    SumPool2d,
)
from neurofer.ir.neuron import Compare, Neuron, Reset, Threshold, spikes
from neurofer.ir.node import Array, Coefficient, Node, Shape, coefficient

KINDS: tuple[type[Node], ...] = (
    Input,
    Output,
    Linear,
    Conv1d,
    Conv2d,
    Scale,
    SumPool2d,
    AvgPool2d,
    MaxPool2d,
    BatchNorm,
    Dropout,
    Relu,
    Concat,
    Flatten,
    Threshold,
    Delay,
    Neuron,
)
"""Every node type."""

LAYERS: tuple[type[Node], ...] = tuple(kind for kind in KINDS if kind not in (Input, Output, Neuron))
"""Every node type that computes and is no Neuron."""

__all__ = [
    "KINDS",
    "LAYERS",
    "Array",
    "AvgPool2d",
    "BatchNorm",
    "Coefficient",
    "Compare",
    "Concat",
    "Conv1d",
    "Conv2d",
    "Delay",
    "Dropout",
    "Flatten",
    "Input",
    "Linear",
    "MaxPool2d",
    "Neuron",
    "Node",
    "Output",
    "Pair",
    "Relu",
    "Reset",
    "Scale",
    "Shape",
    "SumPool2d",
    "Threshold",
    "coefficient",
    "spikes",
]
