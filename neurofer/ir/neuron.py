"""The nodes that fire: Neuron (IF, LIF, CubaLIF and their integrators) and the memoryless Threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from neurofer.ir.domain import BINARY, REAL, Domain
from neurofer.ir.node import Coefficient, Node, Shape, check_one_of, coefficient, coefficient_shape

Compare = Literal[">=", ">"]
Reset = Literal["hard", "soft"]


@dataclass(frozen=True, eq=False)
class Threshold(Node):
    """``1`` where the input reaches ``theta`` (or exceeds it), else ``0``; no memory."""

    theta: Coefficient
    compare: Compare = ">"

    def __post_init__(self) -> None:
        self._set(theta=coefficient(self.theta))

    def output_shape(self, shape: Shape) -> Shape:
        check_one_of(get_args(Compare), compare=self.compare)
        return coefficient_shape(shape, theta=self.theta)

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        return BINARY


@dataclass(frozen=True, eq=False)
class Neuron(Node):
    """IF, LIF, CubaLIF and the integrators I, LI, CubaLI in discrete form.

    Synapse before membrane before spike before reset, with every coefficient a scalar or one value per neuron::

        i[t] = alpha_syn * i[t-1] + w_in * x[t]              (alpha_syn given; else i = x)
        u[t] = alpha_mem * v[t-1] + gain * i[t] + offset
        s[t] = u[t] >= theta  or  u[t] > theta               (theta None: no spike, the output is u)
        v[t] = v_reset where s (hard)  |  u[t] - delta * s[t] (soft)  |  u[t] otherwise

    ``v[-1] = v_init``, ``i[-1] = i_init``; ``delta`` defaults to ``theta``. What a kind does not use is set to its
    default, so that neurons of one meaning are equal.
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
        if self.theta is None:
            self._set(reset="hard", compare=">=", v_reset=0.0)
        if self.reset == "soft":
            self._set(v_reset=0.0, delta=self.theta if self.delta is None else self.delta)
        else:
            self._set(delta=None)
        if self.alpha_syn is None:
            self._set(w_in=1.0, i_init=0.0)
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
        check_one_of(get_args(Compare), compare=self.compare)
        check_one_of(get_args(Reset), reset=self.reset)
        return coefficient_shape(shape, **{name: getattr(self, name) for name in self.COEFFICIENTS})

    def output_domain(self, domain: Domain, shape: Shape) -> Domain:
        return BINARY if self.spiking else REAL


def spikes(node: Node) -> bool:
    """Whether the node's output is a spike train: what verdicts compare."""
    return isinstance(node, Threshold) or (isinstance(node, Neuron) and node.spiking)
