"""Max pooling of spikes as sum pooling and a threshold."""

from __future__ import annotations

from neurofer.errors import PassError, Problem
from neurofer.ir.nodes import MaxPool2d, Node, SumPool2d, Threshold
from neurofer.ir.program import Edge, Program
from neurofer.passes.rewire import fresh


def lower_maxpool(program: Program, *, strict: bool = True) -> Program:
    """Replace every MaxPool2d of binary input by a SumPool2d ``name.sum`` and a Threshold ``name`` at 0.5.

    The maximum of zeros and ones is 1 exactly where their sum, a whole number, exceeds 0.5: the pass is exact. The
    padding of max pooling never wins, which zeros added to the sum do not either.

    Requires a binary domain at each MaxPool2d. Ensures that there is no MaxPool2d, or with ``strict=False`` none that
    could be lowered: what is left is then for the target's capabilities to take or to refuse.

    Raises:
        PassError: with ``strict``, naming every MaxPool2d that is not of binary input.
    """
    problems: list[Problem] = []
    for name, node in program.nodes.items():
        if not isinstance(node, MaxPool2d):
            continue
        domain = program.input_domain(name)
        if domain.kind == "binary":
            program = _split(program, name, node)
        elif strict:
            why = f"the maximum is taken of {domain} values, and only that of binary spikes can be written as a sum"
            problems.append(Problem(name, why, "max pooling directly behind spiking neurons, or average pooling"))
    if problems:
        raise PassError("max pooling cannot be lowered", problems=problems)
    return program


def _split(program: Program, name: str, node: MaxPool2d) -> Program:
    total = fresh(program, f"{name}.sum")
    nodes: dict[str, Node] = {}
    for other, kept in program.nodes.items():
        if other == name:
            nodes[total] = SumPool2d(node.kernel, node.stride, node.padding)
            nodes[name] = Threshold(0.5, ">")
        else:
            nodes[other] = kept
    edges = [Edge(e.source, total, e.delay) if e.target == name else e for e in program.edges]
    return program.with_nodes(nodes, [*edges, Edge(total, name)])
