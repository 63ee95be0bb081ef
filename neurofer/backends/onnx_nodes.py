"""Every node of a Program as ONNX operators for one time step, in one table: a new node kind is one function here.

The same operators stand in an ANN's graph, in the body of the Scan over time, and in the graph of a single step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from neurofer.ir import nodes as n
from neurofer.ir.nodes import Coefficient, Shape


@dataclass
class State:
    """What a step hands to the next: an input ``name`` of the step, and ``after``, the tensor that takes its place.

    Attributes:
        name: tensor that holds the state before the step.
        shape: with ``N`` for the batch.
        first: the state before the first step, broadcast to ``shape``.
        after: tensor that holds the state after the step.
    """

    name: str
    shape: tuple[str | int, ...]
    first: Coefficient
    after: str = ""


@dataclass
class Graph:
    """ONNX nodes, weights and states written so far. Every tensor has a name of its own.

    Attributes:
        taken: names given so far, those of the program's nodes from the start; shared by all graphs of a model.
        weights: shared, too: they stand beside the Scan, not in its body.
    """

    taken: set[str]
    weights: list[TensorProto]
    nodes: list[NodeProto] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)

    def name(self, wanted: str) -> str:
        """Return ``wanted``, changed if a tensor has that name."""
        while wanted in self.taken:
            wanted += "_"
        self.taken.add(wanted)
        return wanted

    def weight(self, name: str, value: Any) -> str:
        """Store a constant in float32, whole numbers in int64, and return its name."""
        array = np.array(value)
        name = self.name(name)
        self.weights.append(
            numpy_helper.from_array(array.astype(np.float32 if array.dtype.kind == "f" else "i8"), name)
        )
        return name

    def add(self, kind: str, inputs: Sequence[str], name: str, *, node: bool = False, **attributes: Any) -> str:
        """Add an operator named as its output, and return that name; ``node``: it is the program's node ``name``."""
        name = name if node else self.name(name)
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def total(self, terms: Sequence[str], name: str, *, node: bool = False) -> str:
        """Return the sum of one or more tensors; the last addition is called ``name``."""
        total = terms[0]
        for index, term in enumerate(terms[1:], 1):
            last = index == len(terms) - 1
            total = self.add("Add", [total, term], name if last else f"{name}.{index}", node=node and last)
        return total

    def state(self, key: str, shape: tuple[str | int, ...], first: Coefficient) -> State:
        """Return the state called ``key``, made the first time it is asked for."""
        if key not in self.states:
            self.states[key] = State(self.name(key), shape, first)
        return self.states[key]


@dataclass(frozen=True)
class Site:
    """A node of the program with one input ``x`` ``[N, *shape]``, and where its operators go."""

    graph: Graph
    name: str
    x: str
    shape: Shape

    def weight(self, key: str, value: Any) -> str:
        """Store a constant of the node."""
        return self.graph.weight(f"{self.name}.{key}", value)

    def add(self, kind: str, inputs: Sequence[str], key: str = "", **attributes: Any) -> str:
        """Add an operator; the one without a ``key`` gives the node's output."""
        return self.graph.add(kind, inputs, f"{self.name}.{key}" if key else self.name, node=not key, **attributes)

    def times(self, x: str, key: str, factor: Coefficient) -> str:
        """Multiply by a coefficient, where that changes anything."""
        if isinstance(factor, float) and factor == 1.0:
            return x
        return self.add("Mul", [x, self.weight(key, factor)], f"{key}.product")

    def state(self, key: str, first: Coefficient) -> State:
        """Return a state of the input's shape."""
        return self.graph.state(f"{self.name}.{key}", ("N", *self.shape), first)


Writer = Callable[[Site, Any], str]


def _weights(site: Site, node: n.Linear | n.Conv1d | n.Conv2d) -> list[str]:
    stored = {"weight": node.weight, "bias": node.bias}
    return [site.weight(key, value) for key, value in stored.items() if value is not None]


def _linear(site: Site, node: n.Linear) -> str:
    return site.add("Gemm", [site.x, *_weights(site, node)], transB=1)


def _convolution(site: Site, node: n.Conv1d | n.Conv2d) -> str:
    before, after = zip(*node.pads, strict=True)
    return site.add(
        "Conv",
        [site.x, *_weights(site, node)],
        kernel_shape=node.kernel,
        strides=node.stride,
        pads=before + after,
        dilations=node.dilation,
        group=node.groups,
    )


def _scale(site: Site, node: n.Scale) -> str:
    return site.add("Mul", [site.x, site.weight("scale", node.scale)])


def _window(node: n.SumPool2d | n.AvgPool2d | n.MaxPool2d) -> dict[str, Any]:
    return {"kernel_shape": node.kernel, "strides": node.strides, "pads": node.padding * 2}


def _sum_pool(site: Site, node: n.SumPool2d) -> str:
    # the mean times the area would round twice: ones add up exactly
    ones = site.weight("ones", np.ones((site.shape[0], 1, *node.kernel)))
    return site.add("Conv", [site.x, ones], group=site.shape[0], **_window(node))


