"""Stock importers in environments of their own: what a user gets who gives such a simulator a NIR file.

Unlike `stock.Stock`, which refuses what an importer would misread, these run it: where the importer has no right form,
the verdict says how wrong it is, and what is known of why.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import h5py
import nir
import numpy as np

from neurofer import passes
from neurofer.backends import environments
from neurofer.backends.network import Network
from neurofer.backends.remote import Frames, remote
from neurofer.errors import PassError, Problem, RefusedError
from neurofer.ir import Capabilities, Contract, Program
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array
from neurofer.ir.serde import NeuronWriter, nir_neuron, to_nir

TIMEOUT = 120.0
"""Seconds for an importer: some go round in circles."""


@dataclass(frozen=True)
class RemoteStock:
    """A released importer in an environment of its own.

    Attributes:
        environment: name of the environment.
        worker: name of the worker's script.
        capabilities: what the importer reads rightly.
        misread: lists what it gets wrong where a graph says things as NIR defines them.
        neuron: how a Neuron is written for it.
        biased: whether every Linear is written as an Affine.
        old_nir: whether the file must be one that nir 1.0.4 reads.
    """

    environment: str
    worker: str
    capabilities: Capabilities
    misread: Callable[[Program], list[Problem]]
    neuron: Callable[[Contract], NeuronWriter] = nir_neuron
    biased: bool = False
    old_nir: bool = False

    @property
    def name(self) -> str:
        """Name and version of the simulator."""
        return environments.version(self.environment)

    def faults(self, program: Program) -> list[Problem]:
        """Return what the importer is known to get wrong, or to reject, in a graph that means ``program``."""
        return [*self.misread(program), *self.capabilities.problems(program)]

    def emit(self, program: Program) -> tuple[Program, nir.NIRGraph]:
        """Return the program in a form that the importer reads as the same network.

        Raises:
            RefusedError: there is none.
        """
        lowered, graph = self._written(program)
        if problems := self.faults(lowered):
            raise RefusedError(f"the importer of {self.name} cannot read this network", problems=problems)
        return lowered, graph

    def load(self, program: Program) -> Network:
        """Return what the importer makes of the program as a NIR graph, right or wrong.

        Raises:
            RefusedError: NIR cannot hold the program.
        """
        lowered, graph = self._written(program)
        return self.read(graph, lowered)

    def read(self, graph: nir.NIRGraph, program: Program) -> Network:
        """Return what the importer makes of ``graph``, which means ``program``."""
        image = np.frombuffer(_file(graph, old=self.old_nir), np.uint8)
        wanted = [name for name in program.order if n.spikes(program.nodes[name]) or name in program.outputs]

        def ask(frames: Frames) -> tuple[dict[str, Any], dict[str, Array]]:
            if len(frames) > 1:
                raise RefusedError("the importer takes one input", where=", ".join(frames))
            (x,) = frames.values()
            plan = {"simulator": self.environment, "wanted": wanted, "dt": program.contract.dt}
            return plan, {"graph": image, "input": np.ascontiguousarray(x, np.float32)}

        def answer(frames: Frames, made: Mapping[str, Array]) -> dict[str, Array]:
            return dict(_recorded(program, wanted, next(iter(frames.values())).shape[:2], made))

        return remote(program, self.environment, self.worker, ask, answer, timeout=TIMEOUT)

    def _written(self, program: Program) -> tuple[Program, nir.NIRGraph]:
        try:
            lowered = passes.lower_sumpool(passes.lower_threshold(passes.integrators_to_readout(program)))
        except PassError as error:
            raise RefusedError(f"no form for {self.name}", problems=error.problems) from error
        if self.biased:
            linear = {k: node for k, node in lowered.nodes.items() if isinstance(node, n.Linear) and node.bias is None}
            affine = {k: replace(v, bias=np.zeros(len(v.weight), v.weight.dtype)) for k, v in linear.items()}
            lowered = lowered.with_nodes({**lowered.nodes, **affine})
        return lowered, to_nir(lowered, neuron=self.neuron(lowered.contract))


def _recorded(
    program: Program, wanted: list[str], lead: tuple[int, ...], made: Mapping[str, Array]
) -> Iterator[tuple[str, Array]]:
    """Yield what the worker recorded; an output that is missing or of another shape is not a number."""
    for name in wanted:
        shape, found = (*lead, *program.shapes[name]), made.get(name)
        if found is not None and found.size == np.prod(shape):
            yield name, found.reshape(shape)
        elif name in program.outputs:
            yield name, np.full(shape, np.nan)


def _file(graph: nir.NIRGraph, *, old: bool) -> bytes:
    """Return the graph as a ``.nir`` file, for nir 1.0.4 without the v_reset that it does not know.

    The metadata stay out: importers read the nodes, and older versions of nir cannot hold nested ones.
    """
    plain = nir.NIRGraph(graph.nodes, graph.edges, type_check=False)
    image = io.BytesIO()
    nir.write(image, plain)
    if old:
        with h5py.File(image, "r+") as file:
            late: list[str] = []
            file.visit(lambda path: late.append(path) if path.endswith("/v_reset") else None)
            for path in late:
                del file[path]
    return image.getvalue()
