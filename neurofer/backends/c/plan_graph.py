"""From a Program to stages: what is a stage of its own, what is a term of another, and what only names another grid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from neurofer.backends.c.plan_arithmetic import Arithmetic, arithmetic, planes
from neurofer.backends.c.plan_fused import TERMS, forgets, fused
from neurofer.backends.c.plan_layout import Layout, layout_of
from neurofer.backends.c.plan_neuron import scale, threshold, update
from neurofer.backends.c.plan_stages import (
    Buffer,
    Compute,
    Constant,
    Enter,
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
    Window,
)
from neurofer.ir import Program
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array

_LAYER = (n.Linear, n.Conv1d, n.Conv2d)
_POOL = (n.SumPool2d, n.AvgPool2d)
_NAMES_ONLY = (n.Flatten, n.Dropout)

_TAKEN = frozenset(
    """auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    weights steps start drive drive_t bias late first end fired window history slots state words next
    x y t c k s u v i at y_c v_first i_first leak syn_leak w_in gain offset theta v_reset delta scale area
    int8_t int16_t int32_t int64_t uint8_t uint32_t uint64_t ptrdiff_t size_t memset memcpy null""".split()
)
"""Words of C and of the generated functions, which no buffer may be called, in small letters."""

Entering = tuple[str, bool]
"""A source and whether its output of the step before is meant."""


@dataclass
class Graph:
    """Builds the stages of a program, in an order in which each follows what it reads."""

    program: Program
    fuse: bool = True
    small: bool = False
    stages: list[Stage] = field(default_factory=list)
    kept: list[Keep] = field(default_factory=list)
    _names: set[str] = field(default_factory=lambda: set(_TAKEN))
    _buffers: dict[str, Buffer] = field(default_factory=dict)
    _before: dict[str, Buffer] = field(default_factory=dict)

    @cached_property
    def bits(self) -> frozenset[str]:
        """Nodes whose output is a plane."""
        return planes(self.program)

    @cached_property
    def arithmetic(self) -> dict[str, Arithmetic]:
        """Arithmetic of every node that is no Input."""
        return arithmetic(self.program, self.bits)

    @cached_property
    def identifiers(self) -> dict[str, str]:
        """An identifier of C for every node."""
        return {name: self.fresh(name) for name in self.program.nodes}

    def fresh(self, wanted: str) -> str:
        """Return an identifier of its own that resembles ``wanted``."""
        stem = re.sub(r"\W", "_", wanted, flags=re.ASCII).strip("_") or "node"
        stem = f"n{stem}" if stem[0].isdigit() else stem
        if re.search(r"(_in|_out|_\d+)$", stem):  # the generated functions' own names end so
            stem += "_"
        name, count = stem, 2
        while name.lower() in self._names:
            name, count = f"{stem}_{count}", count + 1
        self._names.add(name.lower())
        return name

    def build(self) -> list[Stage]:
        """Return the stages of one step, those that keep values for the next at the end."""
        for name in self.program.order:
            self._add(name)
        return [*self.stages, *self.kept]

    # what a node is

    def transparent(self, name: str) -> bool:
        """Whether a node only gives its input another shape, which takes no stage."""
        if not isinstance(self.program.nodes[name], _NAMES_ONLY):
            return False
        edges = (*self.program.predecessors(name), *self.program.successors(name))
        return not any(edge.delay for edge in edges)

    def entering(self, name: str) -> list[Entering]:
        """Return what enters a node, summed; nodes that only rename are looked through."""
        found: list[Entering] = []
        for edge in self.program.predecessors(name):
            inside = self.entering(edge.source) if self.transparent(edge.source) else [(edge.source, False)]
            found += [(source, late or bool(edge.delay)) for source, late in inside]
        return found

    def targets(self, name: str) -> list[tuple[str, bool]]:
        """Return the nodes that read ``name``, behind those that only rename, and whether they do so a step later."""
        found: list[tuple[str, bool]] = []
        for edge in self.program.successors(name):
            if self.transparent(edge.target):
                found += self.targets(edge.target)
            else:
                found.append((edge.target, bool(edge.delay)))
        return found

    def folded(self, name: str) -> bool:
        """Whether a layer or a pooling is a term of the stage of the only node that reads it."""
        if not isinstance(self.program.nodes[name], (*_LAYER, *_POOL)):
            return False
        targets = self.targets(name)
        if len(targets) != 1:
            return False
        (target, late), node = targets[0], self.program.nodes[name]
        reader = self.program.nodes[target]
        if isinstance(reader, (*_LAYER, *_POOL, n.MaxPool2d, n.Concat, n.Delay)) or (
            isinstance(node, n.AvgPool2d) and self.arithmetic[name].number == "f32"
        ):
            return False
        if late and (any(old for _, old in self.entering(name)) or not self._many(name)):
            return False
        return (name in self.program.static) == (target in self.program.static)

    def layout(self, name: str) -> Layout:
        """Return the grid of a node's output."""
        return self._layouts[name]

    @cached_property
    def _layouts(self) -> dict[str, Layout]:
        found: dict[str, Layout] = {}
        for name in self.program.order:
            node = self.program.nodes[name]
            moves = isinstance(node, (n.Input, *_LAYER, *_POOL, n.MaxPool2d, n.Concat))
            grids = {found.get(edge.source) for edge in self.program.predecessors(name)}
            same = not moves and len(grids) == 1 and not any(e.delay for e in self.program.predecessors(name))
            grid = grids.pop() if same else None
            found[name] = grid or layout_of(self.program.shapes[name])
        return found

    # buffers

    def buffer(self, name: str) -> Buffer:
        """Return the buffer of a node's output."""
        if name not in self._buffers:
            static = name in self.program.static
            kind, power = self._type(name)
            self._buffers[name] = Buffer(
                self.identifiers[name], self.layout(name), kind, 1 if static else 0, power, keeps=static
            )
        return self._buffers[name]

    def _type(self, name: str) -> tuple[Type, int]:
        """Return the type of a node's output and its exponent."""
        node = self.program.nodes[name]
        if name in self.bits:
            return "bits", 0
        if isinstance(node, n.Input):
            return _entry_type(node), 0
        if isinstance(node, n.Delay) and len(entering := self.entering(name)) == 1 and not entering[0][1]:
            source = self.buffer(entering[0][0])
            return source.type, source.exponent
        return self.arithmetic[name].number, self.arithmetic[name].exponent

    def _source(self, entering: Entering) -> Source:
        name, late = entering
        buffer = self.buffer(name)
        if not late:
            return Source(buffer)
        if name not in self._before:
            before = replace(buffer, name=self.fresh(f"{buffer.name}_before"), keeps=True)
            self._before[name] = before
            self.kept.append(Keep(name, buffer, before))
        return Source(self._before[name], delayed=True)

    def _in_grid(self, source: Source, layout: Layout, node: str) -> Source:
        """Return ``source`` in the grid ``layout``, moved by a stage of its own where it has another."""
        if source.buffer.layout == layout:
            return source
        held = source.buffer
        moved = Buffer(
            self.fresh(f"{held.name}_for_{self.identifiers[node]}"), layout, held.type, held.slots, held.exponent,
            keeps=held.slots == 1 and not source.delayed,
        )  # fmt: skip
        self.stages.append(Reorder(node, held, moved, held.slots == 1))
        return Source(moved, source.delayed)

    # stages

    def _add(self, name: str) -> None:
        node = self.program.nodes[name]
        if self.transparent(name) or self.folded(name):
            return
        match node:
            case n.Input():
                self._enter(name, node)
            case n.Concat():
                self._join(name, node)
            case n.Delay():
                self._late(name, node)
            case n.MaxPool2d() if name in self.bits:
                source = self._one(self.entering(name), layout_of(self.program.input_shape(name)), name)
                self._pool_spikes(name, (source,), node)
            case n.Threshold() | n.Neuron() if pooled := self._pooled(name):
                self._pool_spikes(name, *pooled)
            case _:
                self._compute(name)

    def _static(self, name: str) -> bool:
        return name in self.program.static

    def _pooled(self, name: str) -> tuple[tuple[Buffer, ...], n.SumPool2d] | None:
        """Return planes and a pooling where a node spikes wherever a window of them holds a spike."""
        (source, late), *others = self.entering(name)
        pooling = self.program.nodes[source]
        if others or late or not isinstance(pooling, n.SumPool2d) or not forgets(self.program.nodes[name]):
            return None
        entering = self.entering(source)
        layout = layout_of(self.program.input_shape(source))
        if not self.folded(source) or any(
            old or one not in self.bits or self.layout(one) != layout for one, old in entering
        ):
            return None
        planes = tuple(self.buffer(one) for one, _ in entering)
        return (planes, pooling) if len(planes) <= TERMS and len({plane.slots for plane in planes}) == 1 else None

    def _pool_spikes(self, name: str, planes: tuple[Buffer, ...], node: n.SumPool2d | n.MaxPool2d) -> None:
        self.stages.append(PoolSpikes(name, planes, _pool_window(node), self.buffer(name), self._static(name)))

    def _enter(self, name: str, node: n.Input) -> None:
        kind: Type = "u8" if name in self.bits else _entry_type(node)
        static = self.program.contract.encoder == "constant"
        port = Port(name, self.identifiers[name], node.shape, self.layout(name), kind, static)
        self.stages.append(Enter(name, port, self.buffer(name), static))

    def _one(self, entering: list[Entering], layout: Layout, name: str) -> Buffer:
        static = self._static(name)
        if len(entering) == 1 and not entering[0][1]:
            return self._in_grid(self._source(entering[0]), layout, name).buffer
        parts = [self._in_grid(self._source(one), layout, name) for one in entering]
        kinds = self._sum_arithmetic(name, entering)
        terms = tuple(_added(part, kinds) for part in parts)
        total = Buffer(
            self.fresh(f"{self.identifiers[name]}_input"), layout, kinds.number, 1 if static else 0, kinds.exponent,
            keeps=static,
        )  # fmt: skip
        self.stages.append(self._stage(name, n.Dropout(), kinds, kinds.exponent, layout, terms, None, None, total))
        return total

    def _sum_arithmetic(self, name: str, entering: list[Entering]) -> Arithmetic:
        """Return the arithmetic in which what enters a node is summed: the node's, or integers where only bits enter."""
        if name in self.bits and all(source in self.bits for source, _ in entering):
            return Arithmetic("i32")
        made = self.arithmetic[name]
        return made if made.number == "f32" else replace(made, exponent=self._finest(entering))

    def _finest(self, entering: Iterable[Entering]) -> int:
        return max((self.buffer(source).exponent for source, _ in entering), default=0)

    def _many(self, name: str) -> bool:
        """Whether a linear node may read each of its sources alone: whole numbers of one sign, so no sum grows."""
        entering = self.entering(name)
        whole = all(source in self.bits or source in self.program.inputs for source, _ in entering)
        return len(entering) == 1 or whole

    def _reads(self, name: str, layout: Layout, *, late: bool) -> list[Source]:
        entering = self.entering(name)
        if not self._many(name) and not late:
            return [Source(self._one(entering, layout, name))]
        sources = [self._source((source, old or late)) for source, old in entering]
        return [self._in_grid(source, layout, name) for source in sources]

    def _terms(self, name: str, number: Arithmetic, drive: int, *, late: bool = False) -> list[Term]:
        """Return the terms that a layer or a pooling adds to a drive in units of ``2^-drive``."""
        node = self.program.nodes[name]
        exact = number.number != "f32"
        if isinstance(node, n.Linear):
            grids = {self.layout(source) for source, _ in self.entering(name)}
            grid = grids.pop() if len(grids) == 1 else layout_of(self.program.input_shape(name))
            window = Window((grid.height, grid.width), outputs=len(node.weight))
            weight = node.weight.reshape(1, len(node.weight), grid.channels, grid.height, grid.width)
        else:
            grid = layout_of(self.program.input_shape(name))
            window, weight = _window(node), _kernel(node)
        sources = self._reads(name, grid, late=late)
        if isinstance(node, _POOL):
            area = int(np.prod(node.kernel)) if isinstance(node, n.AvgPool2d) and exact else 1
            units = [2 ** (drive - s.buffer.exponent) // area if exact else 1 for s in sources]
            return [Term(name, "pool", s, window, None, unit) for s, unit in zip(sources, units, strict=True)]
        power = drive - max(source.buffer.exponent for source in sources) if exact else 0
        packed = self._weights(name, weight, number, power)
        return [Term(name, "conv", source, window, packed) for source in sources]

    def _weights(self, name: str, weight: Array, number: Arithmetic, power: int) -> Constant:
        rows = np.ascontiguousarray(weight.transpose(0, 3, 4, 2, 1))  # [group, out, in, y, x] -> [g, y, x, in, out]
        if number.number == "f32":
            return Constant(f"{name}.weight", rows.astype(np.float32), "f32")
        whole = np.ldexp(rows.astype(np.float64), power).astype(np.int64)
        largest = max(int(whole.max(initial=0)), -int(whole.min(initial=0)) - 1)
        kind: Type = "i8" if largest < 2**7 else "i16" if largest < 2**15 else "i32"
        return Constant(f"{name}.weight", whole.astype(_NUMPY[kind]), kind)

    def _compute(self, name: str) -> None:
        node, number = self.program.nodes[name], self.arithmetic[name]
        if isinstance(node, (*_LAYER, *_POOL, n.MaxPool2d)):
            self._layer(name, node, number)
            return
        layout = self.layout(name)
        entering = self.entering(name)
        drive = 0 if number.number == "f32" else max(self._drive(source) for source, _ in entering)
        terms: list[Term] = []
        bias, late_bias = np.zeros(layout.channels), np.zeros(layout.channels)
        for source, late in entering:
            if self.folded(source):
                terms += self._terms(source, number, drive, late=late)
                added = getattr(self.program.nodes[source], "bias", None)
                if added is not None:
                    (late_bias if late else bias)[...] += added
            else:
                read = self._in_grid(self._source((source, late)), layout, name)
                terms.append(_added(read, replace(number, exponent=drive)))
        made = self._stage(
            name,
            node,
            number,
            drive,
            layout,
            tuple(terms),
            self._bias(f"{name}.bias", bias, number, drive),
            self._bias(f"{name}.late", late_bias, number, drive),
            self._out(name),
        )
        self.stages.append((self.fuse and fused(made, self.program.contract.steps, small=self.small)) or made)

    def _drive(self, source: str) -> int:
        return self.arithmetic[source].exponent if self.folded(source) else self.buffer(source).exponent

    def _layer(self, name: str, node: n.Node, number: Arithmetic) -> None:
        layout, exact = self.layout(name), number.number != "f32"
        bias = getattr(node, "bias", None)
        packed = None if bias is None else self._bias(f"{name}.bias", bias, number, number.exponent)
        if isinstance(node, n.MaxPool2d):
            read = self._one(self.entering(name), layout_of(self.program.input_shape(name)), name)
            terms = [Term(name, "max", Source(read), _pool_window(node), None, 1)]
        else:
            terms = self._terms(name, number, number.exponent)
        mean = isinstance(node, n.AvgPool2d) and not exact
        self.stages.append(
            self._stage(
                name, node if mean else n.Dropout(), number, number.exponent, layout, tuple(terms), packed, None,
                self.buffer(name),
            )
        )  # fmt: skip

    def _bias(self, name: str, bias: Array, number: Arithmetic, drive: int) -> Constant | None:
        if not np.any(bias):
            return None
        if number.number == "f32":
            return Constant(name, bias.astype(np.float32), "f32")
        whole = np.ldexp(bias.astype(np.float64), drive)
        return Constant(name, whole.astype(_NUMPY[number.number]), number.number)

    def _out(self, name: str) -> Buffer | Port:
        if not isinstance(self.program.nodes[name], n.Output):
            return self.buffer(name)
        number, layout = self.arithmetic[name], self.layout(name)
        kind: Type = number.number
        if kind != "f32" and self.program.domains[name].kind == "binary":
            kind = "u8"
        power = 0 if kind in ("u8", "f32") else number.exponent
        return Port(name, self.identifiers[name], self.program.shapes[name], layout, kind, exponent=power)

    def _stage(
        self, name: str, what: n.Node, number: Arithmetic, drive: int, layout: Layout, terms: tuple[Term, ...],
        bias: Constant | None, late: Constant | None, out: Buffer | Port,
    ) -> Compute:  # fmt: skip
        stem = out.name if isinstance(out, Buffer) else out.identifier
        scratch = Buffer(self.fresh(f"{stem}_drive"), Layout(layout.channels), number.number, extra=2)
        made = Compute(name, what, number, drive, layout, terms, bias, late, out, scratch, static=self._static(name))
        match what:
            case n.Neuron():
                membrane = Buffer(self.fresh(f"{stem}_membrane"), layout, number.number, 1, number.exponent, keeps=True)
                current = replace(membrane, name=self.fresh(f"{stem}_current")) if what.alpha_syn is not None else None
                return replace(made, update=update(what, number, drive, layout), membrane=membrane, current=current)
            case n.Threshold():
                return replace(made, operand=threshold(what.theta, what.compare, number, drive, layout))
            case n.Scale():
                return replace(made, operand=scale(what, number, drive, layout))
            case n.AvgPool2d():
                return replace(made, operand=float(np.prod(what.kernel)))
        return made

    def _join(self, name: str, node: n.Concat) -> None:
        shape, axis = self.program.shapes[name], node.axis % len(self.program.shapes[name])
        out, at = self.buffer(name), 0
        parts = []
        for edge in self.program.predecessors(name):
            inside = self.entering(edge.source) if self.transparent(edge.source) else [(edge.source, False)]
            given = self.program.shapes[edge.source]
            buffer = self._one(inside, layout_of(given), name)
            place = _place(axis, len(shape), at, layout_of(given))
            parts.append((buffer, place, 2 ** (out.exponent - buffer.exponent) if out.type in ("i32", "i64") else 1))
            at += given[axis]
        self.stages.append(Join(name, tuple(parts), out, self._static(name)))

    def _late(self, name: str, node: n.Delay) -> None:
        layout = self.layout(name)
        source = self._one(self.entering(name), layout, name)
        steps = np.broadcast_to(np.asarray(node.steps), self.program.shapes[name])
        lag = Constant(f"{name}.steps", layout.in_memory(steps).astype(np.int32), "i32")
        out = self.buffer(name)
        past = replace(
            source, name=self.fresh(f"{out.name}_past"), slots=source.slots or int(np.max(node.steps)) + 1, keeps=True
        )
        self.stages.append(Late(name, source, lag, past, out))


_NUMPY: Mapping[str, type] = {"i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64}


def _entry_type(node: n.Input) -> Type:
    top = node.domain.max
    if top is None or top >= 2**31:
        return "f32"
    return "u8" if top <= 255 else "i32"


def _added(source: Source, number: Arithmetic) -> Term:
    unit = 1 if number.number == "f32" else 2 ** (number.exponent - source.buffer.exponent)
    return Term("", "add", source, Window(), None, unit)


def _window(node: n.Node) -> Window:
    match node:
        case n.Conv1d():
            (kernel,), (stride,), (dilation,) = node.kernel, node.stride, node.dilation
            pad, outputs = node.pads[0][0], len(node.weight)
            return Window((1, kernel), (1, stride), (0, pad), (1, dilation), node.groups, outputs)
        case n.Conv2d():
            pads = (node.pads[0][0], node.pads[1][0])
            return Window(node.kernel, node.stride, pads, node.dilation, node.groups, len(node.weight))  # type: ignore[arg-type]
        case n.SumPool2d() | n.AvgPool2d() | n.MaxPool2d():
            return _pool_window(node)
    raise TypeError(type(node).__name__)


def _pool_window(node: n.SumPool2d | n.AvgPool2d | n.MaxPool2d) -> Window:
    return Window(node.kernel, node.strides, node.padding)


def _kernel(node: n.Node) -> Array:
    """Return the weights of a convolution as ``[group, out, in, y, x]``."""
    if not isinstance(node, (n.Conv1d, n.Conv2d)):
        return np.zeros((1, 0, 0, 1, 1))
    outputs, inputs, *kernel = node.weight.shape
    size = (1, *kernel) if node.rank == 1 else tuple(kernel)
    return node.weight.reshape(node.groups, outputs // node.groups, inputs, *size)


def _place(axis: int, rank: int, at: int, part: Layout) -> tuple[int, int, int]:
    """Return (y, x, channel) of the first value of what is joined at position ``at`` of an axis."""
    if axis == 0:
        return 0, 0, at
    if axis == rank - 1:
        return 0, at, 0
    return at, 0, 0
