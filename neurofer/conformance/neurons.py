"""Cases of the neurons and integrators: r, v_reset, v_leak, ties, per-neuron parameters, dt and shapes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import nir
import numpy as np

from neurofer.conformance.case import Case, dense, draw, full, graph, weights
from neurofer.ir.nodes import Shape

IMAGE: Shape = (2, 5, 4)
_MS = 1e-3
_DT = 1e-4


def cases() -> Iterator[Case]:
    """Yield the cases of neurons and integrators."""
    yield from _if()
    yield from _lif()
    yield from _cubalif()
    yield from _integrators()
    yield from _start()


def neuron(kind: str, shape: Shape, dt: float, **given: Any) -> nir.NIRNode:
    """Return a NIR neuron or integrator of ``shape``; time constants are given in steps.

    Without other values: r = 1 (an IF: 1 / dt), tau = 2 steps, a synapse that adds its input, reset to 0.
    """
    values: dict[str, Any] = {"r": 1 / dt if kind in ("I", "IF") else 1.0}
    if kind not in ("I", "IF"):
        values["v_leak"] = 0.0
    if kind in ("LI", "LIF"):
        values["tau"] = 2.0
    if kind.startswith("Cuba"):
        values |= {"tau_mem": 4.0, "tau_syn": 2.0, "w_in": 2.0}
    if kind.endswith("F"):
        values |= {"v_threshold": 0.90625 if kind == "IF" else 0.41, "v_reset": 0.0}
    values |= given
    exact = values.pop("exact", False)
    arrays = {}
    for key, value in values.items():
        scaled = np.asarray(value, np.float64) * (dt if key.startswith("tau") else 1.0)
        arrays[key] = np.full(shape, scaled) if exact else full(scaled, shape)
    return getattr(nir, kind)(**arrays)


def _case(name: str, kind: str, what: str, dt: float = _DT, scale: float = 1.0, row: str = "", **given: Any) -> Case:
    """Return input -> Linear -> neuron -> output on vectors."""
    nodes = {"fc": dense(weights(4, 5, scale=scale)), kind.lower(): neuron(kind, (4,), dt, **given)}
    return Case(name, row or kind, what, graph(nodes, enters=(5,), leaves=(4,)), dt, draw(name, (5,)))


def _after_a_spike(case: Case) -> Case:
    """Return the case with an input of ones at first: every neuron fires at once, wherever its membrane started."""
    inputs = case.inputs.copy()
    inputs[0] = 1.0
    return replace(case, inputs=inputs)


def _image(name: str, kind: str, what: str, **given: Any) -> Case:
    """Return input -> Conv2d -> neuron -> output on ``[C, H, W]``."""
    conv = nir.Conv2d(IMAGE[1:], weights(3, 2, 3, 3), 1, 1, 1, 1, np.zeros(3, np.float32))
    shape = (3, *IMAGE[1:])
    nodes = {"conv": conv, kind.lower(): neuron(kind, shape, _DT, **given)}
    return Case(name, kind, what, graph(nodes, enters=IMAGE, leaves=shape), _DT, draw(name, IMAGE))


def _deep(name: str, kind: str, scale: float = 1.0, **given: Any) -> Case:
    """Return two layers: what follows a neuron must be reached by its spikes."""
    nodes = {
        "fc1": dense(weights(6, 5, scale=scale)),
        f"{kind.lower()}1": neuron(kind, (6,), _DT, **given),
        "fc2": dense(weights(3, 6, seed=1, scale=scale)),
        f"{kind.lower()}2": neuron(kind, (3,), _DT, **given),
    }
    return Case(name, kind, "two layers", graph(nodes, enters=(5,), leaves=(3,)), _DT, draw(name, (5,)))


def _if() -> Iterator[Case]:
    per_second = 8192.0  # currents that reach a threshold within steps of 1e-4 s
    yield _case("if-r-1", "IF", "r = 1: the input is a current, a step adds dt * x", scale=per_second, r=1.0)
    yield _case("if-r-2", "IF", "r = 2", scale=per_second / 2, r=2.0)
    yield _case("if", "IF", "r = 1/dt: a step adds x")
    yield _case("if-1ms", "IF", "r = 1/dt at dt = 1 ms", _MS)
    yield _deep("if-r-1-two-layers", "IF", per_second, r=1.0)
    yield _after_a_spike(_case("if-v-reset", "IF", "reset to 1/4", scale=2.0, v_reset=0.25))
    yield _case("if-tie", "IF", "a membrane at the threshold does not fire (>)", v_threshold=1.0)
    yield _case("if-threshold-per-neuron", "IF", "a threshold per neuron", v_threshold=[0.65625, 0.90625, 1.40625])
    some = _case("if-v-reset-per-neuron", "IF", "a reset value per neuron", scale=2.0, v_reset=[0.0, -0.5, 0.25])
    yield _after_a_spike(some)
    yield _image("if-image", "IF", "on [C, H, W]")
    yield _deep("if-two-layers", "IF")


def _lif() -> Iterator[Case]:
    yield _case("lif", "LIF", "r = 1, tau = 2 dt")
    yield _case("lif-1ms", "LIF", "r = 1, tau = 2 dt at dt = 1 ms", _MS)
    yield _case("lif-slow", "LIF", "r = 1, tau = 8 dt", tau=8.0, v_threshold=0.15)
    yield _case("lif-r-tau-dt", "LIF", "r = tau/dt: a step adds x", r=2.0, v_threshold=0.90625)
    yield _case("lif-r-3", "LIF", "r = 3, which is neither 1 nor tau/dt", r=3.0, v_threshold=0.90625)
    yield _case("lif-v-leak", "LIF", "v_leak = 1/4", v_leak=0.25)
    yield _case("lif-v-reset", "LIF", "reset to 1/8", v_reset=0.125)
    yield _case("lif-v-leak-is-v-reset", "LIF", "v_leak = v_reset = 1/8", v_leak=0.125, v_reset=0.125)
    tie = "a membrane at the threshold does not fire (>)"
    yield _case("lif-tie", "LIF", tie, v_threshold=0.375, exact=True)
    yield _case("lif-tau-per-neuron", "LIF", "a time constant per neuron", tau=[2.0, 4.0, 8.0], v_threshold=0.21)
    yield _case("lif-threshold-per-neuron", "LIF", "a threshold per neuron", v_threshold=[0.16, 0.41, 0.54])
    yield _image("lif-image", "LIF", "on [C, H, W]")
    yield _deep("lif-two-layers", "LIF")


def _cubalif() -> Iterator[Case]:
    unit: dict[str, Any] = {"r": 4.0, "w_in": 2.0, "v_threshold": 1.26}
    yield _case("cubalif", "CubaLIF", "r = tau_mem/dt, w_in = tau_syn/dt: steps add x", **unit)
    yield _case("cubalif-1ms", "CubaLIF", "the same at dt = 1 ms", _MS, **unit)
    yield _case("cubalif-r-1-w-1", "CubaLIF", "r = 1, w_in = 1", r=1.0, w_in=1.0, v_threshold=0.15)
    yield _case("cubalif-w-in", "CubaLIF", "r = 1, w_in = 3", w_in=3.0)
    yield _case("cubalif-r", "CubaLIF", "r = 3, w_in = tau_syn/dt", r=3.0, v_threshold=0.91)
    yield _case("cubalif-v-leak", "CubaLIF", "v_leak = 1/4, which drives the membrane alone", **unit, v_leak=0.25)
    yield _case("cubalif-v-reset", "CubaLIF", "reset to 1/4; the synapse goes on", **unit, v_reset=0.25)
    tie = {**unit, "v_threshold": 1.0}
    found = _case("cubalif-tie", "CubaLIF", "a membrane at the threshold does not fire (>)", **tie, exact=True)
    found.graph.nodes["fc"].weight = np.eye(4, 5, dtype=np.float32)  # the first spike of each lifts it to 1
    yield found
    some = {**unit, "tau_mem": [2.0, 4.0, 8.0], "w_in": [1.0, 2.0]}
    yield _case("cubalif-per-neuron", "CubaLIF", "tau_mem and w_in per neuron", **some)
    yield _image("cubalif-image", "CubaLIF", "on [C, H, W]", **{**unit, "v_threshold": 1.27})


def _integrators() -> Iterator[Case]:
    yield _case("i", "I", "r = 1/dt: a step adds x")
    yield _case("i-r-1", "I", "r = 1: a step adds dt * x", r=1.0, scale=8192.0)
    yield _case("i-per-neuron", "I", "r per neuron", r=[5e3, 1e4])
    yield _case("li", "LI", "r = 1, tau = 2 dt")
    yield _case("li-1ms", "LI", "r = 1, tau = 2 dt at dt = 1 ms", _MS)
    yield _case("li-r-3", "LI", "r = 3", r=3.0)
    yield _case("li-v-leak", "LI", "v_leak = 1/4", v_leak=0.25)
    yield _case("li-tau-per-neuron", "LI", "a time constant per neuron", tau=[2.0, 8.0])
    yield _image("li-image", "LI", "on [C, H, W]")
    yield _case("cubali", "CubaLI", "r = tau_mem/dt, w_in = tau_syn/dt", r=4.0)
    yield _case("cubali-r-1-w-1", "CubaLI", "r = 1, w_in = 1", w_in=1.0)
    yield _case("cubali-v-leak", "CubaLI", "v_leak = 1/4, which drives the membrane alone", r=4.0, v_leak=0.25)


def _start() -> Iterator[Case]:
    """NIR does not say where a membrane starts: neurofer reads 0."""
    row = "Initial state"
    slow: dict[str, Any] = {"tau": 8.0, "v_threshold": 0.41}
    yield _case("start-v-reset", "IF", "an IF with v_reset = 1/4 starts at 0", row=row, v_reset=0.25)
    yield _case("start-v-leak", "LIF", "a LIF with v_leak = 3/8 starts at 0", row=row, v_leak=0.375, **slow)
