"""The wiring of NIR graphs: nested graphs become flat, and cycles get the delay that NIR cannot write."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any

import nir
import numpy as np

from neurofer.errors import Problem, ProgramError, ReadError
from neurofer.ir.nodes import Delay, Input, Neuron, Node, Scale
from neurofer.ir.program import Edge

Pair = tuple[str, str]
Pairs = list[Pair]


def unnest(graph: nir.NIRGraph) -> nir.NIRGraph:
    """Return the graph with every nested graph inlined, its nodes under their own names: how metadata name them."""
    if not any(isinstance(node, nir.NIRGraph) for node in graph.nodes.values()):
        return graph
    nodes, edges = flatten_graph(graph)
    own = {
        f"{outer}.{k}": k
        for outer, inner in graph.nodes.items()
        if isinstance(inner, nir.NIRGraph)
        for k in inner.nodes
    }
    flat = nir.NIRGraph(
        {own.get(name, name): node for name, node in nodes.items()},
        [(own.get(a, a), own.get(b, b)) for a, b in edges],
        type_check=False,
    )
    flat.metadata = graph.metadata
    return flat


def flatten_graph(graph: nir.NIRGraph) -> tuple[dict[str, Any], Pairs]:
    """Return nodes and edges with every nested graph inlined as ``graph.node``; the nested Inputs and Outputs vanish.

    An edge that would appear k times becomes one through a Scale by k.

    Raises:
        ReadError: a nested graph with several Inputs or Outputs (an edge to it could mean any of them), or whose nodes
            would take the name of another node; all at once.
    """
    problems: list[Problem] = []
    nodes, edges = _inline(graph, problems)
    if problems:
        raise ReadError("nested graphs cannot be resolved", problems=problems)
    return _scale_repeated(nodes, edges)


def _inline(graph: nir.NIRGraph, problems: list[Problem]) -> tuple[dict[str, Any], Pairs]:
    nodes: dict[str, Any] = {}
    edges: Pairs = [(str(a), str(b)) for a, b in graph.edges]
    for name, node in graph.nodes.items():
        if not isinstance(node, nir.NIRGraph):
            inner, inner_edges = {name: node}, []
        else:
            found, pairs = _inline(node, problems)
            inner = {f"{name}.{key}": value for key, value in found.items()}
            inner_edges = [(f"{name}.{a}", f"{name}.{b}") for a, b in pairs]
            edges = _splice(name, inner, edges, inner_edges, problems)
        taken = nodes.keys() & inner.keys()
        problems += [Problem(key, "two nodes have this name once nested graphs are flat") for key in sorted(taken)]
        nodes |= inner
    return nodes, edges


def _splice(name: str, inner: dict[str, Any], edges: Pairs, inner_edges: Pairs, problems: list[Problem]) -> Pairs:
    """Return all edges after edges to and from the nested graph ``name`` reach into it; its ends leave ``inner``."""
    entries = [key for key, node in inner.items() if isinstance(node, nir.Input)]
    exits = [key for key, node in inner.items() if isinstance(node, nir.Output)]
    for ends, kind in ((entries, "Input"), (exits, "Output")):
        if len(ends) != 1:
            problems.append(Problem(name, f"the nested graph has {len(ends)} {kind} nodes instead of one"))
    if len(entries) != 1 or len(exits) != 1:
        return edges + inner_edges
    joined = [(exits[0] if a == name else a, entries[0] if b == name else b) for a, b in edges] + inner_edges
    for gone in (*entries, *exits):
        before = [a for a, b in joined if b == gone]
        joined = [
            pair
            for a, b in joined
            if b != gone
            for pair in ([(source, b) for source in before] if a == gone else [(a, b)])
        ]
        del inner[gone]
    return joined


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
    """Return nodes and edges in which every cycle has an edge that carries the step before.

    A Delay in a cycle gives one of its steps to the edges that enter it, which changes no meaning. Every other cycle is
    cut where it is entered: the edges from inside it into the node nearest to the inputs (a neuron, where several are
    as near) are delayed. In ``lif -> w_rec -> lif`` that is the edge from the recurrent weights into the neuron. The
    choice depends on names and wiring, never on the order in which a file lists them.

    Raises:
        ProgramError: cycles without a neuron and without a Delay.
    """
    changed = dict(nodes)
    delayed: set[Pair] = set()
    wired = {pair for pair in pairs if nodes.keys() >= set(pair)}  # the Program reports edges that dangle
    lagging = {name: np.asarray(node.steps) for name, node in nodes.items() if isinstance(node, Delay)}
    for name in set().union(*_cycles(nodes, wired)) & lagging.keys():
        if np.all(lagging[name] >= 1):
            changed[name] = Delay(lagging[name] - 1)
            delayed |= {pair for pair in wired if pair[1] == name}
    _check_cycles(nodes, wired - delayed)
    distance = _distances(nodes, wired)
    while cycles := _cycles(nodes, wired - delayed):
        for cycle in cycles:
            inside = {pair for pair in wired - delayed if cycle.issuperset(pair)}
            first = min(cycle, key=lambda k: (distance.get(k, len(nodes)), not isinstance(nodes[k], Neuron), k))
            delayed |= {pair for pair in inside if pair[1] == first}
    return changed, tuple(Edge(a, b, int((a, b) in delayed)) for a, b in pairs)


def _check_cycles(nodes: Mapping[str, Node], wired: set[Pair]) -> None:
    """Raise where a cycle has nothing that carries a state to the next step."""
    memoryless = {name for name, node in nodes.items() if not isinstance(node, Neuron)}
    cycles = _cycles(nodes, {pair for pair in wired if memoryless.issuperset(pair)})
    problems = [
        Problem(" -> ".join(_path(cycle, wired)), "nothing in this cycle carries a state to the next step")
        for cycle in cycles
    ]
    if problems:
        raise ProgramError("cycles without a neuron and without a Delay", problems=problems)


def _targets(nodes: Iterable[str], wired: Iterable[Pair]) -> dict[str, list[str]]:
    targets: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in wired:
        targets[source].append(target)
    return targets


def _distances(nodes: Mapping[str, Node], wired: set[Pair]) -> dict[str, int]:
    """Return how many edges lie between the inputs and each node they reach."""
    targets = _targets(nodes, wired)
    found = {name: 0 for name, node in nodes.items() if isinstance(node, Input)}
    queue = deque(found)
    while queue:
        name = queue.popleft()
        for following in targets[name]:
            if following not in found:
                found[following] = found[name] + 1
                queue.append(following)
    return found


def _cycles(nodes: Iterable[str], wired: set[Pair]) -> list[set[str]]:
    """Return the sets of nodes that reach each other (strongly connected components with an edge), by Kosaraju."""
    names = sorted(nodes)
    targets, sources = _targets(names, wired), _targets(names, {(b, a) for a, b in wired})
    finished: list[str] = []
    seen: set[str] = set()
    for root in names:
        stack = [(root, False)]
        while stack:
            name, done = stack.pop()
            if done:
                finished.append(name)
            elif name not in seen:
                seen.add(name)
                stack.append((name, True))
                stack += [(following, False) for following in targets[name]]
    components: list[set[str]] = []
    placed: set[str] = set()
    for root in reversed(finished):
        members: set[str] = set()
        waiting = [root]
        while waiting:
            name = waiting.pop()
            if name not in placed:
                placed.add(name)
                members.add(name)
                waiting += sources[name]
        if len(members) > 1 or (members and (root, root) in wired):
            components.append(members)
    return components


def _path(cycle: set[str], wired: set[Pair]) -> list[str]:
    """Return one way around within a strongly connected set of nodes, its first node repeated at the end."""
    start = min(cycle)
    targets = _targets(cycle, {pair for pair in wired if cycle.issuperset(pair)})
    before: dict[str, str] = {}
    queue = deque([start])
    while queue and start not in before:
        name = queue.popleft()
        for following in sorted(targets[name]):
            if following not in before:
                before[following] = name
                queue.append(following)
    path = [start]
    while len(path) == 1 or path[-1] != start:
        path.append(before[path[-1]])
    return path[::-1]