def _average_pool(site: Site, node: n.AvgPool2d) -> str:
    if node.kernel == site.shape[1:] and not any(node.padding):
        return site.add("GlobalAveragePool", [site.x])
    return site.add("AveragePool", [site.x], count_include_pad=1, **_window(node))


def _max_pool(site: Site, node: n.MaxPool2d) -> str:
    return site.add("MaxPool", [site.x], **_window(node))


def _batch_norm(site: Site, node: n.BatchNorm) -> str:
    stored = [site.weight(key, getattr(node, key)) for key in ("weight", "bias", "mean", "var")]
    return site.add("BatchNormalization", [site.x, *stored], epsilon=node.eps)


def _dropout(site: Site, node: n.Dropout) -> str:
    del node  # and it leaves no operator
    return site.x


def _relu(site: Site, node: n.Relu) -> str:
    del node
    return site.add("Relu", [site.x])


def _flatten(site: Site, node: n.Flatten) -> str:
    output = node.output_shape(site.shape)
    if len(output) == 1:
        return site.add("Flatten", [site.x], axis=1)
    return site.add("Reshape", [site.x, site.weight("shape", (0, *output))])  # 0 keeps the batch


def _fires(site: Site, node: n.Neuron | n.Threshold, u: str) -> str:
    """Add spike condition and spikes; return the condition."""
    kind = "GreaterOrEqual" if node.compare == ">=" else "Greater"
    fires = site.add(kind, [u, site.weight("theta", node.theta)], "fires")
    site.add("Cast", [fires], to=TensorProto.FLOAT)
    return fires


def _threshold(site: Site, node: n.Threshold) -> str:
    _fires(site, node, site.x)
    return site.name


def _neuron(site: Site, node: n.Neuron) -> str:
    """Synapse before membrane before spike before reset, as `Neuron` defines them."""
    i = site.x
    if node.alpha_syn is not None:
        current = site.state("i", node.i_init)
        old = site.times(current.name, "alpha_syn", node.alpha_syn)
        i = current.after = site.add("Add", [old, site.times(i, "w_in", node.w_in)], "current")
    membrane = site.state("v", node.v_init)
    terms = [site.times(membrane.name, "alpha_mem", node.alpha_mem), site.times(i, "gain", node.gain)]
    if np.any(node.offset):
        terms.append(site.weight("offset", node.offset))
    u = site.graph.total(terms, f"{site.name}.u")
    if node.theta is None:
        membrane.after = u
        return site.add("Identity", [u])
    fires = _fires(site, node, u)
    if node.delta is None:
        reset = site.weight("v_reset", node.v_reset)
    else:  # only a soft reset has a delta
        reset = site.add("Sub", [u, site.weight("delta", node.delta)], "less")
    membrane.after = site.add("Where", [fires, reset, u], "reset")
    return site.name


def _delay(site: Site, node: n.Delay) -> str:
    """Keep the last inputs, the newest first, in ``[longest delay, N, *shape]``."""
    longest = int(np.max(node.steps))
    if not longest:
        return site.add("Identity", [site.x])
    past = site.graph.state(f"{site.name}.past", (longest, "N", *site.shape), 0.0)
    axis = site.weight("axis", [0])
    newest = site.add("Unsqueeze", [site.x, axis], "newest")
    ring = site.add("Concat", [newest, past.name], "ring", axis=0)
    past.after = site.add("Slice", [ring, axis, site.weight("longest", [longest])], "kept")
    if isinstance(node.steps, float):
        return site.add("Gather", [ring, site.weight("steps", longest)], axis=0)
    size = site.add("Shape", [newest], "size")
    index = site.add("Expand", [site.weight("steps", node.steps.astype(np.int64)[None, None]), size], "index")
    found = site.add("GatherElements", [ring, index], "found", axis=0)
    return site.add("Squeeze", [found, axis])


WRITERS: dict[type[n.Node], Writer] = {
    n.Linear: _linear,
    n.Conv1d: _convolution,
    n.Conv2d: _convolution,
    n.Scale: _scale,
    n.SumPool2d: _sum_pool,
    n.AvgPool2d: _average_pool,
    n.MaxPool2d: _max_pool,
    n.BatchNorm: _batch_norm,
    n.Dropout: _dropout,
    n.Relu: _relu,
    n.Flatten: _flatten,
    n.Threshold: _threshold,
    n.Delay: _delay,
    n.Neuron: _neuron,
}
"""Node type -> the function that writes it and returns the tensor that holds its output. A Concat joins its inputs."""


def write(graph: Graph, name: str, node: n.Node, sources: Sequence[str], shape: Shape) -> str:
    """Write a node of the program and return the tensor that holds its output.

    Args:
        graph: where to.
        name: of the node, and of the tensor unless the node leaves none.
        node: any but Input and Output.
        sources: the tensors that enter it.
        shape: of what enters it, after summing or joining.
    """
    if isinstance(node, n.Concat):
        return graph.add("Concat", sources, name, node=True, axis=node.axis % len(shape) + 1)
    x = graph.total(sources, f"{name}.sum")
    return WRITERS[type(node)](Site(graph, name, x, shape), node)
