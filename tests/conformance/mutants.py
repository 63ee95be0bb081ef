"""Wrong readings of a program: what an importer might make of it. Each is one plausible mistake."""

from dataclasses import replace

import numpy as np

from neurofer.errors import ProgramError
from neurofer.ir import Edge, Program
from neurofer.ir import nodes as n

KEEPS = {"membrane starts at v_reset", "membrane starts at v_leak", ">= for >"}
"""Readings that only the cases made for them may tell: NIR is silent on the start, and a tie is a row of its own."""


def readings(program):
    """Yield (name, wrong program) for every mistake that can be made in a program."""
    for name, node in program.nodes.items():
        for what, wrong in _node(node):
            yield from _made(f"{name}: {what}", program, {**program.nodes, name: wrong}, program.edges)
        if not isinstance(node, (n.Input, n.Output)):
            yield from _without(program, name)
    for edge in program.edges:
        rest = tuple(e for e in program.edges if e != edge)
        if len(program.predecessors(edge.target)) > 1:
            yield from _made(f"{edge.source} -> {edge.target}: lost", program, program.nodes, rest)
        if edge.delay and edge.source != edge.target:
            for into in [e for e in program.predecessors(edge.target) if not e.delay]:
                through = Edge(into.source, edge.source)
                if program.shapes[into.source] == program.shapes[edge.target] and into != edge:
                    edges = (*(e for e in program.edges if e != into), through)
                    yield from _made(f"{into.source}: through the weights", program, program.nodes, edges)


def _without(program, name):
    try:
        yield f"{name}: left out", program.without(name)
    except ProgramError:
        return


def _made(what, program, nodes, edges):
    try:
        yield what, Program(nodes, edges, program.contract)
    except ProgramError:  # another shape: nobody would miss it
        return


def _node(node):
    match node:
        case n.Neuron():
            yield from _neuron(node)
        case n.Linear() if node.bias is not None and np.any(node.bias):
            yield "no bias", replace(node, bias=None)
        case n.Conv1d() | n.Conv2d():
            yield from _convolution(node)
        case n.SumPool2d():
            yield "padding ignored", replace(node, padding=0)
            yield "a mean", n.AvgPool2d(node.kernel, node.stride, node.padding)
        case n.AvgPool2d():
            yield "padding ignored", replace(node, padding=0)
            yield "a sum", n.SumPool2d(node.kernel, node.stride, node.padding)
        case n.Flatten() if node.start_dim:
            yield "everything", n.Flatten()
        case n.Threshold():
            yield ">= for >", replace(node, compare=">=")
            yield "the first threshold for all", replace(node, theta=float(np.ravel(node.theta)[0]))
        case n.Delay():
            yield "a step longer", n.Delay(np.asarray(node.steps) + 1)
            yield "the longest for all", n.Delay(float(np.max(node.steps)))
        case n.Scale():
            yield "the first factor for all", n.Scale(float(np.ravel(node.scale)[0]))


def _convolution(node):
    if node.bias is not None and np.any(node.bias):
        yield "no bias", replace(node, bias=None)
    for what, value in (("stride", 1), ("padding", 0), ("dilation", 1)):
        yield f"{what} ignored", replace(node, **{what: value})
    yield "kernel turned (convolution for correlation)", replace(node, weight=node.weight[..., ::-1])


def _neuron(node):
    given = {
        "r ignored": {"gain": 1.0 if node.kind in ("IF", "I") else 1 - np.asarray(node.alpha_mem)},
        "input not scaled by dt / tau": {"gain": 1.0},
        "v_leak ignored": {"offset": 0.0},
        "membrane starts at v_leak": {
            "v_init": node.offset / np.where(node.alpha_mem == 1, 1, 1 - np.asarray(node.alpha_mem))
        },
        "a step ten times shorter": {
            "alpha_mem": 0.9 + 0.1 * np.asarray(node.alpha_mem),
            "gain": np.asarray(node.gain) / 10,
        },
        "exponential": {"alpha_mem": np.exp(np.asarray(node.alpha_mem) - 1)},
        "the first time constant for all": {"alpha_mem": _first(node.alpha_mem)},
        "the first r for all": {"gain": _first(node.gain)},
    }
    if node.alpha_syn is not None:
        given["no synapse"] = {"alpha_syn": 0.0}
        given["w_in ignored"] = {"w_in": 1 - np.asarray(node.alpha_syn)}
        given["the first w_in for all"] = {"w_in": _first(node.w_in)}
    if node.spiking:
        given |= {
            ">= for >": {"compare": ">="},
            "soft reset": {"reset": "soft"},
            "v_reset ignored": {"v_reset": 0.0},
            "membrane starts at v_reset": {"v_init": node.v_reset},
            "the first threshold for all": {"theta": _first(node.theta)},
            "the first v_reset for all": {"v_reset": _first(node.v_reset)},
        }
    for what, values in given.items():
        if not all(_close(getattr(node, name), value) for name, value in values.items()):
            yield what, replace(node, **values)


def _close(value, other):
    """Whether two coefficients are one up to the rounding of a time constant to float32: then nothing is misread."""
    return value == other if isinstance(value, str) else np.allclose(value, other, rtol=1e-6, atol=0)


def _first(value):
    return float(np.ravel(value)[0])
