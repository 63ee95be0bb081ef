"""How nodes become stages: what is looked through, what is a term of another, in which grid it lies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from neurofer.backends.c.plan_arithmetic import Arithmetic, arithmetic, planes
from neurofer.backends.c.plan_layout import Layout, layout_of
from neurofer.ir import Program
from neurofer.ir import nodes as n

LAYERS = (n.Linear, n.Conv1d, n.Conv2d)
POOLS = (n.SumPool2d, n.AvgPool2d)
_WINDOWS = (*LAYERS, *POOLS, n.MaxPool2d)

Entering = tuple[str, bool]
"""A source and whether its output of the step before is meant."""


@dataclass(frozen=True)
class Wiring:
    """What the stages of a program follow from."""

    program: Program

    @cached_property
    def bits(self) -> frozenset[str]:
        """Nodes whose output is a plane."""
        return planes(self.program)

    @cached_property
    def arithmetic(self) -> dict[str, Arithmetic]:
        """Arithmetic of every node that is no Input."""
        return arithmetic(self.program, self.bits)

    def transparent(self, name: str) -> bool:
        """Whether a node only gives its input another shape, which takes no stage."""
        if not isinstance(self.program.nodes[name], (n.Flatten, n.Dropout)):
            return False
        edges = (*self.program.predecessors(name), *self.program.successors(name))
        return not any(edge.delay for edge in edges)

    def behind(self, name: str) -> list[Entering]:
        """Return what is summed in ``name`` if that only gives it another shape, else the node itself."""
        return self.entering(name) if self.transparent(name) else [(name, False)]

    def entering(self, name: str) -> list[Entering]:
        """Return what enters a node, summed; nodes that only give a shape are looked through."""
        edges = self.program.predecessors(name)
        return [(source, late or bool(e.delay)) for e in edges for source, late in self.behind(e.source)]

    def targets(self, name: str) -> list[Entering]:
        """Return the nodes that read ``name``, behind those that only give a shape; True where they do a step later."""
        found: list[Entering] = []
        for edge in self.program.successors(name):
            found += self.targets(edge.target) if self.transparent(edge.target) else [(edge.target, bool(edge.delay))]
        return found

    def separable(self, name: str) -> bool:
        """Whether a linear node may read each of its sources alone.

        It may where they are no sum, or of one sign: then no part of the sum exceeds the bound of the whole.
        """
        entering = self.entering(name)
        return len(entering) == 1 or all(one in self.bits or one in self.program.inputs for one, _ in entering)

    def folded(self, name: str) -> bool:
        """Whether a layer or a pooling is a term of the stage of the only node that reads it."""
        node, targets = self.program.nodes[name], self.targets(name)
        if not isinstance(node, (*LAYERS, *POOLS)) or len(targets) != 1:
            return False
        ((target, late),) = targets
        if isinstance(self.program.nodes[target], (*_WINDOWS, n.Concat, n.Delay)):
            return False
        if isinstance(node, n.AvgPool2d) and self.arithmetic[name].number == "f32":
            return False
        if late and (any(old for _, old in self.entering(name)) or not self.separable(name)):
            return False
        return (name in self.program.static) == (target in self.program.static)

    @cached_property
    def layouts(self) -> dict[str, Layout]:
        """Grid of every node's output: that of its inputs where they share one and the node keeps values in place."""
        found: dict[str, Layout] = {}
        for name in self.program.order:
            node, edges = self.program.nodes[name], self.program.predecessors(name)
            grids = {found.get(edge.source) for edge in edges}
            moves = isinstance(node, (n.Input, n.Concat, *_WINDOWS)) or any(edge.delay for edge in edges)
            grid = grids.pop() if not moves and len(grids) == 1 else None
            found[name] = grid or layout_of(self.program.shapes[name])
        return found

    def read_grid(self, name: str) -> Layout:
        """Return the grid in which a node reads what enters it; a Linear takes what it gets."""
        if isinstance(self.program.nodes[name], n.Linear):
            grids = {self.layouts[source] for source, _ in self.entering(name)}
            if len(grids) == 1:
                return grids.pop()
        return layout_of(self.program.input_shape(name))
