"""NIR's neurons are differential equations, a Program's are steps: both directions of the discretisation.

For a state with time constant tau, driven by a constant x over a step dt (``tau y' = x - y``)::

    y[t] = alpha * y[t-1] + share * x        euler:       alpha = 1 - dt / tau,    share = dt / tau
                                             exponential: alpha = exp(-dt / tau),  share = 1 - alpha
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir
import numpy as np

from neurofer.ir import nodes as n
from neurofer.ir.contract import Contract
from neurofer.ir.threshold import spike_threshold

NeuronWriter = Callable[[n.Neuron, n.Shape], nir.NIRNode]
"""How a Neuron of a shape is said in NIR."""

TYPES = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF)

_PERFECT = 2.0**60
"""tau / dt of a state without leak: 1 - 2^-60 rounds to 1 in float64 and float32."""


def _relaxation(node: Any, name: str, contract: Contract) -> tuple[n.Array, n.Array]:
    """Return alpha and share of the state whose time constant (s) is the parameter ``name``."""
    tau = np.asarray(getattr(node, name), dtype=np.float64)
    if not np.all(tau > 0):
        raise ValueError(f"{name} must be positive, its smallest value is {tau.min()}")
    ratio = contract.dt / tau
    if contract.scheme == "euler":
        return np.asarray(1.0 - ratio), ratio
    return np.asarray(np.exp(-ratio)), np.asarray(-np.expm1(-ratio))


def _time_constant(alpha: n.Coefficient, contract: Contract) -> tuple[n.Array, n.Array]:
    """Return the tau (s) whose alpha this is, and its share; the inverse of `_relaxation`."""
    alpha = np.asarray(alpha, dtype=np.float64)
    euler = contract.scheme == "euler"
    share = np.where(alpha == 1.0, 1.0 / _PERFECT, 1.0 - alpha)
    rate = share if euler else np.where(alpha == 1.0, share, -np.log(np.maximum(alpha, 1e-300)))
    return contract.dt / rate, share


def read_neuron(node: Any, contract: Contract) -> n.Neuron:
    """Return a NIR neuron as the Neuron that the contract's dt and scheme make of it: hard reset, strict ``>``.

    Raises:
        ValueError: a time constant that is not positive.
    """
    kind = type(node).__name__
    values: dict[str, Any] = {"theta": None}
    if kind.endswith("F"):
        v_reset = 0.0 if node.v_reset is None else node.v_reset
        values = {"theta": node.v_threshold, "compare": ">", "reset": "hard", "v_reset": v_reset}
    r = np.asarray(node.r, dtype=np.float64)
    if kind in ("I", "IF"):
        return n.Neuron(gain=r * contract.dt, **values)
    alpha_mem, share = _relaxation(node, "tau" if kind in ("LI", "LIF") else "tau_mem", contract)
    values |= {"alpha_mem": alpha_mem, "gain": r * share, "offset": np.asarray(node.v_leak, np.float64) * share}
    if kind.startswith("Cuba"):
        alpha_syn, share = _relaxation(node, "tau_syn", contract)
        values |= {"alpha_syn": alpha_syn, "w_in": np.asarray(node.w_in, np.float64) * share}
    return n.Neuron(**values)


def nir_neuron(contract: Contract) -> NeuronWriter:
    """Return the writer that says a Neuron as NIR defines it: strict ``>``, hard reset, SI units, float32 arrays."""

    def write(node: n.Neuron, shape: n.Shape) -> nir.NIRNode:
        def full(value: Any) -> n.Array:
            return np.array(np.broadcast_to(np.asarray(value, dtype=np.float32), shape))

        values: dict[str, n.Array] = {}
        if node.theta is not None:
            threshold = spike_threshold(node.theta, node.compare, ">")
            values = {"v_threshold": full(threshold), "v_reset": full(node.v_reset)}
        kind = node.kind
        if kind in ("I", "IF"):
            return getattr(nir, kind)(r=full(np.asarray(node.gain) / contract.dt), **values)
        tau, share = _time_constant(node.alpha_mem, contract)
        values |= {"tau" if kind in ("LI", "LIF") else "tau_mem": full(tau)}
        values |= {"r": full(node.gain / share), "v_leak": full(node.offset / share)}
        if node.alpha_syn is not None:
            tau_syn, share = _time_constant(node.alpha_syn, contract)
            values |= {"tau_syn": full(tau_syn), "w_in": full(node.w_in / share)}
        return getattr(nir, kind)(**values)

    return write


def unsaid_neuron(node: n.Neuron, contract: Contract) -> list[str]:
    """Return what NIR cannot say about a Neuron."""
    found = []
    if node.spiking and node.reset == "soft":
        found.append("soft reset: a plain NIR reader resets to v_reset")
    if np.any(np.asarray(node.v_init) != 0) or np.any(np.asarray(node.i_init) != 0):
        found.append("initial state: a plain NIR reader may start elsewhere")
    for name in ("alpha_mem", "alpha_syn"):
        alpha = getattr(node, name)
        if alpha is None:
            continue
        low = np.min(alpha) <= 0 and contract.scheme == "exponential"
        if low or np.max(alpha) > 1:
            found.append(f"no positive time constant gives {name} = {np.min(alpha)} to {np.max(alpha)}")
    return found
