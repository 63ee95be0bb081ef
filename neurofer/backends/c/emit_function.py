"""A stage's function as text: its parameters, and what it is called with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent

from neurofer.backends.c.emit_kernels import Kernels
from neurofer.backends.c.plan_stages import C_TYPES, Buffer, Port, Window
from neurofer.ir.nodes import Array

_SCREEN = 108
"""Characters of a line, before it is indented."""

_VIEW = (
    *("height", "width", "channels", "hop", "row", "kernel_y", "kernel_x", "stride_y", "stride_x", "pad_y", "pad_x"),
    *("dilation_y", "dilation_x", "groups", "outputs"),
)


@dataclass(frozen=True)
class Function:
    """A stage's function.

    Its parameters are the weights, the number of steps to compute, the number of the first of them, perhaps how many
    samples to compute, and what is listed here, in this order.

    Attributes:
        name: of the function.
        comment: what it computes.
        lines: its statements.
        reads: buffers.
        takes: the caller's inputs.
        writes: buffers.
        gives: the caller's outputs.
        kept: buffers that keep something between single steps; NULL where a whole sequence is computed.
        samples: whether it computes several samples at once, of which it is given the first one's buffers.
    """

    name: str
    comment: str
    lines: Sequence[str]
    reads: Sequence[Buffer] = ()
    takes: Sequence[Port] = ()
    writes: Sequence[Buffer] = ()
    gives: Sequence[Port] = ()
    kept: Sequence[Buffer] = ()
    samples: bool = False

    @property
    def text(self) -> str:
        """The definition."""
        body = "\n".join(line for line in self.lines if line)
        parameters = {
            "weights": "const unsigned char *",
            "steps": "int32_t ",
            "start": "int32_t ",
            **({"samples": "int32_t "} if self.samples else {}),
            **{buffer.name: f"const {C_TYPES[buffer.type]} *" for buffer in self.reads},
            **{f"{port.identifier}_in": f"const {C_TYPES[port.type]} *" for port in self.takes},
            **{buffer.name: f"{C_TYPES[buffer.type]} *" for buffer in self.writes},
            **{f"{port.identifier}_out": f"{C_TYPES[port.type]} *" for port in self.gives},
            **{buffer.name: f"{C_TYPES[buffer.type]} *" for buffer in self.kept},
        }
        unused = [f"(void){name};" for name in parameters if not re.search(rf"\b{name}\b", body)]
        statements = indent("\n".join([*unused, body]), "    ")
        head = called(f"NF_STAGE {self.name}", [f"{kind}{name}" for name, kind in parameters.items()])
        return f"/* {harmless(self.comment)} */\n{head}\n{{\n{statements}\n}}\n"


def called(function: str, arguments: Iterable[str], margin: str = "") -> str:
    """Return a call, or a head, in lines that fit a screen."""
    return _listed(f"{function}(", arguments, ")", f"{margin}    ")


def _listed(head: str, items: Iterable[str], end: str, margin: str) -> str:
    """Return items with commas between them; a line that would be too long goes on behind ``margin``."""
    lines = [head]
    for item in items:
        first = lines[-1].endswith(("(", "{"))
        longer = f"{lines[-1]}{'' if first else ' '}{item},"
        if len(longer) <= _SCREEN or first:
            lines[-1] = longer
        else:
            lines.append(f"{margin}{item},")
    lines[-1] = lines[-1].removesuffix(",") + end
    return "\n".join(lines)


def harmless(comment: str) -> str:
    """Return a comment that names of nodes cannot end, nor fill with what a compiler warns of."""
    plain = comment.encode("ascii", "backslashreplace").decode()
    return plain.replace("*/", "* /").replace("/*", "/ *")


def fields(declared: str, names: Sequence[str], values: Sequence[object]) -> str:
    """Return the definition of a struct, without fields that are 0."""
    given = (f".{name} = {value}" for name, value in zip(names, values, strict=True) if str(value) not in ("0", "NULL"))
    return _listed(f"{declared} = {{", given, "};", "    ")


@dataclass
class Pool:
    """What functions share: the places of arrays in the weights, and the kernels that are called."""

    places: Mapping[int, int]
    kernels: Kernels = field(default_factory=Kernels)

    def constant(self, values: Array, kind: str) -> str:
        """Return a pointer to an array of the weights."""
        return f"(const {kind} *)(const void *)(weights + {self.places[id(values)]})"

    def window(self, name: str, source: Buffer, window: Window) -> str:
        """Return the constant that tells a kernel how a window moves over ``source``."""
        grid = source.layout
        row = grid.row if source.type == "bits" else grid.width * grid.channels
        hop = 0 if source.slots == 1 else source.hop
        pairs = (*window.kernel, *window.stride, *window.pad, *window.dilation)
        numbers = (grid.height, grid.width, grid.channels, hop, row, *pairs, window.groups, window.outputs)
        self.kernels.use_file("generic_window.h")
        return fields(f"static const nf_view {name}", _VIEW, numbers)
