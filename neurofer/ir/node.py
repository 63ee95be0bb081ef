"""What all nodes share: the base class, and the canonical forms of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurofer.ir.domain import Domain

Array = NDArray[Any]
Shape = tuple[int, ...]
Coefficient = float | NDArray[np.float64]


def coefficient(value: Any) -> Coefficient:
    """Return the canonical form: a float where the value is uniform, else a read-only float64 array.

    One form for equal meanings is what lets a program survive a format that stores every coefficient per neuron.
    """
    array = np.array(value, dtype=np.float64)
    bits = array.view(np.int64) if array.ndim else array.reshape(1).view(np.int64)  # -0.0 is not 0.0 here
    if array.size and bool((bits == bits.flat[0]).all()):
        return float(array.flat[0])
    array.flags.writeable = False
    return array


def frozen(value: Any) -> Array:
    """Return a read-only view of an array of float32 or float64, without copying it; other numbers become float64.

    Raises:
        ValueError: the value does not hold numbers.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"an array of numbers is needed, not of {array.dtype}")
    array = array.view() if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
    array.flags.writeable = False
    return array


def whole(value: Any, rank: int, name: str) -> Shape:
    """Return one whole number per dimension; a single one holds for all.

    Raises:
        ValueError: other numbers, or another count of them.
    """
    values = np.ravel(value)
    if values.dtype.kind not in "iufb" or np.any(values != np.floor(values)):
        raise ValueError(f"{name} must be whole numbers, is {value!r}")
    if len(values) not in (1, rank):
        raise ValueError(f"{name} must be one or {rank} numbers, is {values.tolist()}")
    return tuple(int(v) for v in values) * (rank if len(values) == 1 else 1)


def check_least(least: int, **settings: int | Sequence[int]) -> None:
    """Raise ValueError where a setting is smaller than ``least``."""
    for name, value in settings.items():
        if min(np.ravel(value), default=least) < least:
            raise ValueError(f"{name} must be at least {least}, is {np.ravel(value).tolist()}")


def check_one_of(allowed: Sequence[str], **settings: str) -> None:
    """Raise ValueError where a setting is not one of the ``allowed`` words."""
    for name, value in settings.items():
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, is {value!r}")


def coefficient_shape(shape: Shape, **coefficients: Coefficient | None) -> Shape:
    """Return ``shape``; raise ValueError where a coefficient is an array of another shape."""
    for name, value in coefficients.items():
        if isinstance(value, np.ndarray) and value.shape != shape:
            raise ValueError(f"{name} {list(value.shape)} does not fit input {list(shape)}")
    return shape


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
            ValueError: the input shape does not fit the parameters, or these are impossible; the message says why.
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

    def not_finite(self) -> Iterator[str]:
        """Yield a sentence for every parameter that holds NaN or infinity."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (float, np.ndarray)) and not np.isfinite(value).all():
                bad = np.size(value) - np.count_nonzero(np.isfinite(value))
                yield f"{field.name} holds {count_not_finite(int(bad))} (NaN or infinite)"

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    __hash__ = None  # type: ignore[assignment]  # a node holds arrays: it is compared, never a key

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def count_not_finite(number: int) -> str:
    """Return so many values that are not finite, in words."""
    return "1 value that is not finite" if number == 1 else f"{number} values that are not finite"
