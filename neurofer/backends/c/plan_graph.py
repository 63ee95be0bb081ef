"""From a Program to the stages that compute it, with their buffers and numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from neurofer.backends.c import plan_terms as terms
from neurofer.backends.c.plan_arithmetic import Arithmetic
from neurofer.backends.c.plan_fused import TERMS, forgets, fused, wide
from neurofer.backends.c.plan_layout import Layout, layout_of
from neurofer.backends.c.plan_names import Names
from neurofer.backends.c.plan_neuron import scale, threshold, update
from neurofer.backends.c.plan_stages import (
    BYTES,
    Buffer,
    Compute,
    Constant,
    Enter,
    Fused,
    Join,
    Keep,
    Late,
    PoolSpikes,
    Port,
    Reorder,
    Source,
    Stage,
    Term,
    Type,
    reads,
)
from neurofer.backends.c.plan_wiring import LAYERS, POOLS, Entering, Wiring
from neurofer.ir import Program
from neurofer.ir import nodes as n

_AS_EXACT = "float32 holds every sum, and its kernel takes weights of more than 8 bits"

TILE = 16
"""Steps whose drive is filled at once: enough for a weight to serve many, few enough for the room of small cores."""


@dataclass
class Graph:
    """Builds the stages of a program, in an order in which each follows what it reads.

    Attributes:
        wiring: of the program.
        fuse: see `plan`.
        small: see `plan`.
        stages: built so far.
        kept: stages that keep something for the next step, which run at the end of a step.
    """

    wiring: Wiring
    fuse: bool = True
    small: bool = False
    stages: list[Stage] = field(default_factory=list)
    kept: list[Keep] = field(default_factory=list)
    _names: Names = field(default_factory=Names)
    _own: dict[str, str] = field(default_factory=dict)
    _buffers: dict[str, Buffer] = field(default_factory=dict)
    _before: dict[str, Buffer] = field(default_factory=dict)

    @property
    def program(self) -> Program:
        """What is built."""
        return self.wiring.program

    @cached_property
    def identifiers(self) -> dict[str, str]:
        """An identifier of C for every node."""
        return {name: self._names.fresh(name) for name in self.program.nodes}

    def build(self) -> list[Stage]:
        """Return the stages of one step."""
        for name in self.program.order:
            self._add(name)
        return [*self.stages, *self.kept]

    # buffers

    def _named(self, wanted: str) -> str:
        """Return the identifier for what a stage has one of, the same for the same wish."""
        if wanted not in self._own:
            self._own[wanted] = self._names.fresh(wanted)
        return self._own[wanted]

    def buffer(self, name: str) -> Buffer:
        """Return the buffer of a node's output."""
        if name not in self._buffers:
            self._buffers[name] = self._room(self.identifiers[name], name, self.wiring.layouts[name], *self._type(name))
        return self._buffers[name]

    def _room(self, identifier: str, name: str, layout: Layout, kind: Type, power: int) -> Buffer:
        """Return a buffer for what a node gives or gets: of one step that is kept, where it is always the same."""
        static = self._static(name)
        return Buffer(identifier, layout, kind, 1 if static else 0, power, keeps=static)

    def _type(self, name: str) -> tuple[Type, int]:
        """Return the type of a node's output and its exponent."""
        node = self.program.nodes[name]
        if name in self.wiring.bits:
            return "bits", 0
        if isinstance(node, n.Input):
            return _entry_type(node), 0
        if isinstance(node, n.Delay) and len(entering := self.wiring.entering(name)) == 1 and not entering[0][1]:
            source = self.buffer(entering[0][0])
            return source.type, source.exponent
        number = self.wiring.arithmetic[name]
        if isinstance(node, POOLS) and number.largest is not None and number.largest < 2**8:
            return "u8", 0
        return number.number, number.exponent

    def _source(self, entering: Entering) -> Source:
        name, late = entering
        buffer = self.buffer(name)
        if not late:
            return Source(buffer)
        if name not in self._before:
            before = replace(buffer, name=self._names.fresh(f"{buffer.name}_before"), keeps=True)
            self._before[name] = before
            self.kept.append(Keep(name, buffer, before))
        return Source(self._before[name], delayed=True)

    def _in_grid(self, source: Source, layout: Layout, node: str) -> Source:
        """Return ``source`` in the grid ``layout``, moved by a stage of its own where it has another."""
        held = source.buffer
        if held.layout == layout:
            return source
        name = self._names.fresh(f"{held.name}_for_{self.identifiers[node]}")
        moved = replace(held, name=name, layout=layout, keeps=held.slots == 1 and not source.delayed)
        self.stages.append(Reorder(node, held, moved, held.slots == 1))
        return Source(moved, source.delayed)

    def _one(self, entering: list[Entering], layout: Layout, name: str) -> Buffer:
        """Return what enters ``name`` as one buffer: where it is several, or a step late, the sum of it."""
        if len(entering) == 1 and not entering[0][1]:
            return self._in_grid(self._source(entering[0]), layout, name).buffer
        parts = [self._in_grid(self._source(one), layout, name) for one in entering]
        power = max(part.buffer.exponent for part in parts)
        number = replace(self.wiring.arithmetic[name], exponent=power, bits=None)
        total = self._room(self._names.fresh(f"{self.identifiers[name]}_sum"), name, layout, number.number, power)
        addends = tuple(terms.added(part, number, power) for part in parts)
        self.stages.append(self._stage(name, n.Dropout(), number, power, addends, out=total))
        return total

    # stages

    def _add(self, name: str) -> None:
        node = self.program.nodes[name]
        if self.wiring.transparent(name) or self.wiring.folded(name):
            return
        match node:
            case n.Input():
                self._enter(name, node)
            case n.Concat():
                self._join(name, node)
            case n.Delay():
                self._late(name, node)
            case n.MaxPool2d() if name in self.wiring.bits:
                read = self._one(self.wiring.entering(name), self.wiring.read_grid(name), name)
                self._pool_spikes(name, (read,), node)
            case n.MaxPool2d():
                read = self._one(self.wiring.entering(name), self.wiring.read_grid(name), name)
                found = Term(name, "max", Source(read), terms.pool_window(node))
                number = self.wiring.arithmetic[name]
                self.stages.append(self._stage(name, n.Dropout(), number, number.exponent, (found,)))
            case n.Threshold() | n.Neuron() if pooled := self._pooled(name):
                self._pool_spikes(name, *pooled)
            case _:
                self._compute(name, node)

    def _static(self, name: str) -> bool:
        return name in self.program.static

    def _enter(self, name: str, node: n.Input) -> None:
        kind: Type = "u8" if name in self.wiring.bits else _entry_type(node)
        static = self.program.contract.encoder == "constant"
        port = Port(name, self.identifiers[name], node.shape, self.wiring.layouts[name], kind, static)
        self.stages.append(Enter(name, port, self.buffer(name), static))

    def _pooled(self, name: str) -> tuple[tuple[Buffer, ...], n.SumPool2d] | None:
        """Return planes and a pooling where a node spikes wherever a window of them holds a spike."""
        (source, late), *others = self.wiring.entering(name)
        pooling = self.program.nodes[source]
        if others or late or not isinstance(pooling, n.SumPool2d) or not forgets(self.program.nodes[name]):
            return None
        entering, grid = self.wiring.entering(source), self.wiring.read_grid(source)
        if not self.wiring.folded(source) or len(entering) > TERMS:
            return None
        if any(old or one not in self.wiring.bits or self.wiring.layouts[one] != grid for one, old in entering):
            return None
        planes = tuple(self.buffer(one) for one, _ in entering)
        return (planes, pooling) if len({plane.slots for plane in planes}) == 1 else None

    def _pool_spikes(self, name: str, planes: tuple[Buffer, ...], node: n.SumPool2d | n.MaxPool2d) -> None:
        self.stages.append(PoolSpikes(name, planes, terms.pool_window(node), self.buffer(name), self._static(name)))

    def _terms(self, name: str, number: Arithmetic, drive: int, *, late: bool = False) -> list[Term]:
        """Return what a layer or a pooling adds to a drive in units of ``2^-drive``."""
        node, grid, entering = self.program.nodes[name], self.wiring.read_grid(name), self.wiring.entering(name)
        if late or self.wiring.separable(name):
            read = [self._in_grid(self._source((one, old or late)), grid, name) for one, old in entering]
        else:
            read = [Source(self._one(entering, grid, name))]
        if isinstance(node, (n.SumPool2d, n.AvgPool2d)):
            return terms.pooled(name, node, read, number, drive)
        if not isinstance(node, (n.Linear, n.Conv1d, n.Conv2d)):
            raise TypeError(name)
        return terms.weighted(name, node, read, grid, number, drive)

    def _compute(self, name: str, node: n.Node) -> None:
        """Add a stage that sums up all that enters a node, or a layer itself, and does what the node does."""
        number = self.wiring.arithmetic[name]
        made = self._summed(name, node, number)
        found = self._fused(made)
        if found is None and (before := self._layer_before(made)):
            found = self._fused(replace(made, terms=before.terms, bias=before.bias))
            if found is not None:
                self.stages = [stage for stage in self.stages if stage is not before]
        if found is None and self.fuse and not self.small and wide(made):
            # no kernel takes such weights as integers; where float32 holds every sum, its kernel is as exact
            number = replace(number, number="f32", reason=_AS_EXACT)
            found = self._fused(self._summed(name, node, number))
            if found is not None:
                layer = self.wiring.arithmetic[found.layer]
                self.wiring.arithmetic[found.layer] = replace(layer, number="f32", reason=_AS_EXACT)
                self.wiring.arithmetic[name] = number
        self.stages.append(found or made)

    def _fused(self, made: Compute) -> Fused | None:
        return fused(made, self.program.contract.steps, small=self.small) if self.fuse else None

    def _layer_before(self, made: Compute) -> Compute | None:
        """Return the stage of a layer of values that is always the same, which ``made`` reads, alone and nothing else.

        A sequence then computes its sums once for all steps. Single steps compute them anew; where there are no others,
        it stays apart.
        """
        entering = self.wiring.entering(made.node)
        if len(entering) != 1 or self.program.recurrent or self.wiring.targets(entering[0][0]) != [(made.node, False)]:
            return None
        if not isinstance(self.program.nodes[entering[0][0]], LAYERS):
            return None
        found = [stage for stage in self.stages if isinstance(stage, Compute) and stage.out is reads(made)[0]]
        return found[0] if found and found[0].static else None

    def _summed(self, name: str, node: n.Node, number: Arithmetic) -> Compute:
        layout = self.wiring.layouts[name]
        layer = isinstance(node, (*LAYERS, *POOLS))
        entering = [(name, False)] if layer else self.wiring.entering(name)
        drive = 0 if number.number == "f32" else max(self._exponent(one, layer=layer) for one, _ in entering)
        addends: list[Term] = []
        biases = np.zeros((2, layout.channels))
        for source, late in entering:
            if layer or self.wiring.folded(source):
                addends += self._terms(source, number, drive, late=late)
                values = getattr(self.program.nodes[source], "bias", None)
                biases[int(late)] += 0.0 if values is None else values
            else:
                read = self._in_grid(self._source((source, late)), layout, name)
                addends.append(terms.added(read, number, drive))
        mean = isinstance(node, n.AvgPool2d) and number.number == "f32"
        what = n.Dropout() if layer and not mean else node
        bias, late_bias = (
            terms.bias(f"{name}.{kind}", values, number, drive)
            for kind, values in zip(("bias", "late"), biases, strict=True)
        )
        return self._stage(name, what, number, drive, tuple(addends), bias, late_bias, self._out(name))

    def _exponent(self, source: str, *, layer: bool) -> int:
        """Return the exponent of what a source adds: of its sums, where it is a term, else of its buffer."""
        if layer or self.wiring.folded(source):
            return self.wiring.arithmetic[source].exponent
        return self.buffer(source).exponent

    def _out(self, name: str) -> Buffer | Port:
        if not isinstance(self.program.nodes[name], n.Output):
            return self.buffer(name)
        number = self.wiring.arithmetic[name]
        binary = number.number != "f32" and self.program.domains[name].kind == "binary"
        kind: Type = "u8" if binary else number.number
        shape, layout = self.program.shapes[name], self.wiring.layouts[name]
        return Port(name, self.identifiers[name], shape, layout, kind, exponent=0 if binary else number.exponent)

    def _stage(
        self,
        name: str,
        what: n.Node,
        number: Arithmetic,
        drive: int,
        addends: tuple[Term, ...],
        bias: Constant | None = None,
        late: Constant | None = None,
        out: Buffer | Port | None = None,
    ) -> Compute:
        out = out or self.buffer(name)
        layout, stem = out.layout, out.name if isinstance(out, Buffer) else out.identifier
        static, steps = self._static(name), self.program.contract.steps
        steps = 1 if static or self.program.recurrent else steps
        tile, memories = min(steps, TILE), 2 if isinstance(what, n.Neuron) else 0
        words = [-(-count * layout.channels * BYTES[number.number] // 8) for count in (1, tile + memories)]
        scratch = Buffer(
            self._named(f"{stem}_drive"), Layout(layout.channels), number.number, room=(words[0], words[1])
        )
        made = Compute(name, what, number, drive, layout, addends, bias, late, out, scratch, static=static)
        made = replace(made, tile=tile, tiled=tile < steps)
        match what:
            case n.Neuron():
                kept = Buffer(self._named(f"{stem}_membrane"), layout, number.number, 1, number.exponent, keeps=True)
                current = None
                if what.alpha_syn is not None:
                    current = replace(kept, name=self._named(f"{stem}_current"), exponent=number.current)
                return replace(made, update=update(what, number, drive, layout), membrane=kept, current=current)
            case n.Threshold():
                return replace(made, operand=threshold(what.theta, what.compare, number, drive, layout))
            case n.Scale():
                return replace(made, operand=scale(what, number, drive, layout))
            case n.AvgPool2d():
                return replace(made, operand=float(np.prod(what.kernel)))
        return made

    def _join(self, name: str, node: n.Concat) -> None:
        out, at, parts = self.buffer(name), 0, []
        rank = len(self.program.shapes[name])
        axis = node.axis % rank
        for edge in self.program.predecessors(name):
            shape = self.program.shapes[edge.source]
            part = self._one(self.wiring.behind(edge.source), layout_of(shape), name)
            unit = 1 if out.type in ("bits", "f32") else 2 ** (out.exponent - part.exponent)
            parts.append((part, _place(axis, rank, at), unit))
            at += shape[axis]
        self.stages.append(Join(name, tuple(parts), out, self._static(name)))

    def _late(self, name: str, node: n.Delay) -> None:
        out, layout = self.buffer(name), self.wiring.layouts[name]
        source = self._one(self.wiring.entering(name), layout, name)
        steps = np.broadcast_to(np.asarray(node.steps), self.program.shapes[name])
        lag = Constant(f"{name}.steps", layout.in_memory(steps).astype(np.int32), "i32")
        slots = source.slots or int(np.max(node.steps)) + 1
        past = replace(source, name=self._names.fresh(f"{out.name}_past"), slots=slots, keeps=True)
        self.stages.append(Late(name, source, lag, past, out))


def _entry_type(node: n.Input) -> Type:
    top = node.domain.max
    if top is None or top >= 2**31:
        return "f32"
    return "u8" if top < 2**8 else "i32"


def _place(axis: int, rank: int, at: int) -> tuple[int, int, int]:
    """Return (y, x, channel) of the first value of what is joined at position ``at`` of an axis."""
    if axis == 0:
        return 0, 0, at
    return (0, at, 0) if axis == rank - 1 else (at, 0, 0)
