"""A Case of the suite: a graph as NIR defines it, an input in which something happens, and what must come out."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import nir
import numpy as np

from neurofer.backends import reference
from neurofer.ir import Program, Trace, serde
from neurofer.ir.nodes import Array, Shape

STEPS = 40
DENSITY = 0.4
Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, eq=False)
class Case:
    """One small graph and its input.

    Attributes:
        name: its name, unique.
        kind: the row of the table it counts in.
        what: what it tests.
        graph: plain NIR, without metadata; one Input, one Output.
        dt: length of a step (s).
        inputs: ``[T, N, *shape]`` float32.
    """

    name: str
    kind: str
    what: str
    graph: nir.NIRGraph
    dt: float
    inputs: Array

    @cached_property
    def program(self) -> Program:
        """What the graph means: forward Euler, everything starts at zero, recurrent weights hear the step before."""
        return serde.from_nir(self.graph, dt=self.dt, steps=len(self.inputs))

    @cached_property
    def golden(self) -> Trace:
        """What the reference records."""
        return reference.run(self.program, self.inputs)

    @cached_property
    def expected(self) -> Array:
        """What must come out: ``[T, N, *shape]`` float64."""
        return self.golden.outputs[self.program.readout]


def draw(name: str, shape: Shape, *, samples: int = 1, real: bool = False) -> Array:
    """Return seeded input ``[T, N, *shape]``: spikes, or multiples of 1/8 between -2 and 2."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    size = (STEPS, samples, *shape)
    drawn = rng.integers(-16, 17, size) / 8 if real else rng.random(size) < DENSITY
    return drawn.astype(np.float32)


def weights(*shape: int, seed: int = 0, scale: float = 1.0) -> Array:
    """Return seeded multiples of 1/8 between -1/4 and 3/4, times ``scale``, float32."""
    rng = np.random.default_rng([seed, *shape])
    return (rng.integers(-2, 7, shape) / 8 * scale).astype(np.float32)


def dense(weight: Array) -> nir.NIRNode:
    """Return weights as an Affine without bias: some importers know no Linear, which has cases of its own."""
    return nir.Affine(weight, np.zeros(len(weight), np.float32))


def full(value: Any, shape: Shape) -> Array:
    """Return ``value`` as a float32 array of ``shape``; a sequence is repeated along the last axis."""
    values = np.asarray(value, np.float64)
    if values.ndim:
        values = np.resize(values, shape[-1])
    return np.array(np.broadcast_to(values, shape), np.float32)


def graph(
    nodes: Mapping[str, nir.NIRNode], edges: Pairs | None = None, *, enters: Shape, leaves: Shape, check: bool = True
) -> nir.NIRGraph:
    """Return input -> nodes -> output: in a row, or along ``edges``.

    Args:
        nodes: the nodes between the ends.
        edges: the edges; without them the nodes follow each other.
        enters: shape of the input.
        leaves: shape of the output.
        check: whether NIR checks types; its check rejects grouped and non-square convolutions that are right.
    """
    ends = {"input": nir.Input({"input": np.array(enters)}), "output": nir.Output({"output": np.array(leaves)})}
    wired = list(itertools.pairwise(["input", *nodes, "output"])) if edges is None else list(edges)
    return nir.NIRGraph({"input": ends["input"], **nodes, "output": ends["output"]}, wired, type_check=check)
