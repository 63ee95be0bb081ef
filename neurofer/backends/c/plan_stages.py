"""What a plan is made of: buffers, constants, and the stages that run one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neurofer.backends.c.plan_arithmetic import Arithmetic, Number
from neurofer.backends.c.plan_layout import Layout
from neurofer.backends.c.plan_neuron import Update, Value
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array, Shape

Type = Literal["bits", "u8", "i8", "i16", "i32", "i64", "f32"]

C_TYPES = {
    "bits": "uint64_t",
    "u8": "uint8_t",
    "i8": "int8_t",
    "i16": "int16_t",
    "i32": "int32_t",
    "i64": "int64_t",
    "f32": "float",
}
BYTES = {"bits": 8, "u8": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "f32": 4}


@dataclass(frozen=True)
class Buffer:
    """Room in the state.

    Attributes:
        name: an identifier of its own.
        layout: the grid it holds.
        type: ``bits`` (a plane) or the type of its values.
        slots: steps it holds; 0 for as many as are computed at once.
        exponent: integers count units of ``2^-exponent``.
        keeps: whether it holds its content from one step to the next.
        room: words for a single step and for all of them, where that is no multiple of the steps.
    """

    name: str
    layout: Layout
    type: Type
    slots: int = 0
    exponent: int = 0
    keeps: bool = False
    room: tuple[int, int] | None = None

    @property
    def hop(self) -> int:
        """Elements of one step."""
        return self.layout.words if self.type == "bits" else self.layout.size

    def bytes(self, steps: int) -> int:
        """Size when ``steps`` steps are computed at once."""
        if self.room is not None:
            return BYTES["bits"] * self.room[steps > 1]
        return self.hop * BYTES[self.type] * (self.slots or steps)


@dataclass(frozen=True)
class Port:
    """An array of the caller: ``[T, *shape]`` in the program's order of dimensions."""

    name: str
    identifier: str
    shape: Shape
    layout: Layout
    type: Type
    static: bool = False
    exponent: int = 0


@dataclass(frozen=True)
class Constant:
    """An array in the weights: values in the order in which C reads them."""

    name: str
    values: Array
    type: Type


@dataclass(frozen=True)
class Source:
    """What a stage reads: a buffer, of this step or of the step before."""

    buffer: Buffer
    delayed: bool = False


@dataclass(frozen=True)
class Window:
    """How a convolution or a pooling moves over what it reads."""

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    outputs: int = 0


@dataclass(frozen=True)
class Term:
    """One addend of a stage's drive.

    Attributes:
        node: the node that computes it; for ``add`` the one that is read.
        kind: ``conv`` (weights), ``pool`` (a sum over windows), ``max`` or ``add`` (the values themselves).
        source: what is read.
        window: how.
        weight: of a ``conv``, ``[group, kernel_y, kernel_x, channels / groups, outputs / groups]``.
        unit: by what a value is multiplied before it is added, to meet the drive's unit.
    """

    node: str
    kind: Literal["conv", "pool", "max", "add"]
    source: Source
    window: Window
    weight: Constant | None = None
    unit: int = 1


@dataclass(frozen=True)
class Compute:
    """Adds terms pixel by pixel to a drive of all steps, then does what its node does: fires, or stores values.

    Attributes:
        node: the node whose output it is.
        what: that node, for its kind.
        arithmetic: its numbers.
        drive: exponent of the drive.
        terms: what is added up; those of delayed sources from the second step on.
        bias: added in every step, per channel; ``late`` only with the delayed terms.
        update: of a Neuron.
        operand: the threshold of a Threshold, the factor of a Scale, the divisor of an AvgPool2d.
        out: where it goes.
        scratch: one pixel's drive, and its membranes and currents where none are kept.
        membrane: membranes kept between steps; current: synaptic currents.
        static: whether it runs once for all steps.
        tile: most steps for which the drive has room; tiled: whether there are more.
    """

    node: str
    what: n.Node
    arithmetic: Arithmetic
    drive: int
    layout: Layout
    terms: tuple[Term, ...]
    bias: Constant | None
    late: Constant | None
    out: Buffer | Port
    scratch: Buffer
    update: Update | None = None
    operand: Value | None = None
    membrane: Buffer | None = None
    current: Buffer | None = None
    static: bool = False
    tile: int = 1
    tiled: bool = False

    @property
    def number(self) -> Number:
        """Type of the drive and the membrane."""
        return self.arithmetic.number


@dataclass(frozen=True)
class Enter:
    """Takes an input of the caller into a plane, or into values with the channels innermost."""

    node: str
    port: Port
    out: Buffer
    static: bool = False


@dataclass(frozen=True)
class Fused:
    """One Conv or Linear and the neurons behind it, in one kernel.

    Attributes:
        node: the neurons' name.
        layer: the layer's.
        what: the neurons.
        arithmetic: their numbers.
        sources: planes of one grid, summed; or one buffer of bytes.
        window: how the layer reads them.
        weight: rows as `rows.pack` orders them.
        by_column: see `rows.Rows`.
        last: see `rows.Rows`.
        largest: see `rows.Rows`.
        sums: bias of the float32 sums; integers have theirs in the update's offset.
        update: the neurons' step.
        out: their spikes.
        scratch: of the kernel.
        membrane: kept between single steps.
    """

    node: str
    layer: str
    what: n.Neuron
    arithmetic: Arithmetic
    sources: tuple[Buffer, ...]
    window: Window
    weight: Constant
    by_column: bool
    last: int
    largest: int
    sums: Constant | None
    update: Update
    out: Buffer
    scratch: Buffer
    membrane: Buffer
    static: bool = False

    @property
    def linear(self) -> bool:
        """Whether it uses each weight once in a step, so that it is worth to compute several samples at once."""
        return self.out.layout.pixels == 1 and self.sources[0].type == "bits"


@dataclass(frozen=True)
class PoolSpikes:
    """Max pooling of spikes: OR over windows of planes."""

    node: str
    sources: tuple[Buffer, ...]
    window: Window
    out: Buffer
    static: bool = False


@dataclass(frozen=True)
class Join:
    """Puts its parts beside each other: each with the place (y, x, channel) of its first value, and its unit."""

    node: str
    parts: tuple[tuple[Buffer, tuple[int, int, int], int], ...]
    out: Buffer
    static: bool = False


@dataclass(frozen=True)
class Late:
    """A Delay: every neuron's or value's own number of steps late. ``past`` keeps the last steps between calls."""

    node: str
    source: Buffer
    lag: Constant
    past: Buffer
    out: Buffer
    static: bool = False


@dataclass(frozen=True)
class Reorder:
    """Moves a buffer into another grid of as many neurons."""

    node: str
    source: Buffer
    out: Buffer
    static: bool = False


@dataclass(frozen=True)
class Keep:
    """Keeps a buffer for the next step, where delayed edges read it."""

    node: str
    source: Buffer
    out: Buffer
    static: bool = False


Stage = Compute | Fused | Enter | PoolSpikes | Join | Late | Reorder | Keep


def reads(stage: Stage) -> tuple[Buffer, ...]:
    """Return the buffers that a stage reads, one for each term, source or part."""
    match stage:
        case Compute():
            return tuple(term.source.buffer for term in stage.terms)
        case Fused() | PoolSpikes():
            return stage.sources
        case Join():
            return tuple(part[0] for part in stage.parts)
        case Late() | Reorder() | Keep():
            return (stage.source,)
        case Enter():
            return ()
