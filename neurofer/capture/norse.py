"""Norse modules -> nodes: its neurons as their functions compute them, and its containers over time and state.

Written for Norse 1.1. All neurons fire where ``v > v_th``. The current of a two-state neuron jumps before the membrane
moves and decays after it, so that ``i[t] = (1 - dt/tau_syn) i[t-1] + x[t]`` is what the membrane sees.
"""

# ruff: noqa: ARG001 - all layers take a module and a shape

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from norse.torch.functional import reset
from norse.torch.module import iaf, leaky_integrator, leaky_integrator_box, lif, lif_box, lift, sequential, snn
from torch import nn

from neurofer.capture import torch as plain
from neurofer.capture.framework import Carry, Framework, refuse
from neurofer.capture.torch import per_neuron
from neurofer.capture.trace import begin, close, enter, leave, mark
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Coefficient, Node, Shape

_METHODS = ("super", "heaviside", "triangle", "tanh", "circ", "heavi_erfc")
"""What `norse.torch.functional.threshold` knows: all are the same step, and differ in their gradients."""

_SNNS = (snn.SNNCell, snn.SNNRecurrentCell, snn.SNN, snn.SNNRecurrent)


def integrate_and_fire(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """``v + x``, whatever dt; the membrane starts at the reset value."""
    refuse(*_fire_problems(m))
    v_reset = per_neuron(m.p.v_reset, shape)
    return (n.Neuron(theta=per_neuron(m.p.v_th, shape), compare=">", v_reset=v_reset, v_init=v_reset),)


def leaky(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """``v + dt/tau_mem (v_leak - v + x)``, reset to a value or by subtraction of the threshold."""
    known = {reset.reset_value: "hard", reset.reset_subtract: "soft"}
    how = known.get(m.p.reset_method)
    refuse(
        (how is None, f"its reset method {_name(m.p.reset_method)} is not known", "reset_value, or reset_subtract"),
        *_fire_problems(m),
    )
    return (n.Neuron(**_membrane(m, shape), **_fire(m, shape), reset="soft" if how == "soft" else "hard"),)


def current_based(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """The neuron with a synaptic current."""
    refuse(*_fire_problems(m))
    return (n.Neuron(**_membrane(m, shape), **_synapse(m, shape), **_fire(m, shape)),)


def recurrent(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """Input weights, and the current-based neuron behind them; `feedback` gives the recurrent weights."""
    hidden = None if shape is None else (*shape[:-1], int(m.hidden_size))
    return (n.Linear(plain.array(m.input_weights), None), *current_based(m, hidden))


def leaky_integrator_without_current(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """``v + dt/tau_mem (v_leak - v + x)``, read as it is."""
    return (n.Neuron(**_membrane(m, shape), theta=None),)


def integrator(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """The leaky integrator with a synaptic current."""
    return (n.Neuron(**_membrane(m, shape), **_synapse(m, shape), theta=None),)


def weighted_integrator(m: Any, shape: Shape | None) -> tuple[Node, ...]:
    """Weights, and the leaky integrator behind them."""
    hidden = None if shape is None else (*shape[:-1], int(m.hidden_size))
    return (n.Linear(plain.array(m.input_weights), None), *integrator(m, hidden))


def feedback(m: nn.Module, shape: Shape | None) -> Mapping[str, Node]:
    """Return the weights through which a recurrent neuron sees its own spikes of the step before."""
    if not isinstance(m, (snn.SNNRecurrentCell, snn.SNNRecurrent)):
        return {}
    return {"recurrent_weights": n.Linear(plain.array(m.recurrent_weights), None)}


def _rate(m: Any, inverse: Any, shape: Shape | None) -> Coefficient:
    """``dt / tau`` as the float32 number that the module computes with."""
    return per_neuron(torch.as_tensor(m.dt * inverse), shape)


def _membrane(m: Any, shape: Shape | None) -> dict[str, Any]:
    rate, leak = _rate(m, m.p.tau_mem_inv, shape), per_neuron(m.p.v_leak, shape)
    return {"alpha_mem": 1.0 - rate, "gain": rate, "offset": rate * leak, "v_init": leak}


def _synapse(m: Any, shape: Shape | None) -> dict[str, Any]:
    return {"alpha_syn": 1.0 - _rate(m, m.p.tau_syn_inv, shape)}


def _fire(m: Any, shape: Shape | None) -> dict[str, Any]:
    return {"theta": per_neuron(m.p.v_th, shape), "compare": ">", "v_reset": per_neuron(m.p.v_reset, shape)}


def _fire_problems(m: Any) -> list[tuple[object, str, str]]:
    own = getattr(m.activation, "__module__", "").startswith("norse.")
    raises = m.p.method not in _METHODS
    return [
        (not own, f"its step function {_name(m.activation)} is not Norse's", "the neuron as Norse defines it"),
        (raises, f"Norse has no threshold function {m.p.method!r}", f"method={_METHODS[0]!r}"),
    ]


def _name(value: object) -> str:
    return str(getattr(value, "__name__", value))


def carry(m: nn.Module) -> Carry:
    """Every neuron takes its state, and returns output and state; without one it starts anew."""
    return Carry(takes=("state",), gives=("state",), keeps=False)


def _forward(m: nn.Module) -> Callable[..., Any] | None:
    """Return what a container does to one step, in place of its loop over time or its sum with the last output."""
    if isinstance(m, lift.Lift):
        return _lifted(m)
    return _fed_back(m) if isinstance(m, sequential.RecurrentSequential) else None


def _lifted(m: Any) -> Callable[..., Any]:
    def forward(x: Any) -> Any:
        if isinstance(x, tuple):
            raise TypeError("Lift gets a tuple: it would start from the state of the module before it")
        out = m.lifted_module(mark(enter, x, "step"))
        if not m.is_stateful:
            return mark(leave, out)
        out, state = out
        return mark(leave, out), state

    return forward


def _fed_back(m: Any) -> Callable[..., Any]:
    def forward(x: Any, state: Any = None) -> Any:
        if not isinstance(m.output_modules, int):
            raise TypeError("RecurrentSequential with several output modules cannot add them to its input")
        entered = mark(begin, x)
        outputs, inner = m.module(entered, None if state is None else state.state)
        out = mark(close, outputs[m.output_modules], entered)
        return out, sequential.RecurrentSequentialState(out, inner)

    return forward


def _leaf(m: nn.Module) -> bool:
    containers = (lift.Lift, sequential.SequentialState, sequential.RecurrentSequential)
    return (type(m).__module__.startswith("norse.") and not isinstance(m, containers)) or isinstance(m, _SNNS)


def _multi_step(m: nn.Module) -> bool:
    return isinstance(m, (snn.SNN, snn.SNNRecurrent))


FRAMEWORK = Framework(
    layers={
        **plain.LAYERS,
        iaf.IAFCell: integrate_and_fire,
        iaf.IAF: integrate_and_fire,
        lif_box.LIFBoxCell: leaky,
        lif.LIFCell: current_based,
        lif.LIF: current_based,
        lif.LIFRecurrentCell: recurrent,
        lif.LIFRecurrent: recurrent,
        leaky_integrator_box.LIBoxCell: leaky_integrator_without_current,
        leaky_integrator.LICell: integrator,
        leaky_integrator.LI: integrator,
        leaky_integrator.LILinearCell: weighted_integrator,
    },
    stateful=(*_SNNS, leaky_integrator.LILinearCell),
    leaf=_leaf,
    multi_step=_multi_step,
    carry=carry,
    feedback=feedback,
    forward=_forward,
)
