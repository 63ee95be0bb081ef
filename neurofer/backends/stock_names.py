"""What stock importers see of a program: its neurons, and the names they give to modules; free of any framework."""

from __future__ import annotations

from collections.abc import Iterator

from neurofer.errors import Problem
from neurofer.ir import Program
from neurofer.ir.nodes import Neuron


def neurons(program: Program) -> Iterator[tuple[str, Neuron]]:
    """Yield the neurons of a program by name."""
    for name, node in program.nodes.items():
        if isinstance(node, Neuron):
            yield name, node


def submodule(name: str) -> str:
    """Return the name that nirtorch gives the module of a node."""
    return name.replace(".", "_")


def collisions(program: Program) -> list[Problem]:
    """Return the nodes that nirtorch would give the module name of another."""
    owners: dict[str, str] = {}
    return [
        Problem(name, f"the importer names its module {key!r} and overwrites that of {owner!r}", "another node name")
        for name in program.nodes
        if (owner := owners.setdefault(key := submodule(name), name)) != name
    ]
