"""Rewiring shared by the passes: exchanging and removing nodes without changing what the others see."""

from __future__ import annotations

from collections.abc import Mapping

from neurofer.errors import ProgramError
from neurofer.ir.nodes import Node, Scale
from neurofer.ir.program import Program


def exchange(program: Program, nodes: Mapping[str, Node]) -> Program:
    """Return the program with some nodes exchanged under their names; the same object when there are none."""
    return program.with_nodes({**program.nodes, **nodes}) if nodes else program


def remove(program: Program, name: str) -> Program:
    """Return the program without the node ``name``, whose output is its input.

    Where no edge can stand for the node (``x + x``, a sum that enters a Concat, two delays in a row), it becomes a
    Scale by 1.
    """
    try:
        return program.without(name)
    except ProgramError:
        return exchange(program, {name: Scale(1.0)})


def fresh(program: Program, name: str) -> str:
    """Return ``name``, with a number behind it if the program already has a node of that name."""
    names = (f"{name}{n}" for n in range(2, len(program.nodes) + 3))
    return name if name not in program.nodes else next(n for n in names if n not in program.nodes)
