"""snnTorch neurons -> nodes, as their forward computes them; a neuron fires where ``mem > threshold``.

Written for snnTorch 1.0. By default (``reset_delay=True``) the membrane of a neuron that fired is reset at the start of
the next step::

    mem[t] = beta * mem[t-1] + x[t] - [mem[t-1] > threshold] * threshold      ("subtract")
    mem[t] = beta * mem[t-1] * (1 - [mem[t-1] > threshold]) + x[t]            ("zero", Leaky alone)

With ``s[t-1] = [mem[t-1] > threshold]`` the first is ``beta * (mem[t-1] - delta * s[t-1]) + x[t]`` for
``delta = threshold / beta``: a soft reset at once. The second is a hard reset to zero at once. The other neurons lose
the input of the step after a spike, too, when they reset to zero.
"""

# ruff: noqa: ARG001 - all layers take a module and a shape

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import snntorch
import torch
from torch import nn

from neurofer.capture import torch as plain
from neurofer.capture.framework import Carry, Framework, refuse
from neurofer.capture.torch import per_neuron
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Coefficient, Node, Shape

_MECHANISMS = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}
_RECURRENT = (snntorch.RLeaky, snntorch.RSynaptic)
_NEURONS = (snntorch.Leaky, snntorch.Lapicque, snntorch.Synaptic, *_RECURRENT)


