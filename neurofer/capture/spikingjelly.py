"""SpikingJelly modules -> nodes: its neurons, and its layers, which are torch's with a step mode.

Written for SpikingJelly 2.0; a neuron fires where ``v - v_threshold >= 0``, and its charge follows its own docstrings.
"""

# ruff: noqa: ARG001 - all layers take a module and a shape

from __future__ import annotations

from typing import Any

import torch
from spikingjelly.activation_based import base, layer, neuron
from torch import nn

from neurofer.capture import torch as plain
from neurofer.capture.framework import Framework, Inside, refuse
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Node, Shape


def integrate_and_fire(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """``h = v + x``."""
    return (_neuron(m, alpha_mem=1.0, gain=1.0),)


def leaky(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """``h = v + (x - (v - v_reset)) / tau``, or with ``x`` undivided where ``decay_input`` is False."""
    return (_leaky(m, 1.0 / m.tau),)


def parametric(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """LIF with ``1 / tau = sigmoid(w)``, taken as the float32 number that the module computes with."""
    many = m.w.numel() != 1
    refuse((many, f"{m.w.numel()} learnt time constants in one neuron layer", "one time constant per layer"))
    return (_leaky(m, float(torch.sigmoid(m.w.detach()))),)


def _leaky(m: Any, rate: float) -> Node:
    rest = 0.0 if m.v_reset is None else m.v_reset
    return _neuron(m, alpha_mem=1.0 - rate, gain=rate if m.decay_input else 1.0, offset=rest * rate)


def _neuron(m: Any, **dynamics: float) -> Node:
    initial = m.get_reset_value("v")
    refuse(
        (not m.surrogate_function.spiking, "the surrogate function does not spike: outputs are graded", "spiking=True"),
        (m._neuron_precision is not None, "the neuron computes in reduced precision", "float32"),  # noqa: SLF001
        (
            not isinstance(initial, float),
            f"its membrane starts at {type(initial).__name__}, not at a number",
            "a float",
        ),
    )
    hard = m.v_reset is not None
    return n.Neuron(
        **dynamics,
        theta=m.v_threshold,
        compare=">=",
        reset="hard" if hard else "soft",
        v_reset=m.v_reset if hard else 0.0,
        v_init=initial,
    )


_CONTAINERS = (layer.MultiStepContainer, layer.SeqToANNContainer, layer.StepModeContainer)


def _leaf(m: nn.Module) -> bool:
    own = type(m).__module__.startswith("spikingjelly.") and not isinstance(m, _CONTAINERS)
    return own or isinstance(m, base.MemoryModule)


def _multi_step(m: nn.Module) -> bool:
    return isinstance(m, base.StepModule) and getattr(m, "step_mode", "s") == "m"  # TLast containers have none


def _inside(m: nn.Module) -> Inside | None:
    if isinstance(m, layer.MultiStepContainer):
        return "step"
    if isinstance(m, layer.SeqToANNContainer):
        return "frames"
    if isinstance(m, layer.StepModeContainer) and m.step_mode == "m":
        return "step" if m.stateful else "frames"
    return None


FRAMEWORK = Framework(
    layers={
        **plain.LAYERS,
        layer.Linear: plain.linear,
        layer.Conv1d: plain.LAYERS[nn.Conv1d],
        layer.Conv2d: plain.LAYERS[nn.Conv2d],
        layer.BatchNorm1d: plain.LAYERS[nn.BatchNorm1d],
        layer.BatchNorm2d: plain.LAYERS[nn.BatchNorm2d],
        layer.MaxPool2d: plain.max_pool,
        layer.AvgPool2d: plain.avg_pool,
        layer.AdaptiveAvgPool2d: plain.LAYERS[nn.AdaptiveAvgPool2d],
        layer.Flatten: plain.flatten,
        layer.Dropout: plain.dropout,
        layer.Dropout2d: plain.dropout,
        neuron.IFNode: integrate_and_fire,
        neuron.HalfThresholdIFNode: integrate_and_fire,
        neuron.LIFNode: leaky,
        neuron.ParametricLIFNode: parametric,
    },
    stateful=(neuron.BaseNode, neuron.SimpleBaseNode),
    pointwise=(nn.Linear, nn.ReLU, nn.Dropout, nn.Identity, layer.Dropout),
    leaf=_leaf,
    multi_step=_multi_step,
    inside=_inside,
)
