"""What flows along the traced graph, and the Program that grows from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from neurofer.capture.framework import refuse
from neurofer.ir import Edge
from neurofer.ir.nodes import Node, Output, Shape

Kind = Literal["static", "step", "frames", "seq", "unit", "read", "partial", "lost"]
Reduction = Literal["sum", "mean", "last"]


@dataclass(frozen=True)
class Signal:
    """A traced value: the sum of the outputs of ``terms`` in the Program.

    Attributes:
        terms: nodes whose outputs are added.
        shape: without time and batch; None behind something that could not be captured.
        kind: ``static`` the same at every step, without a time axis; ``step`` one step; ``frames`` all steps as one
            batch; ``seq`` with a leading time axis; ``unit`` with a time axis of length one; ``read`` reduced over
            time; ``partial`` a sum over some steps of a loop; ``lost`` behind something that could not be captured.
        step: for ``step``, which one of an unrolled time loop.
        pending: for ``read``, the reduction that no node carries out yet.
        parts: for ``partial``, the terms of each step added so far.
        origin: for a pending reduction, the name its node would have.
    """

    terms: tuple[str, ...]
    shape: Shape | None
    kind: Kind
    step: int = 0
    pending: Reduction | None = None
    parts: tuple[tuple[int, tuple[str, ...]], ...] = ()
    origin: str = ""

    @property
    def lead(self) -> int:
        """Number of axes before the shape: batch, and time where there is such an axis."""
        return 2 if self.kind in ("seq", "unit") else 1


@dataclass(frozen=True)
class State:
    """A neuron's state on its way from one step to the next.

    Attributes:
        path: the neuron; "" before the first step.
        name: which of its states, or which argument of the forward.
        call: which step left it; -1 before the first.
        source: what entered the neuron; None before the first step.
    """

    path: str = ""
    name: str = ""
    call: int = -1
    source: Signal | None = None


ZEROS = State(name="zeros")
"""Zeros made in the forward: the state before the first step, or an empty sum."""

LOST = Signal((), None, "lost")


class Builder:
    """The nodes and edges of a Program that is being built; the same call on the same values gives the same node."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self._paths = frozenset(paths)
        self._made: dict[tuple[Hashable, tuple[str, ...]], str] = {}

    def place(self, key: Hashable, name: str, node: Node, sources: Sequence[str], delay: int = 0) -> str:
        """Add ``node`` behind ``sources`` and return its name; what ``key`` made of the same sources is reused.

        A name made up here never takes that of a module: only a key that is the module's path does.
        """
        made = (key, tuple(sources))
        if made not in self._made:
            _check_finite(node)
            self._made[made] = name = name if isinstance(node, Output) else self._free(name, key)
            self.nodes[name] = node
            self.edges += [Edge(source, name, delay) for source in sources]
        return self._made[made]

    def connect(self, edge: Edge) -> None:
        """Add an edge between nodes that are there, once."""
        if edge not in self.edges:
            self.edges.append(edge)

    def drop(self, name: str) -> None:
        """Remove a node that nothing reads."""
        if name in self.nodes and all(edge.source != name for edge in self.edges):
            del self.nodes[name]
            self.edges = [edge for edge in self.edges if edge.target != name]

    def _free(self, name: str, key: Hashable) -> str:
        taken = {*self.nodes, "output"}
        if name not in taken and (key == name or name not in self._paths):
            return name
        taken |= self._paths
        return next(free for number in range(1, len(taken) + 2) if (free := f"{name}_{number}") not in taken)


def _check_finite(node: Node) -> None:
    arrays = {f.name: getattr(node, f.name) for f in dataclasses.fields(node)}
    bad = {k: int((~np.isfinite(v)).sum()) for k, v in arrays.items() if isinstance(v, (np.ndarray, float))}
    refuse(*((count, f"{name} holds {count} values that are not finite", "") for name, count in bad.items()))
