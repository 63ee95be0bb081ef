"""Nodes of a Program and nodes of NIR: for each kind how it is written and, below it, how it is read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import nir
import numpy as np

from neurofer.ir import nodes as n
from neurofer.ir.contract import Contract
from neurofer.ir.nir_neurons import TYPES, read_neuron
from neurofer.ir.threshold import spike_threshold


@dataclass(frozen=True)
class Site:
    """What a node does not know: the shapes that enter and leave it, and the length of a step in seconds."""

    entering: n.Shape
    leaving: n.Shape
    dt: float

    def full(self, value: Any) -> n.Array:
        """Return ``value`` as a float32 array of the shape that enters."""
        return np.array(np.broadcast_to(np.asarray(value, np.float32), self.entering))

    def typed(self, node: nir.NIRNode) -> nir.NIRNode:
        """Return a NIR node with its true types, which NIR does not infer for every configuration."""
        node.input_type, node.output_type = {"input": _ints(self.entering)}, {"output": _ints(self.leaving)}
        return node


def _ints(values: Any) -> n.Array:
    return np.array(values, dtype=np.int64)


@singledispatch
def write_node(node: n.Node, site: Site) -> nir.NIRNode | None:
    """Return the NIR node (for a Neuron see `nir_neurons`); None where NIR has no such primitive."""
    del node, site
    return None


@singledispatch
def read_node(node: Any, contract: Contract) -> n.Node:
    """Return the node that a NIR node is under the contract's dt and scheme.

    Raises:
        ValueError, TypeError: the node is unknown or its values make no sense.
    """
    del contract
    if isinstance(node, n.Node):  # a Scale where an edge was there twice
        return node
    raise ValueError("neurofer does not know this type of node")


for _type in TYPES:
    read_node.register(_type, read_neuron)


@write_node.register
def _write_input(node: n.Input, _: Site) -> nir.NIRNode:
    return nir.Input({"input": _ints(node.shape)})


@read_node.register(nir.Input)
def _read_input(node: Any, _: Contract) -> n.Node:
    shape = node.input_type.get("input")
    if shape is None:
        raise ValueError("the shape is missing")
    return n.Input(tuple(np.ravel(shape)))


@write_node.register
def _write_output(_: n.Output, site: Site) -> nir.NIRNode:
    return nir.Output({"output": _ints(site.leaving)})


@read_node.register(nir.Output)
def _read_output(node: Any, contract: Contract) -> n.Node:
    del node, contract
    return n.Output()


@write_node.register
def _write_linear(node: n.Linear, _: Site) -> nir.NIRNode:
    return nir.Linear(node.weight) if node.bias is None else nir.Affine(node.weight, node.bias)


@read_node.register(nir.Linear)
@read_node.register(nir.Affine)
def _read_linear(node: Any, _: Contract) -> n.Node:
    return n.Linear(node.weight, getattr(node, "bias", None))


@write_node.register
def _write_conv1d(node: n.Conv1d, site: Site) -> nir.NIRNode:
    one = {"stride": node.stride[0], "dilation": node.dilation[0]}
    padding = node.padding if node.padding == "same" else node.padding[0]
    written = nir.Conv1d(None, node.weight, padding=padding, groups=node.groups, bias=_bias(node), **one)
    written.input_shape = site.entering[1]
    return site.typed(written)


@write_node.register
def _write_conv2d(node: n.Conv2d, site: Site) -> nir.NIRNode:
    two = {"stride": node.stride, "dilation": node.dilation, "padding": node.padding}
    written = nir.Conv2d(None, node.weight, groups=node.groups, bias=_bias(node), **two)
    # set after it is made: NIR takes weight.shape[1] for the channels and the first kernel size for both dimensions
    written.input_shape = tuple(site.entering[1:])
    return site.typed(written)


@read_node.register(nir.Conv1d)
@read_node.register(nir.Conv2d)
def _read_conv(node: Any, _: Contract) -> n.Node:
    kind = n.Conv1d if isinstance(node, nir.Conv1d) else n.Conv2d
    return kind(node.weight, node.bias, node.stride, node.padding, node.dilation, node.groups)


def _bias(node: n.Conv1d | n.Conv2d) -> n.Array:
    return np.zeros(len(node.weight), node.weight.dtype) if node.bias is None else node.bias


@write_node.register
def _write_scale(node: n.Scale, site: Site) -> nir.NIRNode:
    return nir.Scale(site.full(node.scale))


@read_node.register(nir.Scale)
def _read_scale(node: Any, _: Contract) -> n.Node:
    return n.Scale(node.scale)


@write_node.register(n.SumPool2d)
@write_node.register(n.AvgPool2d)
def _write_pool(node: n.SumPool2d | n.AvgPool2d, site: Site) -> nir.NIRNode:
    kind = nir.SumPool2d if isinstance(node, n.SumPool2d) else nir.AvgPool2d
    return site.typed(kind(_ints(node.kernel), _ints(node.strides), _ints(node.padding)))


@read_node.register(nir.SumPool2d)
@read_node.register(nir.AvgPool2d)
def _read_pool(node: Any, _: Contract) -> n.Node:
    kind = n.SumPool2d if isinstance(node, nir.SumPool2d) else n.AvgPool2d
    return kind(node.kernel_size, node.stride, node.padding)


@write_node.register
def _write_flatten(node: n.Flatten, site: Site) -> nir.NIRNode:
    return site.typed(nir.Flatten({"input": _ints(site.entering)}, node.start_dim, node.end_dim))


@read_node.register(nir.Flatten)
def _read_flatten(node: Any, _: Contract) -> n.Node:
    return n.Flatten(int(node.start_dim), int(node.end_dim))


@write_node.register
def _write_threshold(node: n.Threshold, site: Site) -> nir.NIRNode:
    return nir.Threshold(site.full(spike_threshold(node.theta, node.compare, ">")))


@read_node.register(nir.Threshold)
def _read_threshold(node: Any, _: Contract) -> n.Node:
    return n.Threshold(node.threshold, ">")


@write_node.register
def _write_delay(node: n.Delay, site: Site) -> nir.NIRNode:
    return nir.Delay(site.full(np.asarray(node.steps) * site.dt))


@read_node.register(nir.Delay)
def _read_delay(node: Any, contract: Contract) -> n.Node:
    steps = np.asarray(node.delay, dtype=np.float64) / contract.dt
    nearest = np.round(steps)
    if np.any(np.abs(steps - nearest) > 1e-3 * np.maximum(nearest, 1.0)):
        raise ValueError(f"the delay of {np.max(node.delay)} s is no multiple of dt = {contract.dt} s")
    return n.Delay(nearest)


def per_neuron(node: Any) -> dict[str, n.Array]:
    """Return the arrays of a NIR node that have one value per neuron: they must have the shape that enters."""
    if not isinstance(node, (*TYPES, nir.Scale, nir.Threshold, nir.Delay)):
        return {}
    return {key: np.asarray(value) for key, value in vars(node).items() if isinstance(value, np.ndarray)}
