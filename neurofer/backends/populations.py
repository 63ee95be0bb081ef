"""A Program as populations of neurons with connections: what NEST and Brian2 know.

The stateless nodes between two populations become one sparse matrix. A simulator in which every connection takes a step
runs the populations one after another: `Populations.depths` says by how many steps each runs late, and every
connection takes as many steps as its two ends lie apart, so that what a Program does in one step still meets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from neurofer.backends import reference
from neurofer.backends.network import Network, Step
from neurofer.backends.sparse import Sparse, TooLargeError, matrix
from neurofer.errors import Problem, RefusedError
from neurofer.ir import Program
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array
from neurofer.passes.rewire import exchange

LIMIT = 5_000_000
"""Most connections between two populations."""

NODES: frozenset[type[n.Node]] = frozenset(
    {n.Linear, n.Conv1d, n.Conv2d, n.Scale, n.SumPool2d, n.AvgPool2d, n.Concat, n.Flatten, n.Delay, n.Dropout}
)
"""Nodes that connections can stand for."""


@dataclass(frozen=True)
class Projection:
    """Connections from a population (or an input of spikes) to another: ``matrix`` is [target, source].

    ``delay`` counts the Program's steps.
    """

    source: str
    target: str
    delay: int
    matrix: Sparse


@dataclass(frozen=True)
class Populations:
    """A Program for a simulator of neurons and connections.

    Attributes:
        program: what it was made from.
        neurons: population -> its neurons, in the order of the graph.
        spiking_inputs: Input nodes whose values are spikes and travel over connections.
        projections: all connections.
        depths: population or input -> by how many steps it runs late.
    """

    program: Program
    neurons: Mapping[str, n.Neuron]
    spiking_inputs: tuple[str, ...]
    projections: tuple[Projection, ...]
    depths: Mapping[str, int] = field(default_factory=dict)

    def delay(self, projection: Projection) -> int:
        """Return the steps a connection takes in the simulator, 1 or more."""
        return self.depths[projection.target] - self.depths[projection.source] + projection.delay

    def drives(self, frames: Mapping[str, Array]) -> dict[str, Array]:
        """Return what enters the populations over no connection: biases, and inputs that are no spikes.

        ``[T, N, *shape]`` float64 by population; those that nothing drives are left out.
        """
        quiet = {name: np.zeros_like(x) if name in self.spiking_inputs else x for name, x in frames.items()}
        entered: dict[str, list[Array]] = {name: [] for name in self.neurons}

        def listen(name: str, x: Array, state: object) -> tuple[Array, object]:
            entered[name].append(x)
            return np.zeros_like(x), state

        for _ in self._walk(quiet, listen):
            pass
        drives = {name: np.stack(found) for name, found in entered.items()}
        return {name: drive for name, drive in drives.items() if drive.any()}

    def read(self, frames: Mapping[str, Array], made: Mapping[str, Array]) -> dict[str, Array]:
        """Return what a worker recorded as ``K.out`` for population K, and the outputs that follow, by node."""
        lead, shapes = next(iter(frames.values())).shape[:2], self.program.shapes
        recorded = {name: made[f"{k}.out"].reshape(*lead, *shapes[name]) for k, name in enumerate(self.neurons)}
        return recorded | self.outputs(frames, recorded)

    def outputs(self, frames: Mapping[str, Array], recorded: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs ``[T, N, *shape]`` that follow from what the populations did.

        Args:
            frames: the inputs.
            recorded: spikes, or membranes of integrators, ``[T, N, *shape]``.
        """

        def repeat(name: str, x: Array, state: int | None) -> tuple[Array, int]:
            del x
            t = 0 if state is None else state
            return np.asarray(recorded[name][t], np.float64), t + 1

        walked = [{name: values[name] for name in self.program.outputs} for values in self._walk(frames, repeat)]
        return {name: np.stack([values[name] for values in walked]) for name in self.program.outputs}

    def _walk(
        self, frames: Mapping[str, Array], boundary: Callable[..., tuple[Array, object]]
    ) -> Iterator[dict[str, Array]]:
        """Run the reference on all nodes but the populations, for which ``boundary(name, x, state)`` stands in."""
        steps: dict[str, Step] = {name: reference.step_function(node) for name, node in self.program.nodes.items()}
        steps |= {name: partial(boundary, name) for name in self.neurons}
        network = Network(self.program, steps, partial(np.asarray, dtype=np.float64), np.asarray, np.concatenate, "")
        return network.values(frames)


