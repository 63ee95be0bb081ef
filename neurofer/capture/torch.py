"""Plain torch modules -> nodes: the ANNs, and the stateless layers that other frameworks build on."""

# ruff: noqa: ARG001 - all layers take a module and a shape

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neurofer.capture.framework import Framework, Layer, refuse
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array, Coefficient, Node, Shape


def array(tensor: Tensor) -> Array:
    """Return a tensor's values as float32 or float64 numpy array, sharing its memory where that is possible."""
    values = tensor.detach().cpu()
    values = values if values.dtype in (torch.float32, torch.float64) else values.float()
    found: Array = values.numpy()
    return found


def per_neuron(value: Any, shape: Shape | None) -> Coefficient:
    """Return a number or tensor as a float, or as one number per neuron: broadcast as torch does it to a batch.

    A float becomes the float32 number that a tensor would hold.
    """
    values = np.asarray(array(torch.as_tensor(value)), np.float64)
    if values.size == 1:
        return float(values.reshape(()))
    if shape is None:
        return values
    extra = values.ndim - len(shape)
    if extra > 0 and set(values.shape[:extra]) == {1}:
        values = values.reshape(values.shape[extra:])
    try:
        return np.array(np.broadcast_to(values, shape))
    except ValueError:
        refuse((True, f"a parameter of shape {list(values.shape)} does not fit the neurons {list(shape)}", ""))
        raise


def linear(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """``nn.Linear`` -> Linear."""
    return (n.Linear(array(m.weight), _bias(m)),)


def _bias(m: Any) -> Array | None:
    return None if m.bias is None else array(m.bias)


def convolution(kind: type[n.Conv1d | n.Conv2d]) -> Layer:
    """Return the Layer that turns ``nn.Conv1d`` or ``nn.Conv2d`` into ``kind``."""

    def layer(m: Any, shape: Shape | None) -> tuple[Node, ...]:
        refuse(
            (m.padding_mode != "zeros", f"padding_mode {m.padding_mode!r} is not expressible", "padding_mode='zeros'")
        )
        return (kind(array(m.weight), _bias(m), m.stride, m.padding, m.dilation, m.groups),)

    return layer


def batch_norm(*ranks: int) -> Layer:
    """Return the Layer for BatchNorm over inputs of these ranks (channels included)."""

    def layer(m: Any, shape: Shape | None) -> tuple[Node, ...]:
        refuse(
            (
                m.running_mean is None,
                "BatchNorm without running statistics depends on the batch",
                "track_running_stats=True",
            ),
            (shape is not None and len(shape) not in ranks, f"{type(m).__name__} does not take inputs {shape}", ""),
        )
        mean, var = array(m.running_mean), array(m.running_var)
        weight = np.ones_like(mean) if m.weight is None else array(m.weight)
        bias = np.zeros_like(mean) if m.bias is None else array(m.bias)
        return (n.BatchNorm(mean, var, weight, bias, m.eps),)

    return layer


_FLOOR = "ceil_mode=False, with padding if needed"


def max_pool(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """``nn.MaxPool2d`` -> MaxPool2d."""
    dilated = m.dilation not in (1, (1, 1))
    refuse(
        (m.ceil_mode, "ceil_mode=True is not expressible", _FLOOR),
        (dilated, f"max pooling with dilation {m.dilation} is not expressible", "dilation=1"),
        (m.return_indices, "return_indices=True gives two outputs", "return_indices=False"),
    )
    return (n.MaxPool2d(m.kernel_size, m.stride, m.padding),)


def avg_pool(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """``nn.AvgPool2d`` -> AvgPool2d."""
    excludes = not m.count_include_pad and m.padding not in (0, (0, 0))
    refuse(
        (m.ceil_mode, "ceil_mode=True is not expressible", _FLOOR),
        (excludes, "count_include_pad=False divides by another number at the border", "count_include_pad=True"),
        (
            m.divisor_override is not None,
            f"divisor_override={m.divisor_override} is not expressible",
            "a scaled output",
        ),
    )
    return (n.AvgPool2d(m.kernel_size, m.stride, m.padding),)


def adaptive(kind: type[n.AvgPool2d | n.MaxPool2d]) -> Layer:
    """Return the Layer that turns adaptive pooling of a known shape into fixed pooling."""

    def layer(m: Any, shape: Shape | None) -> tuple[Node, ...]:
        indices = getattr(m, "return_indices", False)
        refuse((indices, "return_indices=True gives two outputs", "return_indices=False"))
        if shape is None or len(shape) != 3:
            refuse((shape is not None, f"the input {shape} is not [channels, height, width]", ""))
            return ()
        given = (m.output_size,) * 2 if isinstance(m.output_size, int) else tuple(m.output_size)
        sizes = [have if want is None else want for want, have in zip(given, shape[1:], strict=True)]
        uneven = any(have % want for want, have in zip(sizes, shape[1:], strict=True))
        why = f"{shape[1]} x {shape[2]} cannot be divided into {sizes[0]} x {sizes[1]} equal windows"
        refuse((uneven, why, "an input size that is a multiple of the output size"))
        kernel = (shape[1] // sizes[0], shape[2] // sizes[1])
        return () if kernel == (1, 1) else (kind(kernel),)

    return layer


def flatten(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """``nn.Flatten`` of a batch -> Flatten."""
    return flattened(m.start_dim, m.end_dim, shape, lead=1)


def flattened(start: int, end: int, shape: Shape | None, *, lead: int) -> tuple[Node, ...]:
    """Return the Flatten for dimensions that count ``lead`` axes before the shape; none if there is nothing to join."""
    if shape is None:
        return ()
    rank = len(shape) + lead
    first, last = (d + rank if d < 0 else d for d in (start, end))
    axes = "the batch" if lead == 1 else "time and batch"
    refuse((first < lead, f"flattening from dimension {start} joins {axes}", f"start_dim={lead}"))
    if first >= last:
        return ()
    return (n.Flatten(first - lead, -1 if last == rank - 1 else last - lead),)


def dropout(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """Any dropout -> Dropout: nothing is dropped when the network runs."""
    return (n.Dropout(m.p),)


def relu(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """``nn.ReLU`` -> Relu."""
    return (n.Relu(),)


def identity(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """Leave no node behind."""
    return ()


LAYERS: dict[type[nn.Module], Callable[[Any, Shape | None], tuple[Node, ...]]] = {
    nn.Linear: linear,
    nn.Conv1d: convolution(n.Conv1d),
    nn.Conv2d: convolution(n.Conv2d),
    nn.BatchNorm1d: batch_norm(1, 2),
    nn.BatchNorm2d: batch_norm(3),
    nn.MaxPool2d: max_pool,
    nn.AvgPool2d: avg_pool,
    nn.AdaptiveAvgPool2d: adaptive(n.AvgPool2d),
    nn.AdaptiveMaxPool2d: adaptive(n.MaxPool2d),
    nn.Flatten: flatten,
    nn.Dropout: dropout,
    nn.Dropout1d: dropout,
    nn.Dropout2d: dropout,
    nn.ReLU: relu,
    nn.Identity: identity,
}

FRAMEWORK = Framework(LAYERS)
