"""The reference: every node in float64 numpy, written to be read. It is the arbiter of what a Program means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from neurofer.backends.network import Network, Step
from neurofer.errors import RefusedError
from neurofer.ir import Capabilities, Program, Trace
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array

CAPABILITIES = Capabilities(
    nodes=frozenset(n.LAYERS),
    neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"}),
)


def load(program: Program) -> Network:
    """Return ``program`` ready to run in float64.

    Raises:
        RefusedError: a node type the reference does not know.
    """
    if problems := CAPABILITIES.problems(program):
        raise RefusedError("the reference cannot run this program", problems=problems)
    steps = {name: step_function(node) for name, node in program.nodes.items()}
    version = f"numpy {np.__version__} float64"
    return Network(program, steps, partial(np.asarray, dtype=np.float64), np.asarray, np.concatenate, version)


def run(program: Program, inputs: Array | Mapping[str, Array]) -> Trace:
    """Run ``program`` in float64 and record its spikes and outputs (see `Network.run`)."""
    return load(program).run(inputs)


def step_function(node: n.Node) -> Step:
    """Return what ``node`` does in one step."""
    if isinstance(node, n.Neuron):
        return partial(_neuron, node)
    if isinstance(node, n.Delay):
        return partial(_delay, node)
    wide = widened(node)
    return lambda x, state: (stateless(wide, x), state)


def widened(node: n.Node) -> n.Node:
    """Return ``node`` with its weights in float64, so that they are not converted again at every step."""
    if isinstance(node, (n.Linear, n.Conv1d, n.Conv2d)):
        return replace(node, weight=node.weight.astype(np.float64))
    return node


def stateless(node: n.Node, x: Array) -> Array:
    """Return the output of a node without memory for ``x`` ``[N, *shape]``."""
    match node:
        case n.Linear():
            y = x @ node.weight.astype(np.float64, copy=False).T
            return np.asarray(y if node.bias is None else y + node.bias)
        case n.Conv1d() | n.Conv2d():
            return convolve(node, x)
        case n.Scale():
            return np.asarray(x * node.scale)
        case n.SumPool2d():
            return np.asarray(_windows(x, node).sum(axis=(-2, -1)))
        case n.AvgPool2d():
            return np.asarray(_windows(x, node).sum(axis=(-2, -1)) / math.prod(node.kernel))
        case n.MaxPool2d():
            return np.asarray(_windows(x, node, fill=-np.inf).max(axis=(-2, -1)))
        case n.BatchNorm():
            per_channel = (-1, *(1,) * (x.ndim - 2))
            scale = node.weight / np.sqrt(node.var.astype(np.float64) + node.eps)
            shifted = x - node.mean.reshape(per_channel)
            return np.asarray(shifted * scale.reshape(per_channel) + node.bias.reshape(per_channel))
        case n.Relu():
            return np.asarray(np.maximum(x, 0.0))
        case n.Threshold():
            return (x >= node.theta if node.compare == ">=" else x > node.theta).astype(np.float64)
        case n.Flatten():
            return x.reshape(len(x), *node.output_shape(x.shape[1:]))
    return x


def convolve(node: n.Conv1d | n.Conv2d, x: Array) -> Array:
    """Return the convolution of ``x`` ``[N, C, *size]`` as one matrix product per sample and group, in float64."""
    size = node.output_shape(x.shape[1:])[1:]
    channels, groups = len(node.weight), node.groups
    weight = node.weight.astype(np.float64, copy=False).reshape(groups, channels // groups, -1)
    y = np.empty((len(x), channels, *size))
    for sample, out in zip(x, y, strict=True):  # one by one: the columns take room
        out[...] = (weight @ _columns(node, sample, math.prod(size))).reshape(out.shape)
    if node.bias is not None:
        y += node.bias.reshape(-1, *(1,) * node.rank)
    return y


def _columns(node: n.Conv1d | n.Conv2d, x: Array, positions: int) -> Array:
    """Return what each output of one sample ``[C, *size]`` sums up, ``[groups, C / groups * kernel, positions]``."""
    padded = np.pad(x, ((0, 0), *node.pads))
    reach = tuple(d * (k - 1) + 1 for d, k in zip(node.dilation, node.kernel, strict=True))
    windows = sliding_window_view(padded, reach, axis=tuple(range(1, x.ndim)))
    strides = tuple(slice(None, None, s) for s in node.stride)
    taps = tuple(slice(None, None, d) for d in node.dilation)
    rank = node.rank
    order = (0, *range(1 + rank, 1 + 2 * rank), *range(1, 1 + rank))  # [C, *size, *kernel] -> [C, *kernel, *size]
    return windows[(slice(None), *strides, *taps)].transpose(order).reshape(node.groups, -1, positions)


def _windows(x: Array, node: n.SumPool2d | n.AvgPool2d | n.MaxPool2d, fill: float = 0.0) -> Array:
    high, wide = node.padding
    padded = np.pad(x, ((0, 0), (0, 0), (high, high), (wide, wide)), constant_values=fill)
    windows = sliding_window_view(padded, node.kernel, axis=(2, 3))
    return windows[:, :, :: node.strides[0], :: node.strides[1]]


def _neuron(node: n.Neuron, x: Array, state: Any) -> tuple[Array, Any]:
    out, _, state = neuron_step(node, x, state)
    return out, state


def neuron_step(node: n.Neuron, x: Array, state: Any) -> tuple[Array, Array, Any]:
    """Return output, membrane before reset ``u``, and the next state ``(v, i)`` of a Neuron for one step."""
    v, i = (np.asarray(node.v_init, np.float64), np.asarray(node.i_init, np.float64)) if state is None else state
    i = x if node.alpha_syn is None else node.alpha_syn * i + node.w_in * x
    u = node.alpha_mem * v + node.gain * i + node.offset
    if node.theta is None:
        return u, u, (u, i)
    s = u >= node.theta if node.compare == ">=" else u > node.theta
    v = np.where(s, node.v_reset, u) if node.delta is None else u - node.delta * s  # only a soft reset has a delta
    return s.astype(np.float64), u, (v, i)


def _delay(node: n.Delay, x: Array, state: Any) -> tuple[Array, Any]:
    """Keep the last inputs in a ring ``[longest delay + 1, N, *shape]``."""
    longest = int(np.max(node.steps))
    ring = np.zeros((longest + 1, *x.shape)) if state is None else state
    ring = np.concatenate([x[None], ring[:-1]])
    if isinstance(node.steps, float):
        return ring[longest], ring
    index = np.broadcast_to(node.steps.astype(np.int64), x.shape)[None]
    return np.take_along_axis(ring, index, axis=0)[0], ring
