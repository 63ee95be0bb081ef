"""A Network: a Program inside one simulator. Running it, and replaying one of its layers, are written once here.

A backend gives one step function per node and the conversion between numpy and its own arrays; the wiring follows the
Program. An importer of a simulator that wires the graph itself overrides `Network.run` alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurofer.errors import UsageError
from neurofer.ir import Program, Spikes, Trace
from neurofer.ir.nodes import Array, Concat, Input, Output, spikes

Step = Callable[[Any, Any], tuple[Any, Any]]
"""``(x [N, *shape], state or None) -> (y, state)``: one node for one time step, in the simulator's own arrays."""


@dataclass(frozen=True)
class Network:
    """A Program that a simulator can run.

    Attributes:
        program: what is run, after the lowering the backend needed; nodes that spike keep their names.
        steps: node -> its step function; Input and Output need none.
        lift: numpy array -> the simulator's array.
        drop: the simulator's array -> numpy array.
        join: concatenation along a dimension (batch included) of the simulator's arrays.
        version: name and version of what runs it.
    """

    program: Program
    steps: Mapping[str, Step]
    lift: Callable[[Array], Any]
    drop: Callable[[Any], Array]
    join: Callable[..., Any]
    version: str
    batched: ClassVar[bool] = True
    """Whether all samples run at once; float32 sums may come out otherwise where they do not."""

    def run(self, inputs: Array | Mapping[str, Array]) -> Trace:
        """Run all steps and record every spike train and every output.

        Args:
            inputs: ``[T, N, *shape]``, or ``[N, *shape]`` where the contract's encoder is ``constant``; a mapping by
                Input node where there are several.

        Raises:
            UsageError: an input of another shape, with values that are not finite, or missing.
        """
        frames = check_inputs(self.program, inputs)
        length, samples = next(iter(frames.values())).shape[:2]
        recorder = Recorder(self.program, length, samples)
        for t, values in enumerate(self._walk(frames, length)):
            recorder.record(t, {name: self.drop(value) for name, value in values.items() if recorder.wants(name)})
        return recorder.trace(frames)

    def _walk(self, frames: Mapping[str, Array], length: int) -> Iterator[dict[str, Any]]:
        states: dict[str, Any] = {}
        before: dict[str, Any] = {}
        constant: dict[str, Any] = {}
        for t in range(length):
            values = dict(constant) or {name: self.lift(x[t]) for name, x in frames.items()}
            for name in self.program.order:
                if name in values:
                    continue
                x = self.gather(name, values, before)
                values[name], states[name] = self.step(name, x, states.get(name))
            if t == 0:
                constant = {name: values[name] for name in self.program.static}
            before = {edge.source: values[edge.source] for edge in self.program.edges if edge.delay}
            yield values

    def values(self, inputs: Array | Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        """Yield the output of every node at each step: name -> ``[N, *shape]``, in the simulator's own precision."""
        frames = check_inputs(self.program, inputs)
        for found in self._walk(frames, len(next(iter(frames.values())))):
            yield {name: self.drop(value) for name, value in found.items()}

    def alone(self, golden: Trace) -> Trace | None:
        """Return what every node does alone, fed ``golden``'s spikes; None where nodes are replayed one by one."""
        return None

    def step(self, name: str, x: Any, state: Any) -> tuple[Any, Any]:
        """Run one node for one step."""
        if isinstance(self.program.nodes[name], (Input, Output, Concat)):
            return x, None
        return self.steps[name](x, state)

    def gather(self, name: str, values: Mapping[str, Any], before: Mapping[str, Any]) -> Any:
        """Return what enters ``name``: the outputs of this step, and of the step before over delayed edges, summed."""
        terms = []
        for edge in self.program.predecessors(name):
            if not edge.delay:
                terms.append(values[edge.source])
            elif edge.source in before:
                terms.append(before[edge.source])
            # at the first step a delayed edge carries zero, also where its source has a bias
        node = self.program.nodes[name]
        if isinstance(node, Concat):
            return self.join(terms, node.batch_axis)
        if not terms:
            samples = len(next(iter(values.values())))
            return self.lift(np.zeros((samples, *self.program.input_shape(name))))
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


class Recorder:
    """Collects the spikes and outputs of a run, step by step, in the least memory."""

    def __init__(self, program: Program, steps: int, samples: int) -> None:
        self._names = {name for name, node in program.nodes.items() if spikes(node)}
        self._outputs = set(program.outputs)
        self._shapes = program.shapes
        self._bits: dict[str, NDArray[np.uint8]] = {}
        self._frames: dict[str, Array] = {}
        self.steps, self.samples = steps, samples

    def wants(self, name: str) -> bool:
        """Whether the values of ``name`` are recorded."""
        return name in self._names or name in self._outputs

    def record(self, t: int, values: Mapping[str, Array], sample: int | None = None) -> None:
        """Take the values ``[N, *shape]`` of step ``t`` (of one sample alone if ``sample`` is given)."""
        for name, value in values.items():
            rows = value.reshape(-1, *self._shapes[name])
            if name in self._names:
                self._pack(name, t * self.samples + (sample or 0), rows)
                continue
            if name not in self._frames:
                self._frames[name] = np.zeros((self.steps, self.samples, *self._shapes[name]))
            self._frames[name][t, slice(None) if sample is None else sample] = rows if sample is None else rows[0]

    def _pack(self, name: str, first: int, rows: Array) -> None:
        """Set one bit per neuron and sample: unpacked, the spikes of all nodes would take eight times the memory."""
        if name not in self._bits:
            length = math.ceil(self.steps * self.samples / 8)
            self._bits[name] = np.zeros((length, *self._shapes[name]), np.uint8)
        for place, row in enumerate(rows, start=first):
            # a spike is a 1: whatever else a simulator emits must not pass for one
            self._bits[name][place // 8] |= (row == 1).astype(np.uint8) << (7 - place % 8)

    def trace(self, inputs: Mapping[str, Array]) -> Trace:
        """Return what was recorded."""
        trains = {name: Spikes(bits, self.steps, self.samples) for name, bits in self._bits.items()}
        return Trace(self.steps, self.samples, inputs, trains, dict(self._frames))


def check_inputs(program: Program, inputs: Array | Mapping[str, Array]) -> dict[str, Array]:
    """Return the input of every Input node as ``[T, N, *shape]``; a constant one is repeated as a view.

    Raises:
        UsageError: an input that is missing, unknown, of another shape or length than the others, not constant although
            the contract says so, or with values that are not finite.
    """
    given = inputs if isinstance(inputs, Mapping) else {program.inputs[0]: inputs}
    if missing := [name for name in program.inputs if name not in given]:
        raise UsageError("inputs are missing", where=", ".join(missing), next_step="give one array per Input node")
    if unknown := [name for name in given if name not in program.inputs]:
        raise UsageError("these are no Input nodes", where=", ".join(unknown), why=f"there are {list(program.inputs)}")
    frames = {name: _check_input(program, name, np.asarray(given[name])) for name in program.inputs}
    if len({x.shape[:2] for x in frames.values()}) > 1:
        sizes = ", ".join(f"{name} {list(x.shape[:2])}" for name, x in frames.items())
        raise UsageError("the inputs differ in steps or samples", why=f"[T, N] of {sizes}")
    return frames


def _check_input(program: Program, name: str, x: Array) -> Array:
    shape, given = program.shapes[name], list(x.shape)
    constant = program.contract.encoder == "constant"
    if x.dtype.kind not in "biuf":
        raise UsageError("the input holds no real numbers", where=name, why=f"its type is {x.dtype}")
    if constant and x.ndim == len(shape) + 1:
        x = np.broadcast_to(x, (program.contract.steps, *x.shape))
    if x.ndim != len(shape) + 2 or x.shape[2:] != shape:
        axes, names = (("N",), "N samples") if constant else (("T", "N"), "T steps of N samples")
        why = f"{given} instead of [{', '.join(map(str, (*axes, *shape)))}]"
        raise UsageError("the input has another shape", where=name, why=why, next_step=f"give {names} in that shape")
    if 0 in x.shape[:2]:
        raise UsageError("the input is empty", where=name, why=f"its shape is {given}")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise UsageError("the input holds values that are not finite", where=name)
    if constant and x.strides[0] != 0 and not np.array_equal(x, np.broadcast_to(x[0], x.shape)):
        why = "the contract's encoder is constant"
        raise UsageError("the input changes from step to step", where=name, why=why, next_step="give one step of it")
    return x
