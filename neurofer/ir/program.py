"""The Program: a directed graph of nodes with inferred shapes and domains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

from neurofer.errors import Problem, ProgramError
from neurofer.ir.contract import Contract
from neurofer.ir.domain import BINARY, REAL, Domain
from neurofer.ir.nodes import Concat, Input, Node, Output, Shape, spikes


@dataclass(frozen=True)
class Edge:
    """A connection; with ``delay`` 1 the target sees the source's output of the step before (zero at first)."""

    source: str
    target: str
    delay: int = 0


@dataclass(frozen=True)
class Program:
    """One exactly defined network. Several edges into a node are summed (a Concat joins them in order).

    Attributes:
        nodes: name -> node; read-only.
        edges: connections; at most one between two nodes (``x + x`` is a Scale by 2).
        contract: time, encoder and readout.

    Raises:
        ProgramError: edges that dangle or repeat, no Input or Output, a cycle without a delay, or shapes that do not
            fit; all problems at once.
    """

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    contract: Contract = field(default_factory=Contract)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", MappingProxyType(dict(self.nodes)))
        object.__setattr__(self, "edges", tuple(self.edges))
        problems = [*self._edge_problems(), *self._node_problems()]
        if problems:
            raise ProgramError("the graph is not a program", problems=problems)
        _ = self.shapes

    def _edge_problems(self) -> Iterable[Problem]:
        seen: set[tuple[str, str]] = set()
        for edge in self.edges:
            where = f"{edge.source} -> {edge.target}"
            for end in (edge.source, edge.target):
                if end not in self.nodes:
                    yield Problem(where, f"there is no node {end!r}")
            if (edge.source, edge.target) in seen:
                yield Problem(where, "the edge is there twice", "a Scale by 2")
            seen.add((edge.source, edge.target))
            if edge.delay not in (0, 1):
                yield Problem(where, f"delay {edge.delay} is neither 0 nor 1", "a Delay node")
            elif edge.delay and isinstance(self.nodes.get(edge.target), Concat):
                yield Problem(where, "an edge into a Concat cannot be delayed", "a Delay node before it")

    def _node_problems(self) -> Iterable[Problem]:
        if not self.inputs:
            yield Problem("graph", "there is no Input node")
        if not self.outputs:
            yield Problem("graph", "there is no Output node")
        targets = {edge.target for edge in self.edges}
        sources = {edge.source for edge in self.edges}
        for name, node in self.nodes.items():
            if isinstance(node, Input) and name in targets:
                yield Problem(name, "an edge enters an Input node")
            if not isinstance(node, Input) and name not in targets:
                yield Problem(name, "nothing enters this node")
            if isinstance(node, Output) and name in sources:
                yield Problem(name, "an edge leaves an Output node")
        if self.contract.readout.output and self.contract.readout.output not in self.outputs:
            yield Problem(self.contract.readout.output, "the contract reads this node, which is no Output node")

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the Input nodes."""
        return tuple(name for name, node in self.nodes.items() if isinstance(node, Input))

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the Output nodes."""
        return tuple(name for name, node in self.nodes.items() if isinstance(node, Output))

    @property
    def readout(self) -> str:
        """Name of the Output node that the contract reads."""
        return self.contract.readout.output or self.outputs[0]

    @cached_property
    def _incoming(self) -> dict[str, tuple[Edge, ...]]:
        incoming: dict[str, list[Edge]] = {name: [] for name in self.nodes}
        for edge in self.edges:
            incoming[edge.target].append(edge)
        return {name: tuple(edges) for name, edges in incoming.items()}

    @cached_property
    def _outgoing(self) -> dict[str, tuple[Edge, ...]]:
        outgoing: dict[str, list[Edge]] = {name: [] for name in self.nodes}
        for edge in self.edges:
            outgoing[edge.source].append(edge)
        return {name: tuple(edges) for name, edges in outgoing.items()}

    def predecessors(self, name: str) -> tuple[Edge, ...]:
        """Edges that enter ``name``, in the order of the graph."""
        return self._incoming[name]

    def successors(self, name: str) -> tuple[Edge, ...]:
        """Edges that leave ``name``, in the order of the graph."""
        return self._outgoing[name]

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Names in an order in which every node follows what it needs in the same step.

        Raises:
            ProgramError: a cycle in which no edge has a delay.
        """
        before = {n: [e.source for e in self._incoming[n] if not e.delay] for n in self.nodes}
        try:
            return tuple(TopologicalSorter(before).static_order())
        except CycleError as error:
            where = " -> ".join(error.args[1])
            next_step = "give one edge of it delay=1"
            raise ProgramError("a cycle without a delay", where=where, next_step=next_step) from error

    @property
    def recurrent(self) -> bool:
        """Whether an edge carries the output of the step before."""
        return any(edge.delay for edge in self.edges)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Output shape of every node, without time and batch."""
        shapes: dict[str, Shape] = {}
        problems: dict[str, str] = {}
        waiting = list(self.order)
        while waiting:  # again for nodes that only delayed edges enter: their sources come later in the order
            before = len(waiting)
            waiting = [name for name in waiting if not self._infer(name, shapes, problems)]
            if len(waiting) == before:
                break
        for name in self.nodes:
            entering = {shapes[e.source]: None for e in self._incoming[name] if e.source in shapes}
            if len(entering) > 1 and not isinstance(self.nodes[name], Concat):
                problems[name] = f"inputs of shapes {[list(s) for s in entering]} cannot be summed"
        if waiting and not problems:  # else the cause lies upstream and is reported there
            problems |= dict.fromkeys(waiting, "its shape is unknown: only edges from its own cycle enter it")
        if problems:
            where = [Problem(name, problems[name]) for name in self.nodes if name in problems]
            raise ProgramError("the shapes do not fit", problems=where)
        return shapes

    def _infer(self, name: str, shapes: dict[str, Shape], problems: dict[str, str]) -> bool:
        """Fill in the shape or the problem of a node; False while nothing is known about what enters it."""
        node, edges = self.nodes[name], self._incoming[name]
        known = [shapes[e.source] for e in sorted(edges, key=lambda e: e.delay) if e.source in shapes]
        if not isinstance(node, Input) and (not known or (isinstance(node, Concat) and len(known) < len(edges))):
            return False
        try:
            shapes[name] = node.output_shape(self._joined(node, known))
        except ValueError as error:
            problems[name] = f"{type(node).__name__}: {error}"
        return True

    @staticmethod
    def _joined(node: Node, entering: Sequence[Shape]) -> Shape:
        if isinstance(node, Input):
            return node.shape
        return node.join(entering) if isinstance(node, Concat) else entering[0]

    def input_shape(self, name: str) -> Shape:
        """Shape of what enters ``name``, after summing or joining."""
        return self._joined(self.nodes[name], [self.shapes[e.source] for e in self._incoming[name]])

    @cached_property
    def domains(self) -> dict[str, Domain]:
        """Domain of every node's output."""
        found: dict[str, Domain] = {}
        for name in self.order:
            found[name] = self.nodes[name].output_domain(self._input_domain(name, found), self.input_shape(name))
        return found

    def _input_domain(self, name: str, found: Mapping[str, Domain]) -> Domain:
        # A delayed source may come later in the order: a spiking neuron is binary whatever enters it.
        known = [found.get(e.source, BINARY if spikes(self.nodes[e.source]) else REAL) for e in self._incoming[name]]
        if not known:
            return REAL
        total = known[0]
        for domain in known[1:]:
            total = total | domain if isinstance(self.nodes[name], Concat) else total + domain
        return total

    def input_domain(self, name: str) -> Domain:
        """Domain of what enters ``name``, after summing."""
        return self._input_domain(name, self.domains)

    @cached_property
    def static(self) -> frozenset[str]:
        """Nodes whose output is the same at every step: stateless, fed by a constant input alone; evaluated once."""
        if self.contract.encoder != "constant":
            return frozenset()
        found: set[str] = set(self.inputs)
        for name in self.order:
            edges = self._incoming[name]
            if edges and not self.nodes[name].stateful and all(e.source in found and not e.delay for e in edges):
                found.add(name)
        return frozenset(found)

    @property
    def parameters(self) -> int:
        """Number of learnable values."""
        return sum(node.parameters for node in self.nodes.values())

    @property
    def mult_adds(self) -> int:
        """Multiply-adds of all Conv and Linear weights per sample: static nodes once, others T times."""
        total = 0
        for name, node in self.nodes.items():
            if not node.synaptic:
                continue
            weight = node.weight  # type: ignore[attr-defined]
            positions = 1
            for size in self.shapes[name][1:]:
                positions *= size
            total += weight.size * positions * (1 if name in self.static else self.contract.steps)
        return total

    def with_nodes(self, nodes: Mapping[str, Node], edges: Iterable[Edge] | None = None) -> Program:
        """Return the program with other nodes, and other edges if given."""
        return Program(nodes, self.edges if edges is None else tuple(edges), self.contract)

    def with_contract(self, contract: Contract) -> Program:
        """Return the program under another contract."""
        return replace(self, contract=contract)

    def without(self, name: str) -> Program:
        """Return the program with ``name`` bypassed: its inputs go to its targets.

        Raises:
            ProgramError: no edges can stand for the node: one would be there twice, be delayed twice, or a sum would
                enter a Concat.
        """
        before = self.predecessors(name)
        problems = []
        for edge in self.successors(name):
            where = f"{name} -> {edge.target}"
            if edge.target == name:
                problems.append(Problem(where, "the node feeds itself"))
            if edge.delay and any(e.delay for e in before):
                problems.append(Problem(where, "the bypass would be delayed by two steps", "a Delay node"))
            if len(before) > 1 and isinstance(self.nodes[edge.target], Concat):
                problems.append(Problem(where, "a sum enters a Concat"))
        if problems:
            raise ProgramError(f"the node {name} cannot be bypassed", problems=problems)
        edges: list[Edge] = []
        for edge in self.edges:
            if edge.source == name:  # the bypass stands in its place: a Concat joins in the order of the edges
                edges += [Edge(e.source, edge.target, e.delay or edge.delay) for e in before]
            elif edge.target != name:
                edges.append(edge)
        return self.with_nodes({n: node for n, node in self.nodes.items() if n != name}, edges)
