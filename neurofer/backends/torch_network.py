"""Networks whose arrays are torch tensors in float32: shared by the torch simulators, which add their own neurons."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neurofer.backends.network import Network, Step
from neurofer.errors import RefusedError
from neurofer.ir import Capabilities, Program, Trace
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array, Coefficient
from neurofer.ir.threshold import spike_threshold

NODES: frozenset[type[n.Node]] = frozenset(n.LAYERS)
"""Nodes that run as torch alone, the same in every torch simulator."""


def tensor(value: Coefficient | Array) -> Tensor:
    """Return ``value`` as a float32 tensor."""
    return torch.tensor(np.asarray(value), dtype=torch.float32)


class TorchNetwork(Network):
    """A Network that runs without recording gradients."""

    def run(self, inputs: Array | Mapping[str, Array]) -> Trace:
        with torch.no_grad():
            return super().run(inputs)

    def step(self, name: str, x: Any, state: Any) -> tuple[Any, Any]:
        with torch.no_grad():
            return super().step(name, x, state)


def lift(value: Array) -> Tensor:
    """Return a numpy array as a float32 tensor."""
    return torch.from_numpy(np.array(value, dtype=np.float32))


def drop(value: Tensor) -> Array:
    """Return a tensor as a numpy array."""
    return value.detach().numpy()


def load(
    program: Program, capabilities: Capabilities, neuron: Callable[[n.Neuron], Step], simulator: str, version: str
) -> TorchNetwork:
    """Return ``program`` built from torch modules and a simulator's own neurons.

    Args:
        program: what to run.
        capabilities: what the simulator can.
        neuron: makes the step function of a Neuron.
        simulator: name of the simulator.
        version: its version.

    Raises:
        RefusedError: everything the simulator cannot run.
    """
    if problems := capabilities.problems(program):
        raise RefusedError(f"{simulator} cannot run this program", problems=problems)
    steps: dict[str, Step] = {}
    for name, node in program.nodes.items():
        match node:
            case n.Neuron():
                steps[name] = neuron(node)
            case n.Delay():
                steps[name] = delay_step(node)
            case _:
                steps[name] = stateless_step(node)
    return TorchNetwork(program, steps, lift, drop, torch.cat, f"{simulator} {version}")


def stateless_step(node: n.Node) -> Step:
    """Return the step function of a node without memory."""
    function = _function(node)
    return lambda x, state: (function(x), state)


def delay_step(node: n.Delay) -> Step:
    """Return the step function of a Delay, which keeps its last inputs, the newest first."""
    steps = torch.tensor(np.asarray(node.steps), dtype=torch.int64)
    longest = int(steps.max())

    def step(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        ring = [x, *(state or [torch.zeros_like(x)] * longest)][: longest + 1]
        return torch.stack(ring).gather(0, steps.expand_as(x)[None])[0], ring

    return step


def _function(node: n.Node) -> Callable[[Tensor], Tensor]:
    match node:
        case n.Linear():
            return partial(functional.linear, weight=tensor(node.weight), bias=_bias(node))
        case n.Conv1d() | n.Conv2d():
            return _convolution(node)
        case n.Scale():
            return partial(torch.mul, tensor(node.scale))
        case n.SumPool2d() | n.AvgPool2d():
            # a divisor of 1 sums; the mean divides by the whole kernel, padding included
            area = 1 if isinstance(node, n.SumPool2d) else math.prod(node.kernel)
            pool = partial(functional.avg_pool2d, kernel_size=node.kernel, stride=node.strides, divisor_override=area)
            return _padded(pool, [(p, p) for p in node.padding])
        case n.MaxPool2d():
            pool = partial(functional.max_pool2d, kernel_size=node.kernel, stride=node.strides)
            return _padded(pool, [(p, p) for p in node.padding], -math.inf)
        case n.BatchNorm():
            mean, var, weight, bias = (tensor(value) for value in (node.mean, node.var, node.weight, node.bias))
            return lambda x: functional.batch_norm(x, mean, var, weight, bias, eps=node.eps)
        case n.Relu():
            return functional.relu
        case n.Flatten():
            return lambda x: x.reshape(len(x), *node.output_shape(tuple(x.shape[1:])))
        case n.Threshold():
            theta = tensor(spike_threshold(node.theta, node.compare, ">="))
            return lambda x: (x >= theta).to(x.dtype)
    return lambda x: x


def _convolution(node: n.Conv1d | n.Conv2d) -> Callable[[Tensor], Tensor]:
    convolve = partial(
        functional.conv1d if isinstance(node, n.Conv1d) else functional.conv2d,
        weight=tensor(node.weight),
        bias=_bias(node),
        stride=node.stride,
        dilation=node.dilation,
        groups=node.groups,
    )
    before = tuple(low for low, _ in node.pads)
    if node.pads == tuple((p, p) for p in before):
        return partial(convolve, padding=before)
    return _padded(convolve, node.pads)


def _padded(
    function: Callable[[Tensor], Tensor], pads: Sequence[tuple[int, int]], value: float = 0.0
) -> Callable[[Tensor], Tensor]:
    """Return ``function`` after padding: torch's own takes no two sides that differ, and in pools half a kernel."""
    if not any(map(any, pads)):
        return function
    widths = [width for pair in reversed(pads) for width in pair]
    return lambda x: function(functional.pad(x, widths, value=value))


def _bias(node: n.Linear | n.Conv1d | n.Conv2d) -> Tensor | None:
    return None if node.bias is None else tensor(node.bias)