def populations(program: Program, simulator: str, limit: int = LIMIT) -> Populations:
    """Return ``program`` as populations and connections.

    Args:
        program: holds Neurons, Thresholds and nodes of `NODES`.
        simulator: named in errors.
        limit: most connections between two populations.

    Raises:
        RefusedError: no neurons, too many connections, a membrane that feeds neurons, or a loop faster than its
            connections.
    """
    program = _remembering(program)
    neurons = {name: node for name in program.order if isinstance(node := program.nodes[name], n.Neuron)}
    if not neurons:
        problem = Problem("graph", "there is no neuron, and the simulator runs nothing else")
        raise RefusedError(f"{simulator} cannot run this program", problems=[problem])
    spiking = tuple(name for name in program.inputs if program.domains[name].kind == "binary")
    walk = _Unrolling(program, {*spiking, *neurons}, limit)
    projections: list[Projection] = []
    problems: list[Problem] = []
    for target in neurons:
        try:
            entering = walk.entering(target)
        except TooLargeError as error:
            problems.append(Problem(target, str(error), "a narrower network, or fewer pixels"))
            continue
        for (source, delay), found in entering.items():
            node = program.nodes[source]
            if isinstance(node, n.Neuron) and not node.spiking:
                problems.append(Problem(target, f"the membrane of {source} enters it, and only spikes travel"))
            projections.append(Projection(source, target, delay, found))
    depths = _depths([*spiking, *neurons], projections)
    if depths is None:
        problems.append(Problem("graph", "a loop has more layers than steps of delay, and each layer takes one"))
    if problems or depths is None:
        raise RefusedError(f"{simulator} cannot run this program", problems=problems)
    return Populations(program, neurons, spiking, tuple(projections), depths)


def _remembering(program: Program) -> Program:
    """Return the program with each Threshold as a Neuron that keeps nothing of its membrane: exact for every input."""
    thresholds = {name: node for name, node in program.nodes.items() if isinstance(node, n.Threshold)}
    return exchange(
        program, {k: n.Neuron(alpha_mem=0.0, theta=t.theta, compare=t.compare) for k, t in thresholds.items()}
    )


class _Unrolling:
    """Walks back from a population to the populations and inputs it hears, composing what lies between."""

    def __init__(self, program: Program, sources: set[str], limit: int) -> None:
        self._program, self._sources, self._limit = program, sources, limit
        self._known: dict[str, dict[tuple[str, int], Sparse]] = {}

    def entering(self, name: str) -> dict[tuple[str, int], Sparse]:
        """Return what enters ``name``: (source, delay) -> matrix."""
        total: dict[tuple[str, int], Sparse] = {}
        places = self._places(name)
        for edge, place in zip(self._program.predecessors(name), places, strict=True):
            for (source, delay), found in self._leaving(edge.source).items():
                key = (source, delay + edge.delay)
                part = found if place is None else found.moved(place)
                total[key] = total[key] + part if key in total else part
        return total

    def _places(self, name: str) -> list[Array | None]:
        """Return where the outputs of each predecessor stand in what enters a Concat; None where they are summed."""
        edges, node = self._program.predecessors(name), self._program.nodes[name]
        if not isinstance(node, n.Concat):
            return [None] * len(edges)
        shape = self._program.shapes[name]
        widths = [self._program.shapes[edge.source][node.axis] for edge in edges]
        whole = np.arange(math.prod(shape)).reshape(shape)
        return [part.ravel() for part in np.split(whole, np.cumsum(widths)[:-1], node.axis)]

    def _leaving(self, name: str) -> dict[tuple[str, int], Sparse]:
        node, shape = self._program.nodes[name], self._program.shapes[name]
        if name in self._sources:
            return {(name, 0): Sparse.identity(math.prod(shape))}
        if name not in self._known:
            self._known[name] = self._made(name, node)
        return self._known[name]

    def _made(self, name: str, node: n.Node) -> dict[tuple[str, int], Sparse]:
        if isinstance(node, n.Input):
            return {}
        entering = self.entering(name)
        if isinstance(node, n.Concat):
            return entering
        if isinstance(node, n.Delay):
            return _delayed(node, entering)
        linear = matrix(node, self._program.input_shape(name), self._limit)
        return {key: linear.after(found, self._limit) for key, found in entering.items()}


def _delayed(node: n.Delay, entering: dict[tuple[str, int], Sparse]) -> dict[tuple[str, int], Sparse]:
    """Return what leaves a Delay, one matrix for every number of steps in it."""
    found: dict[tuple[str, int], Sparse] = {}
    for (source, delay), part in entering.items():
        steps = np.asarray(node.steps).ravel()
        each = np.broadcast_to(steps, part.rows.shape) if steps.size == 1 else steps[part.rows]
        for count in np.unique(each):
            own = each == count
            chosen = Sparse(part.rows[own], part.cols[own], part.values[own])
            key = (source, delay + int(count))
            found[key] = found[key] + chosen if key in found else chosen
    return found


def _depths(names: list[str], projections: list[Projection]) -> dict[str, int] | None:
    """Return the least depths at which every connection takes a step or more; None if a loop allows none."""
    depths = dict.fromkeys(names, 0)
    for _ in range(len(names) + 1):
        before = dict(depths)
        for p in projections:
            depths[p.target] = max(depths[p.target], depths[p.source] + 1 - p.delay)
        if depths == before:
            return {name: depth + 1 for name, depth in depths.items()}
    return None
