"""The wiring of NIR graphs: nested graphs become flat, and cycles get the delay that NIR cannot write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import nir
import numpy as np

from neurofer.errors import ProgramError
from neurofer.ir.nodes import Delay, Neuron, Node, Scale
from neurofer.ir.program import Edge

Pairs = list[tuple[str, str]]


def flatten_graph(graph: nir.NIRGraph) -> tuple[dict[str, Any], Pairs]:
    """Return nodes and edges with every nested graph inlined as ``graph.node``; the nested Inputs and Outputs vanish.

    An edge that would appear k times becomes one through a Scale by k.
    """
    nodes: dict[str, Any] = {}
    edges: Pairs = [(str(a), str(b)) for a, b in graph.edges]
    for name, node in graph.nodes.items():
        if not isinstance(node, nir.NIRGraph):
            nodes[name] = node
            continue
        inner, inner_edges = flatten_graph(node)
        renamed = {key: f"{name}.{key}" for key in inner}
        entries = {renamed[k] for k, v in inner.items() if isinstance(v, nir.Input)}
        exits = {renamed[k] for k, v in inner.items() if isinstance(v, nir.Output)}
        nodes |= {renamed[k]: v for k, v in inner.items()}
        edges = [pair for edge in edges for pair in _reconnect(edge, name, entries, exits)]
        edges += [(renamed[a], renamed[b]) for a, b in inner_edges]
        for gone in entries | exits:
            edges = _bypass(gone, edges)
            del nodes[gone]
    return _scale_repeated(nodes, edges)


def _reconnect(edge: tuple[str, str], name: str, entries: set[str], exits: set[str]) -> Pairs:
    sources = sorted(exits) if edge[0] == name else [edge[0]]
    targets = sorted(entries) if edge[1] == name else [edge[1]]
    return [(source, target) for source in sources for target in targets]


def _bypass(gone: str, edges: Pairs) -> Pairs:
    before = [a for a, b in edges if b == gone]
    after = [b for a, b in edges if a == gone]
    return [e for e in edges if gone not in e] + [(a, b) for a in before for b in after]


def _scale_repeated(nodes: dict[str, Any], edges: Pairs) -> tuple[dict[str, Any], Pairs]:
    kept: Pairs = []
    for (source, target), times in Counter(edges).items():
        if times == 1:
            kept.append((source, target))
            continue
        middle = f"{source}.times{times}.{target}"
        nodes[middle] = Scale(float(times))
        kept += [(source, middle), (middle, target)]
    return nodes, kept


def mark_delays(nodes: Mapping[str, Node], pairs: Pairs) -> tuple[dict[str, Node], tuple[Edge, ...]]:
    """Return nodes and edges in which the edge that closes a cycle carries the step before.

    The closing edge is the one a walk from the inputs meets last: in ``lif -> w_rec -> lif`` the edge from the weights
    into the neuron. Where the cycle runs through a Delay, the edge into the Delay takes one step of it over.

    Raises:
        ProgramError: a cycle without a neuron and without a Delay.
    """
    targets: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in pairs:
        targets.setdefault(source, []).append(target)
    closing: set[tuple[str, str]] = set()
    changed = dict(nodes)
    roots = [name for name in nodes if name not in {b for _, b in pairs}] + list(nodes)
    done: set[str] = set()
    for root in roots:
        path: list[str] = []
        stack = [(root, iter(targets.get(root, ())))] if root not in done else []
        path += [root] if stack else []
        done.add(root)
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                path.pop()
            elif following in path:
                closing.add(_closing_edge([*path[path.index(following) :], following], changed))
            elif following not in done:
                done.add(following)
                path.append(following)
                stack.append((following, iter(targets.get(following, ()))))
    return changed, tuple(Edge(a, b, int((a, b) in closing)) for a, b in pairs)


def _closing_edge(cycle: list[str], nodes: dict[str, Node]) -> tuple[str, str]:
    for source, target in zip(cycle, cycle[1:], strict=False):
        node = nodes.get(target)
        if isinstance(node, Delay) and np.all(np.asarray(node.steps) >= 1):
            nodes[target] = Delay(np.asarray(node.steps) - 1)
            return source, target
    if not any(isinstance(nodes.get(name), Neuron) for name in cycle):
        raise ProgramError("a cycle without a neuron and without a Delay", where=" -> ".join(cycle))
    return cycle[-2], cycle[-1]
