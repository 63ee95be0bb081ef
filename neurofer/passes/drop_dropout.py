"""Removing Dropout, which does nothing when a network runs."""

from __future__ import annotations

from neurofer.ir.nodes import Dropout
from neurofer.ir.program import Program
from neurofer.passes.rewire import remove


def drop_dropout(program: Program) -> Program:
    """Remove all Dropout nodes.

    Requires nothing. Ensures that there is no Dropout and that every other node computes bit for bit the same. Where
    removing one would leave two edges between the same nodes (``x + dropout(x)``), a Scale by 1 takes its place.
    """
    for name, node in program.nodes.items():
        if isinstance(node, Dropout):
            program = remove(program, name)
    return program
