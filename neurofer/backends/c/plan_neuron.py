"""The coefficients of a neuron in the numbers that its stage computes with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurofer.backends.c.plan_arithmetic import Arithmetic
from neurofer.backends.c.plan_layout import Layout
from neurofer.ir import nodes as n
from neurofer.ir.dyadic import exponent
from neurofer.ir.nodes import Array
from neurofer.ir.threshold import spike_threshold
from neurofer.passes.proof import first

Value = int | float | Array
"""A coefficient: a number for all neurons, an array ``[channels]``, or one of all neurons in the order of memory."""


@dataclass(frozen=True)
class Update:
    """One step of a neuron, in the integers or float32 of its stage.

    ``i = (i >> syn_shift) * syn_leak + w_in * drive``, or the drive alone where syn_leak is None;
    ``u = (v >> shift) * leak + gain * i + offset``; a spike where ``u >= theta``; then ``v_reset``, or ``u - delta``
    where delta is given. Leaks divide exactly: within the contract's steps the bits shifted out are zero.
    """

    leak: Value
    shift: int
    gain: Value
    offset: Value
    theta: Value | None
    v_reset: Value
    delta: Value | None
    v_init: Value
    syn_leak: Value | None = None
    syn_shift: int = 0
    w_in: Value = 1
    i_init: Value = 0


def update(node: n.Neuron, number: Arithmetic, drive: int, layout: Layout) -> Update:
    """Return the step of ``node`` for a drive in units of ``2^-drive``."""
    whole = number.number != "f32"

    def units(value: n.Coefficient, power: int) -> Value:
        return _spread(np.ldexp(np.asarray(value, np.float64), power if whole else 0), number, layout)

    shift = max(0, exponent(node.alpha_mem)) if whole else 0
    made = Update(
        leak=units(node.alpha_mem, shift),
        shift=shift,
        gain=units(node.gain, number.exponent - (drive if node.alpha_syn is None else number.current)),
        offset=units(node.offset, number.exponent),
        theta=None if node.theta is None else threshold(node.theta, node.compare, number, number.exponent, layout),
        v_reset=units(node.v_reset, number.exponent),
        delta=None if node.delta is None else units(node.delta, number.exponent),
        v_init=units(node.v_init, number.exponent),
    )
    if node.alpha_syn is None:
        return made
    syn_shift = max(0, exponent(node.alpha_syn)) if whole else 0
    return replace(
        made,
        syn_leak=units(node.alpha_syn, syn_shift),
        syn_shift=syn_shift,
        w_in=units(node.w_in, number.current - drive),
        i_init=units(node.i_init, number.current),
    )


def threshold(theta: n.Coefficient, compare: n.Compare, number: Arithmetic, power: int, layout: Layout) -> Value:
    """Return the threshold at which ``u >= theta`` says the same, in the numbers of the stage."""
    if number.number == "f32":
        return _spread(spike_threshold(theta, compare, ">="), number, layout)
    # no membrane gets as far as the limits, so a threshold beyond them may stand there
    largest = 2.0**31 - 1 if number.number == "i32" else 2.0**53
    return _spread(np.clip(first(theta, compare, power), -largest, largest), number, layout)


def scale(node: n.Scale, number: Arithmetic, drive: int, layout: Layout) -> Value:
    """Return the factor of a Scale whose input is in units of ``2^-drive``."""
    if number.number == "f32":
        return _spread(node.scale, number, layout)
    return _spread(np.ldexp(np.asarray(node.scale, np.float64), number.exponent - drive), number, layout)


def _spread(values: Any, number: Arithmetic, layout: Layout) -> Value:
    """Return a coefficient as one number, one per channel or one per neuron, whichever holds it in the least room."""
    array = np.asarray(values).astype(_NUMPY[number.number])
    if number.number != "f32" and not np.array_equal(array, values):
        raise ArithmeticError("a coefficient is on a finer grid than its stage")
    if array.size and (array == array.flat[0]).all():
        one = array.flat[0]
        return float(one) if number.number == "f32" else int(one)
    grid = layout.in_memory(array).reshape(layout.pixels, layout.channels)
    return np.ascontiguousarray(grid[0] if (grid == grid[0]).all() else grid.ravel())


_NUMPY = {"i32": np.int32, "i64": np.int64, "f32": np.float32}
