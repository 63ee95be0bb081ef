"""Networks whose arrays are torch tensors in float32: shared by the torch simulators, which add their own neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

NODES: frozenset[type[n.Node]] = frozenset(
    {
        n.Linear,
        n.Conv1d,
        n.Conv2d,
        n.Scale,
        n.SumPool2d,
        n.AvgPool2d,
        n.MaxPool2d,
        n.BatchNorm,
        n.Dropout,
        n.Relu,
        n.Concat,
        n.Flatten,
        n.Threshold,
    }
)
"""Stateless nodes every torch simulator runs."""


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
    steps = {k: neuron(v) if isinstance(v, n.Neuron) else stateless_step(v) for k, v in program.nodes.items()}
    return TorchNetwork(program, steps, lift, drop, torch.cat, f"{simulator} {version}")


def stateless_step(node: n.Node) -> Step:
    """Return the step function of a node without memory."""
    function = _function(node)
    return lambda x, state: (function(x), state)


def _function(node: n.Node) -> Callable[[Tensor], Tensor]:
    match node:
        case n.Linear():
            return partial(functional.linear, weight=tensor(node.weight), bias=_bias(node))
        case n.Conv1d() | n.Conv2d():
            convolve = functional.conv1d if isinstance(node, n.Conv1d) else functional.conv2d
            settings = {"stride": node.stride, "dilation": node.dilation, "groups": node.groups}
            return partial(convolve, weight=tensor(node.weight), bias=_bias(node), padding=node.padding, **settings)
        case n.Scale():
            return partial(torch.mul, tensor(node.scale))
        case n.SumPool2d() | n.AvgPool2d():
            # a divisor of 1 sums; the mean divides by the whole kernel, padding included
            area = 1 if isinstance(node, n.SumPool2d) else node.kernel[0] * node.kernel[1]
            pool = partial(functional.avg_pool2d, kernel_size=node.kernel, stride=node.strides)
            return partial(pool, padding=node.padding, divisor_override=area)
        case n.MaxPool2d():
            return partial(functional.max_pool2d, kernel_size=node.kernel, stride=node.strides, padding=node.padding)
        case n.BatchNorm():
            stats = {"running_mean": tensor(node.mean), "running_var": tensor(node.var), "eps": node.eps}
            return partial(functional.batch_norm, weight=tensor(node.weight), bias=tensor(node.bias), **stats)
        case n.Relu():
            return functional.relu
        case n.Flatten():
            return lambda x: x.reshape(len(x), *node.output_shape(tuple(x.shape[1:])))
        case n.Threshold():
            compare = torch.ge if node.compare == ">=" else torch.gt
            return lambda x: compare(x, tensor(node.theta)).to(x.dtype)
    return lambda x: x


def _bias(node: n.Linear | n.Conv1d | n.Conv2d) -> Tensor | None:
    return None if node.bias is None else tensor(node.bias)
