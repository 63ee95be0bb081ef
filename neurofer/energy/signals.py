"""What enters a node, taken from a Trace: packed spike trains walked through the nodes that only pass values on.

A signal is a tuple of weighted spike trains whose weighted sum is the value, so that a sum of spikes (a SEW shortcut)
stays packed: its spikes are counted with a popcount and never unpacked. Nodes that need the values themselves (a Scale,
a Delay, a maximum over values above one) unpack them and pack the bits of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from neurofer.errors import UsageError
from neurofer.ir import Edge, Program, Spikes, Trace
from neurofer.ir import nodes as n

Signal = tuple[tuple[Spikes, int], ...]
Counts = NDArray[np.int64]


class Signals:
    """The non-negative integer signals of a program during the first steps of a trace.

    Args:
        program: the program that was run.
        trace: what its run recorded.
        steps: how many steps to look at, from the first on.
    """

    def __init__(self, program: Program, trace: Trace, steps: int) -> None:
        self.program, self.trace, self.steps = program, trace, steps
        self._left: dict[str, Signal] = {}
        self._entered: dict[tuple[Edge, ...], Signal] = {}

    def entering(self, name: str) -> Signal:
        """Return what enters ``name``, summed (or joined, for a Concat)."""
        edges = self.program.predecessors(name)
        node = self.program.nodes[name]
        # Two layers behind one sum, as in a block with a projected shortcut, share the work.
        key = tuple(Edge(edge.source, "", edge.delay) for edge in edges)
        if isinstance(node, n.Concat):
            return self._joined([self._along(edge) for edge in edges], node.axis)
        if key not in self._entered:
            self._entered[key] = tuple(train for edge in edges for train in self._along(edge))
        return self._entered[key]

    def leaving(self, name: str) -> Signal:
        """Return the output of ``name``.

        Raises:
            UsageError: the output is no count of spikes, or an Input holds values outside its domain.
        """
        if name not in self._left:
            self._left[name] = self._evaluate(name)
        return self._left[name]

    def _along(self, edge: Edge) -> Signal:
        signal = self.leaving(edge.source)
        return self._shifted(signal, np.asarray(edge.delay)) if edge.delay else signal

    def _evaluate(self, name: str) -> Signal:
        node = self.program.nodes[name]
        if name in self.trace.spikes:
            return ((first_steps(self.trace.spikes[name], self.steps), 1),)
        match node:
            case n.Input():
                return self._encoded(checked_input(self.trace.inputs[name][: self.steps], name, node))
            case n.Dropout() | n.Relu() | n.Output() | n.Concat():
                return self.entering(name)
            case n.Flatten():
                return tuple((reshaped(s, node.output_shape(s.shape)), w) for s, w in self.entering(name))
            case n.SumPool2d():
                return tuple((window, w) for s, w in self.entering(name) for window in windows(s, node))
            case n.MaxPool2d():
                return self._maximum(self.entering(name), node)
            case n.Scale():
                return self._encoded(self._decoded(self.entering(name)) * np.asarray(node.scale, dtype=np.int64))
            case n.Delay():
                return self._shifted(self.entering(name), np.asarray(node.steps, dtype=np.int64))
        raise UsageError(
            "its output is no count of spikes", where=name, why=f"a {type(node).__name__} gives real values"
        )

    def _decoded(self, signal: Signal) -> Counts:
        terms = [weight * train.unpack().astype(np.int64) for train, weight in signal]
        return sum(terms[1:], start=terms[0])

    def _encoded(self, values: Counts) -> Signal:
        """Pack the values bit by bit: one train per binary digit, weighted with its place."""
        digits = max(int(values.max(initial=0)).bit_length(), 1)
        return tuple((Spikes.pack(values >> digit & 1), 1 << digit) for digit in range(digits))

    def _joined(self, signals: Sequence[Signal], axis: int) -> Signal:
        if all(len(signal) == 1 and signal[0][1] == 1 for signal in signals):
            bits = np.concatenate([signal[0][0].bits for signal in signals], axis=axis + 1)
            return ((Spikes(bits, self.steps, self.trace.samples), 1),)
        values = [self._decoded(signal) for signal in signals]
        return self._encoded(np.concatenate(values, axis=axis + 2))

    def _shifted(self, signal: Signal, delays: NDArray[np.int64]) -> Signal:
        values = self._decoded(signal)
        late = np.zeros_like(values)
        for delay in np.unique(delays):
            if delay < self.steps:
                late[delay:] += values[: self.steps - delay] * (delays == delay)
        return self._encoded(late)

    def _maximum(self, signal: Signal, node: n.MaxPool2d) -> Signal:
        if len(signal) == 1:
            train, weight = signal[0]
            return ((union(windows(train, node)), weight),)
        values = self._decoded(signal)
        taps = windows_of(values, node)
        return self._encoded(reduce(np.maximum, taps))


def checked_input(values: n.Array, name: str, node: n.Input) -> Counts:
    """Return the recorded values of an Input as integers.

    Raises:
        UsageError: a value is negative, fractional or beyond the Input's domain.
    """
    whole = np.asarray(values).astype(np.int64)
    top = node.domain.max
    if top is None or np.any(whole != values) or whole.min(initial=0) < 0 or whole.max(initial=0) > top:
        raise UsageError(
            "the recorded input cannot be counted",
            where=name,
            why=f"its domain is {node.domain}, but values lie outside",
            next_step="declare the Input's domain as real, or record what entered it",
        )
    return whole


def first_steps(train: Spikes, steps: int) -> Spikes:
    """Return the first ``steps`` steps of a spike train."""
    if steps == train.steps:
        return train
    count = steps * train.samples
    bits = train.bits[: -(-count // 8)].copy()
    if count % 8:
        bits[-1] &= 0xFF << (8 - count % 8) & 0xFF  # packed bits start at the most significant one
    return Spikes(bits, steps, train.samples)


def reshaped(train: Spikes, shape: n.Shape) -> Spikes:
    """Return the same spikes for neurons laid out in ``shape``."""
    return Spikes(train.bits.reshape(len(train.bits), *shape), train.steps, train.samples)


def union(trains: Sequence[Spikes]) -> Spikes:
    """Return the train that spikes where any of ``trains`` does."""
    return Spikes(reduce(np.bitwise_or, [train.bits for train in trains]), trains[0].steps, trains[0].samples)


def windows(train: Spikes, node: n.SumPool2d | n.MaxPool2d) -> list[Spikes]:
    """Return one train per kernel position: together they are what each pooling window sees."""
    return [Spikes(bits, train.steps, train.samples) for bits in windows_of(train.bits, node)]


def windows_of(values: n.Array, node: n.SumPool2d | n.MaxPool2d) -> list[n.Array]:
    """Return ``[..., H, W]`` seen from each kernel position; padding is zero, below which no count lies."""
    (high, wide), (down, right) = node.padding, node.strides
    padded = np.pad(values, [(0, 0)] * (values.ndim - 2) + [(high, high), (wide, wide)])
    rows = (padded.shape[-2] - node.kernel[0]) // down + 1
    columns = (padded.shape[-1] - node.kernel[1]) // right + 1
    return [
        padded[..., y : y + (rows - 1) * down + 1 : down, x : x + (columns - 1) * right + 1 : right]
        for y in range(node.kernel[0])
        for x in range(node.kernel[1])
    ]