def leaky(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """Leaky and RLeaky, and the factor that graded spikes are multiplied with."""
    neuron = _neuron(m, shape, alpha_mem=_clamped(m.beta, shape))
    factor = per_neuron(m.graded_spikes_factor, shape)
    return (neuron,) if np.all(factor == 1) else (neuron, n.Scale(factor))


def synaptic(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """Synaptic and RSynaptic: the current of the step enters the membrane undivided."""
    return (_neuron(m, shape, alpha_mem=_clamped(m.beta, shape), alpha_syn=_clamped(m.alpha, shape)),)


def lapicque(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """``x * R * (1 / (R C)) * time_step + (1 - time_step / (R C)) * mem``, whatever beta."""
    alpha, gain = _circuit(m, shape)
    return (_neuron(m, shape, alpha_mem=alpha, gain=gain),)


def _circuit(m: Any, shape: Shape | None) -> tuple[Coefficient, Coefficient]:
    """Return leak and gain of a Lapicque from the float32 numbers that it computes with."""
    parts = (m.R, 1 / (m.R * m.C), m.time_step, 1 - m.time_step / (m.R * m.C))
    r, inverse, step, alpha = (per_neuron(part, shape) for part in parts)
    return alpha, r * inverse * step


def _clamped(value: Any, shape: Shape | None) -> Coefficient:
    return per_neuron(value.clamp(0, 1), shape)


def _neuron(m: Any, shape: Shape | None, **dynamics: Any) -> n.Neuron:
    how, theta = _mechanism(m), per_neuron(m.threshold, shape)
    refuse(*_problems(m, how, theta))
    if how == "zero":
        return n.Neuron(**dynamics, theta=theta, compare=">")
    delta: Any = 0.0
    if how == "subtract" and not getattr(m, "reset_delay", True):
        delta = theta
    elif how == "subtract" and not _fed_back(m, dynamics["alpha_mem"], theta):
        delta = theta / dynamics["alpha_mem"]
    return n.Neuron(**dynamics, theta=theta, compare=">", reset="soft", delta=delta)


def _mechanism(m: Any) -> str:
    """Return the reset that the forward carries out; the attribute ``reset_mechanism`` may have been set later."""
    return _MECHANISMS[m.state_function.__name__]


def _fed_back(m: Any, beta: Coefficient, theta: Coefficient) -> bool:
    """Whether the threshold is subtracted over a delayed edge: where ``theta / beta`` is no number.

    That is so where beta is 0, and where rounding the quotient would spoil the arithmetic of a dyadic network, exact
    until then. A beta that is itself rounded, like 0.9, has nothing to spoil. What enters a synapse stays in it, so
    that a current-based neuron is subtracted from at once or not at all.
    """
    if hasattr(m, "alpha"):
        refuse((np.any(np.asarray(beta) == 0), "with beta = 0 its reset by subtraction is not expressible", "beta > 0"))
        return False
    pairs = zip(*(np.ravel(value) for value in np.broadcast_arrays(beta, theta)), strict=True)
    return any(b == 0 or (_coarse(b) and _coarse(t) and not _divides(b, t)) for b, t in set(pairs))


def _coarse(value: float) -> bool:
    return bool(value * 2**12 == np.round(value * 2**12))


def _divides(beta: float, theta: float) -> bool:
    return Fraction(float(theta)) / Fraction(float(beta)) == Fraction(float(theta / beta))


def _problems(m: Any, how: str, theta: Coefficient) -> list[tuple[object, str, str]]:
    delayed = getattr(m, "reset_delay", True)
    asked = list(snntorch.SpikingNeuron.reset_dict)[int(m.reset_mechanism_val)]
    loses = how == "zero" and delayed and not isinstance(m, snntorch.Leaky)
    broken = not delayed and how != "none" and isinstance(m, snntorch.RSynaptic)
    again = not delayed and how == "subtract" and not isinstance(m, (snntorch.Leaky, snntorch.RSynaptic))
    return [
        (m.inhibition, "inhibition lets one neuron of a layer fire: neurons see each other", "inhibition=False"),
        (m.state_quant, "state_quant rounds its state by a function of the user", "state_quant=False"),
        (not _steps(m), "its spike_grad is no step at 0: it fires at random or by degrees", "a surrogate of snnTorch"),
        (not delayed and asked != how, f"it resets by {how!r} and, after firing, by {asked!r}", "one mechanism"),
        (how != "none" and np.any(np.asarray(theta) < 0), "with a threshold below 0 it resets before it fires", ""),
        (loses, "its reset to zero also drops the input of the next step", "reset_mechanism='subtract', or Leaky"),
        (broken, "RSynaptic with reset_delay=False computes with no membrane", "reset_delay=True"),
        (again, "with reset_delay=False it subtracts again while it stays above the threshold", "reset_delay=True"),
    ]


def _steps(m: Any) -> bool:
    """Whether the function that fires is 1 above 0, and else 0."""
    tiny = torch.finfo(torch.float32).tiny
    with torch.no_grad():
        found = m.spike_grad(torch.tensor([-2.0, -tiny, 0.0, tiny, 2.0]))
    return bool(found.tolist() == [0.0, 0.0, 0.0, 1.0, 1.0])


def feedback(m: nn.Module, shape: Shape | None) -> Mapping[str, Node]:
    """Return what a neuron sees of its own spikes of the step before: recurrent weights, or a threshold subtracted."""
    found: dict[str, Node] = {}
    if isinstance(m, _RECURRENT):
        found["recurrent"] = _recurrent(m.recurrent, shape)
    delayed = getattr(m, "reset_delay", True)
    if isinstance(m, _NEURONS) and delayed and _mechanism(m) == "subtract":
        theta = per_neuron(m.threshold, shape)
        beta = _circuit(m, shape)[0] if isinstance(m, snntorch.Lapicque) else _clamped(m.beta, shape)
        if _fed_back(m, beta, theta):
            gain = _circuit(m, shape)[1] if isinstance(m, snntorch.Lapicque) else 1.0
            found["reset"] = n.Scale(-theta / gain)
    return found


def _recurrent(m: Any, shape: Shape | None) -> Node:
    if type(m) in plain.LAYERS:
        (node,) = plain.LAYERS[type(m)](m, shape)
        return node
    refuse((not hasattr(m, "V"), f"its recurrent connection is a {type(m).__name__}", "Linear, Conv2d or V"))
    return n.Scale(per_neuron(m.V, shape))


def limit(m: nn.Module, shape: Shape | None) -> Coefficient | None:
    """Return the largest input for which a Leaky with ``reset_delay=False`` is what `leaky` says, else None.

    It does not subtract, and fires above twice the threshold only, where the membrane was above the threshold after the
    last subtraction. With ``mem <= threshold`` before, ``beta * mem + x - threshold <= threshold`` holds for
    ``x <= (2 - beta) * threshold``.
    """
    if not isinstance(m, snntorch.Leaky) or m.reset_delay or _mechanism(m) != "subtract":
        return None
    limited: Coefficient = (2 - _clamped(m.beta, shape)) * per_neuron(m.threshold, shape)
    return limited


def membrane(m: Any, shape: Shape | None, nodes: tuple[Node, ...]) -> Node | None:
    """Return the integrator whose output is the membrane, which nothing resets; None where something does."""
    neuron = nodes[0]
    return replace(neuron, theta=None) if isinstance(neuron, n.Neuron) and _mechanism(m) == "none" else None


def carry(m: Any) -> Carry:
    """A neuron keeps its state, also between calls without one; what it takes and returns depends on its options."""
    takes = (
        *(("spk",) if isinstance(m, _RECURRENT) else ()),
        *(("syn",) if hasattr(m, "alpha") else ()),
        "mem",
    )
    alone = getattr(m, "init_hidden", False) and not getattr(m, "output", False)
    return Carry(takes, None if alone else tuple(name for name in takes if name != "spk"), keeps=True)


def _leaf(m: nn.Module) -> bool:
    return type(m).__module__.startswith("snntorch.") or isinstance(m, snntorch.SpikingNeuron)


FRAMEWORK = Framework(
    layers={
        **plain.LAYERS,
        snntorch.Leaky: leaky,
        snntorch.RLeaky: leaky,
        snntorch.Lapicque: lapicque,
        snntorch.Synaptic: synaptic,
        snntorch.RSynaptic: synaptic,
    },
    stateful=(snntorch.SpikingNeuron,),
    leaf=_leaf,
    carry=carry,
    feedback=feedback,
    membrane=membrane,
    limit=limit,
)
