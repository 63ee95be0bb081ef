"""The Plan of a Program as C: its stages, their numbers, the room they need, and the weights they read.

`plan_wiring` says which nodes become stages, `plan_arithmetic` in which numbers they compute, `plan_graph` builds the
stages (`plan_stages`) from `plan_terms` and `plan_neuron`, `plan_fused` gives layers to the kernels that fire their
neurons, too, and `plan_memory` places the buffers. `emit` writes it all as C.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from neurofer.backends.c.plan_arithmetic import Arithmetic
from neurofer.backends.c.plan_graph import Graph
from neurofer.backends.c.plan_layout import Layout
from neurofer.backends.c.plan_memory import ALIGNMENT, Arena, arena
from neurofer.backends.c.plan_neuron import Update, Value
from neurofer.backends.c.plan_stages import Buffer, Compute, Constant, Enter, Fused, Late, Port, Stage
from neurofer.backends.c.plan_wiring import Wiring
from neurofer.errors import Problem, RefusedError
from neurofer.ir import Capabilities, Program
from neurofer.ir import nodes as n

CAPABILITIES = Capabilities(
    nodes=frozenset(n.LAYERS) - {n.BatchNorm},
    neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"}),
    instead={"BatchNorm": "pass fold_batchnorm"},
)

Sequence = Literal["layers", "steps"]

LIMIT = 2**31 - 1
"""Largest state and largest weights, in bytes."""


@dataclass(frozen=True)
class Plan:
    """A program as stages that run one after another.

    Attributes:
        program: what is planned.
        stages: in the order in which they run.
        arithmetic: numbers of every node that computes.
        layouts: grid of every node's output.
        sequence: ``layers`` where a sequence runs all steps of a stage at once, ``steps`` where steps feed back.
        small: whether it is for cores without vectors.
    """

    program: Program
    stages: tuple[Stage, ...]
    arithmetic: dict[str, Arithmetic]
    layouts: dict[str, Layout]
    sequence: Sequence
    small: bool = False

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What the caller gives."""
        found = {stage.node: stage.port for stage in self.stages if isinstance(stage, Enter)}
        return tuple(found[name] for name in self.program.inputs)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """What the caller gets."""
        found = {stage.node: stage.out for stage in self.stages if isinstance(stage.out, Port)}
        return tuple(found[name] for name in self.program.outputs)

    @cached_property
    def spikes(self) -> dict[str, Buffer]:
        """The plane of every spiking node."""
        names = [name for name, node in self.program.nodes.items() if n.spikes(node)]
        found = {stage.node: stage.out for stage in self.stages if isinstance(stage.out, Buffer)}
        return {name: found[name] for name in names}

    def arena(self, *, layers: bool, record: bool = False) -> Arena:
        """Return the places of buffers: for whole sequences or single steps, with all spikes kept or not."""
        kept = [buffer.name for buffer in self.spikes.values()] if record else []
        return arena(self.stages, self.program.contract.steps if layers else 1, layers=layers, kept=kept)

    def state(self, *, record: bool = False, only_sequence: bool = False) -> int:
        """Return the bytes of the state, which serves whole sequences and, unless ``only_sequence``, single steps."""
        ways = {self.sequence == "layers"} if only_sequence else {self.sequence == "layers", False}
        return max(self.arena(layers=layers, record=record).bytes for layers in ways)

    @cached_property
    def constants(self) -> dict[int, tuple[Constant, int]]:
        """Every array of the weights with its place in bytes, by the identity of its values."""
        found: dict[int, tuple[Constant, int]] = {}
        at = 0
        for constant in (constant for stage in self.stages for constant in constants(stage)):
            if id(constant.values) not in found:
                found[id(constant.values)] = (constant, at)
                at += -(-constant.values.nbytes // ALIGNMENT) * ALIGNMENT
        return found

    @cached_property
    def weights(self) -> bytes:
        """The weights as ``model_init`` reads them: little-endian, each array on a multiple of 64 bytes."""
        size = self.flash
        block = np.zeros(size, np.uint8)
        for constant, at in self.constants.values():
            values = np.ascontiguousarray(constant.values, constant.values.dtype.newbyteorder("<"))
            block[at : at + values.nbytes] = np.frombuffer(values.tobytes(), np.uint8)
        return block.tobytes()

    @property
    def flash(self) -> int:
        """Bytes of weights and constants."""
        last = max(self.constants.values(), key=lambda entry: entry[1], default=None)
        return 0 if last is None else last[1] + -(-last[0].values.nbytes // ALIGNMENT) * ALIGNMENT

    @property
    def ram(self) -> int:
        """Bytes of the state, which serves a sequence and single steps."""
        return self.state()


def constants(stage: Stage) -> list[Constant]:
    """Return the arrays that a stage reads."""
    if isinstance(stage, Late):
        return [stage.lag]
    values: list[Value | None] = []
    match stage:
        case Compute():
            found = [term.weight for term in stage.terms if term.weight is not None]
            found += [bias for bias in (stage.bias, stage.late) if bias is not None]
            values = [stage.operand]
        case Fused():
            found = [stage.weight, *([] if stage.sums is None else [stage.sums])]
        case _:
            return []
    if stage.update is not None:
        values += [getattr(stage.update, name) for name in Update.__dataclass_fields__]
    number = stage.arithmetic.number
    return found + [Constant(stage.node, value, number) for value in values if isinstance(value, np.ndarray)]


def plan(program: Program, *, fuse: bool = True, small: bool = False) -> Plan:
    """Return ``program`` as stages, buffers and integers or float32.

    Args:
        program: lowered: BatchNorm folded.
        fuse: whether layers take the kernels that fire their neurons, too; without, every layer is generic code.
        small: for cores without vectors: the kernels get no room to work in.

    Raises:
        RefusedError: nodes that are not supported, or values that are not finite, all at once; more than 2 GB.
    """
    _refuse(program)
    wiring = Wiring(program)
    stages = tuple(Graph(wiring, fuse, small).build())
    once = program.recurrent or program.contract.steps == 1
    made = Plan(program, stages, wiring.arithmetic, wiring.layouts, "steps" if once else "layers", small)
    if (largest := max(made.state(record=True), made.flash)) > LIMIT:
        raise RefusedError(
            "the program cannot be written as C",
            why=f"its state or its weights take {largest:,} bytes, and places in them are numbers of 31 bits",
            next_step="run it on smaller inputs, or fewer steps at once",
        )
    return made


def _refuse(program: Program) -> None:
    problems = CAPABILITIES.problems(program)
    for name, node in program.nodes.items():
        problems += [Problem(name, why) for why in node.not_finite()]
        if isinstance(node, n.Concat) and 0 < node.axis % len(program.shapes[name]) < len(program.shapes[name]) - 1 > 2:
            problems.append(Problem(name, "more than three dimensions are joined along an inner one", "axis 0"))
        if isinstance(node, n.MaxPool2d) and any(p >= k for p, k in zip(node.padding, node.kernel, strict=True)):
            problems.append(Problem(name, "a window may lie in the padding alone, which has no maximum"))
    if problems:
        raise RefusedError("the program cannot be written as C", problems=problems)
