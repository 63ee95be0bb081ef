"""Sum pooling of spikes into the layer behind it: more weights, and no counts between spikes and sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neurofer.ir import nodes as n
from neurofer.ir.program import Program


def fold_sumpool(program: Program) -> Program:
    """Remove SumPool2d nodes by repeating the weights of what reads them.

    A pool whose stride is its kernel ``k``, that has no padding and leaves no rest, reads spikes, and feeds only Conv2d
    (without dilation) or, through a Flatten, Linear: these get kernels, strides and paddings ``k`` times as large, and
    every weight ``k`` x ``k`` times. Others stay.

    Requires nothing. Ensures that every value is the same where sums are exact (whole numbers on a grid): a count times
    a weight is as many times the weight.
    """
    for name, node in program.nodes.items():
        if isinstance(node, n.SumPool2d) and (changed := _readers(program, name, node)):
            (before,) = program.predecessors(name)
            edges = [
                replace(edge, source=before.source, delay=before.delay) if edge.source == name else edge
                for edge in program.edges
                if edge.target != name
            ]
            nodes = {other: changed.get(other, kept) for other, kept in program.nodes.items() if other != name}
            program = program.with_nodes(nodes, edges)
    return program


def _readers(program: Program, name: str, pool: n.SumPool2d) -> Mapping[str, n.Node]:
    """Return what reads a pool as it is without the pool; nothing where the pool has to stay."""
    _, *size = program.input_shape(name)
    divides = all(length % kernel == 0 for length, kernel in zip(size, pool.kernel, strict=True))
    spikes = program.input_domain(name).max == 1 and len(program.predecessors(name)) == 1
    if pool.strides != pool.kernel or any(pool.padding) or not divides or not spikes:
        return {}
    found: dict[str, n.Node] = {}
    pooled = program.shapes[name]
    targets = [edge.target for edge in program.successors(name)]
    flat = [edge.target for target in targets for edge in program.successors(target) if _is_flat(program, target)]
    for target in (*targets, *flat):
        node = program.nodes[target]
        if any(edge.delay for edge in program.predecessors(target)) or len(program.predecessors(target)) != 1:
            return {}
        if isinstance(node, n.Conv2d) and _is_plain(node) and target not in flat:
            found[target] = _widened(node, pool.kernel)
        elif isinstance(node, n.Linear) and target in flat:
            weight = np.kron(node.weight.reshape(-1, *pooled), np.ones((1, 1, *pool.kernel), np.float32))
            found[target] = n.Linear(weight.reshape(len(node.weight), -1), node.bias)
        elif not _is_flat(program, target):
            return {}
    return found


def _is_flat(program: Program, name: str) -> bool:
    return isinstance(program.nodes[name], n.Flatten) and len(program.shapes[name]) == 1


def _is_plain(node: n.Conv2d) -> bool:
    return node.dilation == (1, 1) and all(before == after for before, after in node.pads)


def _widened(node: n.Conv2d, kernel: tuple[int, int]) -> n.Conv2d:
    weight = np.kron(node.weight, np.ones((1, 1, *kernel), np.float32))
    padding = tuple(before for before, _ in node.pads)
    stride, padding = (tuple(a * k for a, k in zip(pair, kernel, strict=True)) for pair in (node.stride, padding))
    return n.Conv2d(weight, node.bias, stride, padding, groups=node.groups)
