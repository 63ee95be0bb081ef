"""What a stage does with its drive, as C: the step of a neuron, a comparison, a factor."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from neurofer.backends.c.plan_neuron import Value
from neurofer.backends.c.plan_stages import C_TYPES, Compute
from neurofer.ir import nodes as n


def literal(value: float, number: str) -> str:
    """Return a number as C writes it."""
    if number == "f32":
        text = f"{np.float32(value):.9g}"
        return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"
    whole = int(value)
    if number == "i64":
        return f"INT64_C({whole})"
    return str(whole) if whole > -(2**31) else f"({whole + 1} - 1)"


@dataclass
class Body:
    """The statements for one value ``c`` of one pixel, and the arrays that they read."""

    stage: Compute
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """Type of the sums."""
        return self.stage.number

    def of(self, name: str, value: Value) -> str:
        """Return a coefficient: a literal, or an element of an array that is called ``name``."""
        if not isinstance(value, np.ndarray):
            return literal(value, self.number)
        self.arrays[name] = value
        return f"{name}[c]" if len(value) == self.stage.layout.channels else f"{name}[at + c]"

    def times(self, factor: Value, name: str, operand: str) -> str:
        """Return a product, without a factor of one."""
        if not isinstance(factor, np.ndarray) and factor == 1:
            return operand
        return f"{self.of(name, factor)} * {operand}"

    def plus(self, total: str, name: str, value: Value) -> str:
        """Return a sum, without an addend of zero."""
        if not isinstance(value, np.ndarray) and value == 0:
            return total
        return f"{total} + {self.of(name, value)}"

    def lines(self) -> list[str]:
        """Return the statements; they read ``drive_t``, ``v`` and ``i``, and define ``s`` (a spike) or ``y_c``."""
        stage, kind = self.stage, C_TYPES[self.stage.number]
        match stage.what:
            case n.Neuron():
                return self._neuron(kind)
            case n.Threshold() if stage.operand is not None:
                return [f"const uint32_t s = (uint32_t)(drive_t[c] >= {self.of('theta', stage.operand)});"]
            case n.Scale() if stage.operand is not None:
                return [f"const {kind} y_c = {self.times(stage.operand, 'scale', 'drive_t[c]')};"]
            case n.AvgPool2d() if stage.operand is not None:
                return [f"const {kind} y_c = drive_t[c] / {self.of('area', stage.operand)};"]
            case n.Relu():
                return [f"const {kind} y_c = drive_t[c] > 0 ? drive_t[c] : 0;"]
        return [f"const {kind} y_c = drive_t[c];"]

    def _leaked(self, shift: int, factor: Value, name: str, operand: str) -> str:
        return self.times(factor, name, f"({operand} >> {shift})" if shift else operand)

    def _neuron(self, kind: str) -> list[str]:
        u = self.stage.update
        if u is None:
            return []
        lines, drive = [], "drive_t[c]"
        if u.syn_leak is not None:
            leaked = self._leaked(u.syn_shift, u.syn_leak, "syn_leak", "i[c]")
            lines.append(f"i[c] = {leaked} + {self.times(u.w_in, 'w_in', drive)};")
            drive = "i[c]"
        total = f"{self._leaked(u.shift, u.leak, 'leak', 'v[c]')} + {self.times(u.gain, 'gain', drive)}"
        lines.append(f"const {kind} u = {self.plus(total, 'offset', u.offset)};")
        if u.theta is None:
            return [*lines, "v[c] = u;", f"const {kind} y_c = u;"]
        lines.append(f"const uint32_t s = (uint32_t)(u >= {self.of('theta', u.theta)});")
        after = self.of("v_reset", u.v_reset) if u.delta is None else f"u - {self.of('delta', u.delta)}"
        return [*lines, f"v[c] = s != 0 ? {after} : u;"]


def described(stage: Compute) -> str:
    """Return what a stage computes, of which shape, and in which numbers."""
    terms = ", ".join(dict.fromkeys(term.node or term.source.buffer.name for term in stage.terms))
    what = stage.what.kind if isinstance(stage.what, n.Neuron) else type(stage.what).__name__
    name = stage.node if isinstance(stage.what, n.Dropout | n.Output) else f"{stage.node} = {what}"
    made = stage.arithmetic
    numbers = "float32" if stage.number == "f32" else f"{stage.number[1:]}-bit integers of 2^{-made.exponent}"
    width = "" if made.bits is None else f", sums of {made.bits} bits"
    return f"{name}: {stage.layout} of {terms}; {numbers}{width}"
