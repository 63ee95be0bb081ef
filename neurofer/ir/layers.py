"""The nodes without a threshold: inputs and outputs, weights, pooling, normalisation and rearrangement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neurofer.ir.domain import REAL, Domain
from neurofer.ir.node import (
    Array,
    Coefficient,
    Node,
    Shape,
    check_least,
    coefficient,
    coefficient_shape,
    frozen,
    whole,
)

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Input(Node):
    """Where data enters; ``domain`` is what the encoder gives (frames of spikes are binary)."""

    shape: Shape
    domain: Domain = REAL

    def __post_init__(self) -> None:
        self._set(shape=whole(self.shape, np.size(self.shape), "shape"))

    def output_shape(self, shape: Shape) -> Shape:
        del shape
        check_least(1, shape=self.shape)
        return self.shape

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        del domain, shape
        return self.domain


@dataclass(frozen=True, eq=False)
class Output(Node):
    """Where the result leaves."""


@dataclass(frozen=True, eq=False)
class _Weights(Node):
    """A node with a ``weight`` and perhaps a ``bias``, one value per output channel."""

    synaptic: ClassVar[bool] = True
    weight: Array
    bias: Array | None = None

    def __post_init__(self) -> None:
        self._set(weight=frozen(self.weight), bias=None if self.bias is None else frozen(self.bias))

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        return REAL

    @property
    def parameters(self) -> int:
        return self.weight.size + (0 if self.bias is None else self.bias.size)

    def _check(self, rank: int) -> None:
        if self.weight.ndim != rank:
            raise ValueError(f"weight must have {rank} dimensions, is {list(self.weight.shape)}")
        check_least(1, weight=self.weight.shape)
        if self.bias is not None and self.bias.shape != self.weight.shape[:1]:
            raise ValueError(f"bias {list(self.bias.shape)} does not fit {len(self.weight)} output channels")


@dataclass(frozen=True, eq=False)
class Linear(_Weights):
    """``y = W x + b`` on a vector; ``weight`` is ``[out, in]``, ``bias`` ``[out]`` or None."""

    def output_shape(self, shape: Shape) -> Shape:
        self._check(2)
        if shape != self.weight.shape[1:]:
            raise ValueError(f"input {list(shape)} does not fit weight {list(self.weight.shape)}")
        return self.weight.shape[:1]


@dataclass(frozen=True, eq=False)
class _Conv(_Weights):
    """Cross-correlation with zero padding; ``weight`` is ``[out, in / groups, *kernel]``."""

    rank: ClassVar[int]
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        padding = self.padding
        if isinstance(padding, str):
            if padding not in {"same", "valid"}:
                raise ValueError(f"padding must be numbers, 'same' or 'valid', is {padding!r}")
            padding = 0 if padding == "valid" else padding
        self._set(
            stride=whole(self.stride, self.rank, "stride"),
            padding=padding if isinstance(padding, str) else whole(padding, self.rank, "padding"),
            dilation=whole(self.dilation, self.rank, "dilation"),
            groups=whole(self.groups, 1, "groups")[0],
        )

    @property
    def kernel(self) -> tuple[int, ...]:
        """Kernel size per dimension."""
        return tuple(self.weight.shape[2:])

    @property
    def pads(self) -> tuple[Pair, ...]:
        """Zeros added before and after each dimension ("same" puts the odd one after, as torch does)."""
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel, strict=True)]
            return tuple((total // 2, total - total // 2) for total in totals)
        return tuple((p, p) for p in self.padding)

    def output_shape(self, shape: Shape) -> Shape:
        self._check(2 + self.rank)
        check_least(1, stride=self.stride, dilation=self.dilation, groups=self.groups)
        check_least(0, padding=() if self.padding == "same" else self.padding)
        channels = self.weight.shape[1] * self.groups
        if len(shape) != 1 + self.rank or shape[0] != channels:
            raise ValueError(f"input {list(shape)} does not fit {channels} channels and kernel {list(self.kernel)}")
        if self.weight.shape[0] % self.groups:
            raise ValueError(f"{self.weight.shape[0]} output channels cannot be split into {self.groups} groups")
        if self.padding == "same" and set(self.stride) != {1}:
            raise ValueError("padding 'same' needs stride 1")
        reach = tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))
        return (self.weight.shape[0], *_window_counts(shape, reach, self.stride, [sum(pad) for pad in self.pads]))


def _window_counts(shape: Shape, kernel: Sequence[int], stride: Sequence[int], pads: Sequence[int]) -> Shape:
    """Return how many windows fit in each dimension after the channels; ``pads`` is the total of both sides."""
    counts = [(n + p - k) // s + 1 for n, k, s, p in zip(shape[1:], kernel, stride, pads, strict=True)]
    if min(counts) < 1:
        raise ValueError(f"kernel {list(kernel)} is larger than the padded input {list(shape)}")
    return tuple(counts)


@dataclass(frozen=True, eq=False)
class Conv1d(_Conv):
    """1-d convolution over ``[channels, length]``."""

    rank: ClassVar[int] = 1


@dataclass(frozen=True, eq=False)
class Conv2d(_Conv):
    """2-d convolution over ``[channels, height, width]``."""

    rank: ClassVar[int] = 2


@dataclass(frozen=True, eq=False)
class Scale(Node):
    """Element-wise product with a scalar or an array of the input's shape."""

    scale: Coefficient

    def __post_init__(self) -> None:
        self._set(scale=coefficient(self.scale))

    def output_shape(self, shape: Shape) -> Shape:
        return coefficient_shape(shape, scale=self.scale)

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        scale = np.asarray(self.scale)
        natural = np.isfinite(scale).all() and np.all(scale == np.floor(scale)) and np.all(scale >= 0)
        return domain.times(int(scale.max())) if natural else REAL


