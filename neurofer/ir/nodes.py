"""The nodes of a Program: frozen dataclasses that know their output shape, domain and parameters.

Shapes leave out time and batch: data flows as ``[T, N, *shape]``. A new node type is one dataclass here and one
handler in each backend that supports it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from neurofer.ir.domain import BINARY, REAL, Domain

Array = NDArray[Any]
Shape = tuple[int, ...]
Pair = tuple[int, int]
Coefficient = float | NDArray[np.float64]
Compare = Literal[">=", ">"]
Reset = Literal["hard", "soft"]


def coefficient(value: Any) -> Coefficient:
    """Return the canonical form: a float where the value is uniform, else a read-only float64 array.

    One form for equal meanings is what lets a program survive a format that stores every coefficient per neuron.
    """
    array = np.array(value, dtype=np.float64)
    if array.size and array.tobytes() == array.flat[:1].tobytes() * array.size:
        return float(array.flat[0])
    array.flags.writeable = False
    return array


def _frozen(value: Any) -> Array:
    """Return a read-only view of an array of floats, without copying it."""
    array = np.asarray(value).view()
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    array.flags.writeable = False
    return array


def _pair(value: int | Sequence[int]) -> Pair:
    values = (int(value),) * 2 if isinstance(value, (int, np.integer)) else tuple(int(v) for v in value)
    return (values[0], values[-1])


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        a, b = np.asarray(first), np.asarray(second)
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(first, float) and isinstance(second, float):
        return np.float64(first).tobytes() == np.float64(second).tobytes()
    return bool(first == second)


@dataclass(frozen=True, eq=False)
class Node:
    """Base of all nodes. Two nodes are equal when every parameter is equal bit for bit."""

    synaptic: ClassVar[bool] = False
    """Whether the node has weights: its inputs cost synaptic operations."""
    stateful: ClassVar[bool] = False
    """Whether the output depends on earlier steps."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return the output shape for an input of ``shape`` (no time, no batch).

        Raises:
            ValueError: the input shape does not fit the parameters; the message says why.
        """
        return shape

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        """Return the domain of the output for an input of ``domain`` and ``shape``."""
        del shape
        return domain

    @property
    def parameters(self) -> int:
        """Number of learnable values."""
        return 0

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class Input(Node):
    """Where data enters; ``domain`` is what the encoder gives (frames of spikes are binary)."""

    shape: Shape
    domain: Domain = REAL

    def __post_init__(self) -> None:
        self._set(shape=tuple(int(n) for n in self.shape))

    def output_shape(self, shape: Shape) -> Shape:
        del shape
        return self.shape

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        del domain, shape
        return self.domain


@dataclass(frozen=True, eq=False)
class Output(Node):
    """Where the result leaves."""


@dataclass(frozen=True, eq=False)
class Linear(Node):
    """``y = W x + b`` on a vector; ``weight`` is ``[out, in]``, ``bias`` ``[out]`` or None."""

    synaptic: ClassVar[bool] = True
    weight: Array
    bias: Array | None = None

    def __post_init__(self) -> None:
        self._set(weight=_frozen(self.weight), bias=None if self.bias is None else _frozen(self.bias))

    def output_shape(self, shape: Shape) -> Shape:
        if self.weight.ndim != 2:
            raise ValueError(f"weight must be [out, in], is {list(self.weight.shape)}")
        if shape != (self.weight.shape[1],):
            raise ValueError(f"input {list(shape)} does not fit weight {list(self.weight.shape)}")
        _check_bias(self.bias, self.weight.shape[0])
        return (self.weight.shape[0],)

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        return REAL

    @property
    def parameters(self) -> int:
        return self.weight.size + (0 if self.bias is None else self.bias.size)


def _check_bias(bias: Array | None, channels: int) -> None:
    if bias is not None and bias.shape != (channels,):
        raise ValueError(f"bias {list(bias.shape)} does not fit {channels} output channels")


@dataclass(frozen=True, eq=False)
class _Conv(Node):
    """Cross-correlation with zero padding; ``weight`` is ``[out, in / groups, *kernel]``."""

    synaptic: ClassVar[bool] = True
    rank: ClassVar[int]
    weight: Array
    bias: Array | None = None
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    def __post_init__(self) -> None:
        self._set(weight=_frozen(self.weight), bias=None if self.bias is None else _frozen(self.bias))
        padding = 0 if self.padding == "valid" else self.padding
        padding = padding if padding == "same" else self._tuple(padding)
        self._set(stride=self._tuple(self.stride), dilation=self._tuple(self.dilation), padding=padding)
        self._set(groups=int(self.groups))

    def _tuple(self, value: Any) -> tuple[int, ...]:
        values = tuple(int(v) for v in np.ravel(value))
        return values * self.rank if len(values) == 1 else values

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
        if self.weight.ndim != 2 + self.rank:
            raise ValueError(f"weight must have {2 + self.rank} dimensions, is {list(self.weight.shape)}")
        channels = self.weight.shape[1] * self.groups
        if len(shape) != 1 + self.rank or shape[0] != channels:
            raise ValueError(f"input {list(shape)} does not fit {channels} channels and kernel {list(self.kernel)}")
        if self.weight.shape[0] % self.groups:
            raise ValueError(f"{self.weight.shape[0]} output channels cannot be split into {self.groups} groups")
        if self.padding == "same" and set(self.stride) != {1}:
            raise ValueError("padding 'same' needs stride 1")
        _check_bias(self.bias, self.weight.shape[0])
        sizes = [
            (n + sum(p) - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(shape[1:], self.pads, self.dilation, self.kernel, self.stride, strict=True)
        ]
        if min(sizes) < 1:
            raise ValueError(f"kernel {list(self.kernel)} is larger than the padded input {list(shape)}")
        return (self.weight.shape[0], *sizes)

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        return REAL

    @property
    def parameters(self) -> int:
        return self.weight.size + (0 if self.bias is None else self.bias.size)


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
        return _coefficient_shape(shape, scale=self.scale)

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        factor = float(np.max(self.scale))
        whole = bool(np.all(np.mod(self.scale, 1) == 0) and np.all(np.asarray(self.scale) >= 0))
        return domain.times(int(factor)) if whole else REAL


def _coefficient_shape(shape: Shape, **coefficients: Coefficient | None) -> Shape:
    for name, value in coefficients.items():
        if isinstance(value, np.ndarray) and value.shape != shape:
            raise ValueError(f"{name} {list(value.shape)} does not fit input {list(shape)}")
    return shape


@dataclass(frozen=True, eq=False)
class _Pool2d(Node):
    kernel: Pair
    stride: Pair | None = None
    padding: Pair = (0, 0)

    def __post_init__(self) -> None:
        kernel = _pair(self.kernel)
        self._set(kernel=kernel, stride=kernel if self.stride is None else _pair(self.stride))
        self._set(padding=_pair(self.padding))

    @property
    def strides(self) -> Pair:
        """The stride, the kernel's size when none was given."""
        return self.kernel if self.stride is None else self.stride

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ValueError(f"input must be [channels, height, width], is {list(shape)}")
        triples = zip(shape[1:], self.kernel, self.strides, self.padding, strict=True)
        sizes = [(n + 2 * p - k) // s + 1 for n, k, s, p in triples]
        if min(sizes) < 1:
            raise ValueError(f"kernel {list(self.kernel)} is larger than the padded input {list(shape)}")
        return (shape[0], *sizes)


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
        self._set(**{name: _frozen(getattr(self, name)) for name in ("mean", "var", "weight", "bias")})
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
    """Joins its inputs, in the order of the edges, along ``axis`` (batch excluded)."""

    axis: int = 0

    def join(self, shapes: Sequence[Shape]) -> Shape:
        """Return the shape of the joined inputs.

        Raises:
            ValueError: the inputs differ in another dimension than ``axis``.
        """
        first = list(shapes[0])
        for other in shapes[1:]:
            if len(other) != len(first) or any(
                a != b for d, (a, b) in enumerate(zip(first, other, strict=True)) if d != self.axis
            ):
                raise ValueError(f"inputs {[list(s) for s in shapes]} cannot be joined along dimension {self.axis}")
        first[self.axis] = sum(shape[self.axis] for shape in shapes)
        return tuple(first)


@dataclass(frozen=True, eq=False)
class Flatten(Node):
    """Joins the dimensions from ``start_dim`` to ``end_dim`` (batch excluded)."""

    start_dim: int = 0
    end_dim: int = -1

    def output_shape(self, shape: Shape) -> Shape:
        rank = len(shape)
        start, end = self.start_dim % rank, self.end_dim % rank
        if start > end:
            raise ValueError(f"dimensions {self.start_dim} to {self.end_dim} do not exist in {list(shape)}")
        return (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])


