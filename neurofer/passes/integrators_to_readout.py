"""Integrators before the output as a sum over time, for readers that have no integrator."""

from __future__ import annotations

from dataclasses import replace

from neurofer.ir.contract import Readout
from neurofer.ir.nodes import (
    AvgPool2d,
    Concat,
    Conv1d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    Neuron,
    Node,
    Output,
    Scale,
    SumPool2d,
)
from neurofer.ir.program import Program
from neurofer.passes.rewire import exchange, remove


def integrators_to_readout(program: Program) -> Program:
    """Remove the integrators that feed an output read at its ``last`` step, and read its ``sum`` over steps instead.

    An integrator sums its input over time, and a sum over time may as well be taken behind a linear map: ``L(x[0] +
    ... + x[T-1]) = L(x[0]) + ... + L(x[T-1])``. Nothing behind the integrators spikes, so every spike is the same
    and the readout is equal in real arithmetic (in floats up to the order of summation). A gain other than 1 stays
    as a Scale of the integrator's name.

    Requires a contract that reads the last step, and that every path that ends in the output read comes from a perfect
    integrator (``I``: no leak, no offset, starting at 0) through Linear and Conv nodes without bias, Scale, Flatten,
    Dropout, Concat and pooling alone, with no delay and no other use of what lies between. Otherwise the program is
    returned unchanged.
    """
    if program.contract.readout.reduction != "last":
        return program
    integrators = _integrators(program)
    for name in integrators:
        node = program.nodes[name]
        if isinstance(node, Neuron):
            one = isinstance(node.gain, float) and node.gain == 1.0
            program = remove(program, name) if one else exchange(program, {name: Scale(node.gain)})
    if not integrators:
        return program
    readout = Readout("sum", program.contract.readout.output)
    return program.with_contract(replace(program.contract, readout=readout))


def _integrators(program: Program) -> tuple[str, ...]:
    """Return the integrators that the output read is a linear function of; none if it is one of anything else, too."""
    between, found, waiting = {program.readout}, dict[str, None](), [program.readout]
    while waiting:
        for edge in program.predecessors(waiting.pop()):
            node = program.nodes[edge.source]
            if edge.delay:
                return ()
            if _integrates(node):
                found[edge.source] = None
            elif not _linear(node):
                return ()
            elif edge.source not in between:
                between.add(edge.source)
                waiting.append(edge.source)
    leaves = {e.target for name in (*found, *between) for e in program.successors(name)} - between
    return () if leaves else tuple(found)


def _integrates(node: Node) -> bool:
    return isinstance(node, Neuron) and node.kind == "I" and isinstance(node.v_init, float) and node.v_init == 0.0


def _linear(node: Node) -> bool:
    if isinstance(node, (Linear, Conv1d, Conv2d)):
        return node.bias is None
    return isinstance(node, (Scale, Flatten, Dropout, Concat, SumPool2d, AvgPool2d, Output))
