"""Domains: which values an edge of a Program can carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Kind = Literal["binary", "integer", "code", "real"]


@dataclass(frozen=True)
class Domain:
    """The values an edge carries.

    Attributes:
        kind: ``binary`` spikes; ``integer`` 0..max (a sum of spikes); ``code`` 0..max (an image as integers, whose
            scale sits in the first layer); ``real``.
        max: the largest value; None for ``real``.
    """

    kind: Kind
    max: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"{self.kind!r} is not one of {', '.join(get_args(Kind))}")
        top = {"binary": 1, "real": None}.get(self.kind, self.max)
        if self.kind != "real" and (top is None or int(top) != top or top < 0):
            raise ValueError(f"a domain of kind {self.kind} needs a whole number as its largest value, not {self.max}")
        object.__setattr__(self, "max", None if top is None else int(top))

    def holds(self, values: NDArray[Any]) -> bool:
        """Whether all of some values are of this domain: of ``real`` any are, of others whole numbers from 0 to max."""
        if self.max is None:
            return True
        return bool(np.all(values == np.round(values)) and np.all(values >= 0) and np.all(values <= self.max))

    def times(self, terms: int) -> Domain:
        """Return the domain of a sum of ``terms`` values of this domain."""
        if self.max is None or terms < 1:
            return REAL
        return self if terms == 1 else Domain("integer", self.max * terms)

    def __add__(self, other: Domain) -> Domain:
        if self.max is None or other.max is None:
            return REAL
        return Domain("integer", self.max + other.max)

    def __or__(self, other: Domain) -> Domain:
        """Return the domain that holds the values of both."""
        if self.max is None or other.max is None:
            return REAL
        return max(self, other, key=lambda domain: (domain.max or 0, domain.kind))

    def __str__(self) -> str:
        return self.kind if self.max is None or self.kind == "binary" else f"{self.kind} 0..{self.max}"


BINARY = Domain("binary", 1)
REAL = Domain("real")