@dataclass(frozen=True, eq=False)
class Threshold(Node):
    """``1`` where the input reaches ``theta`` (or exceeds it), else ``0``; no memory."""

    theta: Coefficient
    compare: Compare = ">"

    def __post_init__(self) -> None:
        self._set(theta=coefficient(self.theta))

    def output_shape(self, shape: Shape) -> Shape:
        return _coefficient_shape(shape, theta=self.theta)

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        return BINARY


@dataclass(frozen=True, eq=False)
class Delay(Node):
    """The input of ``steps`` steps ago, zero before; a scalar or one number per element."""

    stateful: ClassVar[bool] = True
    steps: Coefficient

    def __post_init__(self) -> None:
        self._set(steps=coefficient(self.steps))

    def output_shape(self, shape: Shape) -> Shape:
        if np.any(np.mod(self.steps, 1) != 0) or np.any(np.asarray(self.steps) < 0):
            raise ValueError(f"a delay must be a whole number of steps, is {np.ravel(self.steps)[:4]}")
        return _coefficient_shape(shape, steps=self.steps)


@dataclass(frozen=True, eq=False)
class Neuron(Node):
    """IF, LIF, CubaLIF and the integrators I, LI, CubaLI in discrete form.

    Synapse before membrane before spike before reset, with every coefficient a scalar or one value per neuron::

        i[t] = alpha_syn * i[t-1] + w_in * x[t]              (alpha_syn given; else i = x)
        u[t] = alpha_mem * v[t-1] + gain * i[t] + offset
        s[t] = u[t] >= theta  or  u[t] > theta               (theta None: no spike, the output is u)
        v[t] = v_reset where s (hard)  |  u[t] - delta * s[t] (soft)  |  u[t] otherwise

    ``v[-1] = v_init``, ``i[-1] = i_init``; ``delta`` defaults to ``theta``.
    """

    stateful: ClassVar[bool] = True
    alpha_mem: Coefficient = 1.0
    gain: Coefficient = 1.0
    offset: Coefficient = 0.0
    theta: Coefficient | None = 1.0
    compare: Compare = ">="
    reset: Reset = "hard"
    v_reset: Coefficient = 0.0
    delta: Coefficient | None = None
    v_init: Coefficient = 0.0
    alpha_syn: Coefficient | None = None
    w_in: Coefficient = 1.0
    i_init: Coefficient = 0.0

    COEFFICIENTS: ClassVar[tuple[str, ...]] = (
        "alpha_mem",
        "gain",
        "offset",
        "theta",
        "v_reset",
        "delta",
        "v_init",
        "alpha_syn",
        "w_in",
        "i_init",
    )

    def __post_init__(self) -> None:
        delta = self.theta if self.delta is None else self.delta
        if self.theta is None or self.reset == "hard":
            delta = None
        self._set(delta=delta)
        if self.theta is None:
            self._set(reset="hard", compare=">=", v_reset=0.0)
        elif self.reset == "soft":
            self._set(v_reset=0.0)
        for name in self.COEFFICIENTS:
            value = getattr(self, name)
            self._set(**{name: None if value is None else coefficient(value)})

    @property
    def spiking(self) -> bool:
        """Whether the neuron fires (an integrator does not)."""
        return self.theta is not None

    @property
    def kind(self) -> str:
        """The NIR name: IF, LIF, CubaLIF, or I, LI, CubaLI without a threshold."""
        if self.alpha_syn is not None:
            stem = "CubaLI"
        else:
            perfect = isinstance(self.alpha_mem, float) and self.alpha_mem == 1.0 and not np.any(self.offset)
            stem = "I" if perfect else "LI"
        return stem + "F" if self.spiking else stem

    def output_shape(self, shape: Shape) -> Shape:
        return _coefficient_shape(shape, **{name: getattr(self, name) for name in self.COEFFICIENTS})

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        return BINARY if self.spiking else REAL


def spikes(node: Node) -> bool:
    """Whether the node's output is a spike train: what verdicts compare."""
    return isinstance(node, Threshold) or (isinstance(node, Neuron) and node.spiking)