@dataclass(frozen=True, eq=False)
class _Pool2d(Node):
    kernel: Pair
    stride: Pair | None = None
    padding: Pair = (0, 0)

    def __post_init__(self) -> None:
        kernel = whole(self.kernel, 2, "kernel")
        stride = kernel if self.stride is None else whole(self.stride, 2, "stride")
        self._set(kernel=kernel, stride=stride, padding=whole(self.padding, 2, "padding"))

    @property
    def strides(self) -> Pair:
        """The stride, the kernel's size when none was given."""
        return self.kernel if self.stride is None else self.stride

    def output_shape(self, shape: Shape) -> Shape:
        check_least(1, kernel=self.kernel, stride=self.strides)
        check_least(0, padding=self.padding)
        if len(shape) != 3:
            raise ValueError(f"input must be [channels, height, width], is {list(shape)}")
        return (shape[0], *_window_counts(shape, self.kernel, self.strides, [2 * p for p in self.padding]))


@dataclass(frozen=True, eq=False)
class SumPool2d(_Pool2d):
    """Sum over windows; padding adds zeros."""

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        return domain.times(math.prod(self.kernel))


@dataclass(frozen=True, eq=False)
class AvgPool2d(_Pool2d):
    """Mean over windows of the whole kernel area, padding included."""

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        return REAL


@dataclass(frozen=True, eq=False)
class MaxPool2d(_Pool2d):
    """Maximum over windows; padding never wins."""


@dataclass(frozen=True, eq=False)
class BatchNorm(Node):
    """``weight * (x - mean) / sqrt(var + eps) + bias`` per channel (the first dimension)."""

    mean: Array
    var: Array
    weight: Array
    bias: Array
    eps: float = 1e-5

    def __post_init__(self) -> None:
        self._set(**{name: frozen(getattr(self, name)) for name in ("mean", "var", "weight", "bias")})
        self._set(eps=float(self.eps))

    def output_shape(self, shape: Shape) -> Shape:
        for name in ("mean", "var", "weight", "bias"):
            if getattr(self, name).shape != shape[:1]:
                raise ValueError(f"{name} {list(getattr(self, name).shape)} does not fit input {list(shape)}")
        return shape

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        return REAL

    @property
    def parameters(self) -> int:
        return self.weight.size + self.bias.size


@dataclass(frozen=True, eq=False)
class Dropout(Node):
    """Identity when running; ``p`` is kept for the record."""

    p: float = 0.5


@dataclass(frozen=True, eq=False)
class Relu(Node):
    """``max(x, 0)``; ends a layer of an ANN."""


@dataclass(frozen=True, eq=False)
class Concat(Node):
    """Joins its inputs, in the order of the edges, along ``axis`` (batch excluded; negative counts from the end)."""

    axis: int = 0

    @property
    def batch_axis(self) -> int:
        """The axis in arrays ``[N, *shape]``."""
        return self.axis if self.axis < 0 else self.axis + 1

    def join(self, shapes: Sequence[Shape]) -> Shape:
        """Return the shape of the joined inputs.

        Raises:
            ValueError: there is no such axis, or the inputs differ in another one.
        """
        rank = len(shapes[0])
        if not -rank <= self.axis < rank:
            raise ValueError(f"there is no axis {self.axis} in {list(shapes[0])}")
        axis = self.axis % rank
        rests = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
        if len(rests) > 1 or any(len(shape) != rank for shape in shapes):
            raise ValueError(f"inputs {[list(s) for s in shapes]} cannot be joined along dimension {self.axis}")
        return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


@dataclass(frozen=True, eq=False)
class Flatten(Node):
    """Joins the dimensions from ``start_dim`` to ``end_dim`` (batch excluded; negative counts from the end)."""

    start_dim: int = 0
    end_dim: int = -1

    def __post_init__(self) -> None:
        self._set(start_dim=int(self.start_dim), end_dim=int(self.end_dim))

    def output_shape(self, shape: Shape) -> Shape:
        rank = len(shape)
        start, end = (dim + rank if dim < 0 else dim for dim in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < rank:
            raise ValueError(f"dimensions {self.start_dim} to {self.end_dim} do not exist in {list(shape)}")
        return (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])


@dataclass(frozen=True, eq=False)
class Delay(Node):
    """The input of ``steps`` steps ago, zero before; a scalar or one number per element."""

    stateful: ClassVar[bool] = True
    steps: Coefficient

    def __post_init__(self) -> None:
        self._set(steps=coefficient(self.steps))

    def output_shape(self, shape: Shape) -> Shape:
        steps = np.asarray(self.steps)
        if not np.isfinite(steps).all() or np.any(steps != np.floor(steps)) or np.any(steps < 0):
            raise ValueError(f"a delay must be a whole number of steps, is {np.ravel(steps)[:4].tolist()}")
        return coefficient_shape(shape, steps=self.steps)
