"""What a framework tells capture: which of its modules become which nodes, keep state, or take a time axis."""

# ruff: noqa: ARG001 - defaults of a family with one signature

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from neurofer.errors import CaptureError, Problem
from neurofer.ir.nodes import Coefficient, Node, Shape

Layer = Callable[[nn.Module, Shape | None], tuple[Node, ...]]
"""``(module, input shape or None if unknown) -> nodes in a row``; no node where the module changes nothing.

Raises CaptureError (see `refuse`) with everything in the module that the nodes cannot express.
"""

Inside = Literal["step", "frames"]


def refuse(*reasons: tuple[object, str, str]) -> None:
    """Raise everything that is wrong with one module or call; the walker adds its path.

    Args:
        reasons: ``(whether it holds, why it cannot be captured, the closest form that can or "")``.

    Raises:
        CaptureError: at least one reason holds.
    """
    found = [Problem("", why, closest) for holds, why, closest in reasons if holds]
    if found:
        raise CaptureError("not captured", problems=found)


def _never(module: nn.Module) -> bool:
    return False


def _plain(module: nn.Module) -> Inside | None:
    return None


@dataclass(frozen=True)
class Carry:
    """How a neuron's state goes in and out.

    Attributes:
        takes: names of its arguments behind the input; ``spk`` is its own output of the step before.
        gives: names of what it returns behind the output; None where it returns the output alone.
        keeps: whether it remembers a state that it is not given; else it starts anew.
    """

    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] | None = None
    keeps: bool = True


def _hidden(module: nn.Module) -> Carry:
    return Carry()


def _no_feedback(module: nn.Module, shape: Shape | None) -> Mapping[str, Node]:
    return {}


def _no_membrane(module: nn.Module, shape: Shape | None, nodes: tuple[Node, ...]) -> Node | None:
    return None


def _no_limit(module: nn.Module, shape: Shape | None) -> Coefficient | None:
    return None


def _own_forward(module: nn.Module) -> Callable[..., Any] | None:
    return None


@dataclass(frozen=True)
class Framework:
    """One framework's modules.

    Attributes:
        layers: module type -> its `Layer`; subclasses count unless they override a method.
        stateful: types that keep state from step to step: neurons.
        pointwise: types that treat a leading time axis like a batch axis, so that it does not matter to them.
        leaf: whether a module is of the framework and is not traced into.
        multi_step: whether a module takes ``[T, N, *]``.
        inside: for a container that takes ``[T, N, *]`` apart: whether its children see one ``step`` after the other,
            or all ``frames`` at once as a batch; None for others.
        carry: how a neuron's state goes in and out.
        feedback: ``(neuron, input shape) -> nodes by name`` between its output and its input of the next step.
        membrane: ``(neuron, input shape, its nodes) -> the integrator`` that its membrane is, where nothing resets it.
        limit: the largest input for which a neuron is what its nodes say; None where that is any.
        forward: for a container that cannot be traced as it is written: what it does, in terms of `trace`'s marks.
    """

    layers: Mapping[type[nn.Module], Layer]
    stateful: tuple[type[nn.Module], ...] = ()
    pointwise: tuple[type[nn.Module], ...] = field(default=(nn.Linear, nn.ReLU, nn.Dropout, nn.Identity))
    leaf: Callable[[nn.Module], bool] = _never
    multi_step: Callable[[nn.Module], bool] = _never
    inside: Callable[[nn.Module], Inside | None] = _plain
    carry: Callable[[nn.Module], Carry] = _hidden
    feedback: Callable[[nn.Module, Shape | None], Mapping[str, Node]] = _no_feedback
    membrane: Callable[[nn.Module, Shape | None, tuple[Node, ...]], Node | None] = _no_membrane
    limit: Callable[[nn.Module, Shape | None], Coefficient | None] = _no_limit
    forward: Callable[[nn.Module], Callable[..., Any] | None] = _own_forward

    def layer(self, module: nn.Module) -> Layer | None:
        """Return how ``module`` becomes nodes, or None if it is not known or a subclass changed what it does."""
        mro = type(module).__mro__
        known = next((index for index, kind in enumerate(mro) if kind in self.layers), None)
        if known is None or any(_overrides(kind) for kind in mro[:known]):
            return None
        return self.layers[mro[known]]


def _overrides(kind: type) -> bool:
    """Whether a class defines methods of its own, besides those that do not take part in the forward."""
    return any(
        callable(value) and not name.startswith("__") and name != "extra_repr" for name, value in vars(kind).items()
    )
