"""An analog image enters as integers: the scale moves into the first layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurofer.errors import PassError, Problem
from neurofer.ir import Domain, Program
from neurofer.ir import nodes as n
from neurofer.passes.rewire import exchange


def input_codes(program: Program, *, levels: int, scale: float) -> Program:
    """Take integers 0..``levels`` for input values ``integer / scale``, and divide the first layers' weights instead.

    ``(W / scale) x`` replaces ``W (x / scale)``: the same up to the rounding of the weights, which is float32's.

    Requires that the input feeds Conv and Linear nodes alone. Ensures an input of domain ``code``; the contract's
    preprocessing says so.

    Args:
        program: a program with one analog input.
        levels: the largest integer (255 for an 8-bit image).
        scale: what the integers were divided by.

    Raises:
        PassError: several inputs, one that is no analog image, or one that feeds something else than Conv or Linear
            alone; all at once.
    """
    entry, *others = program.inputs
    domain = program.domains[entry]
    problems = [Problem(name, "a second input, which has no scale") for name in others]
    if domain.kind != "real":
        problems.append(Problem(entry, f"the input is {domain} already"))
    targets = [edge.target for edge in program.successors(entry)]
    for name in targets:
        if not program.nodes[name].synaptic:
            kind = type(program.nodes[name]).__name__
            problems.append(Problem(name, f"the input feeds a {kind}, which cannot take over its scale"))
        elif len(program.predecessors(name)) > 1:
            problems.append(Problem(name, "the input is added to something else before this layer"))
    if problems:
        raise PassError("the input cannot enter as integers", problems=problems)
    changed: dict[str, n.Node] = {entry: n.Input(program.shapes[entry], Domain("code", levels))}
    for name in targets:
        node = program.nodes[name]
        if isinstance(node, (n.Linear, n.Conv1d, n.Conv2d)):
            weight = (node.weight.astype(np.float64) / scale).astype(node.weight.dtype)
            changed[name] = replace(node, weight=weight)
    words = f"integers 0..{levels}; their scale 1/{scale:g} sits in {', '.join(targets)}"
    return exchange(program, changed).with_contract(replace(program.contract, preprocessing=words))
