"""The simulators that neurofer's registry knows, as `Simulator`s: through their own importer, or through ours."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import nir
import numpy as np

from neurofer.backends import registry
from neurofer.conformance.hosted import Host, SaysNoError
from neurofer.conformance.simulator import Route, Run, Simulator
from neurofer.errors import RefusedError, SimulatorError
from neurofer.ir import Contract, serde
from neurofer.ir.nodes import Array

if TYPE_CHECKING:
    from neurofer.backends.stock import Stock


class Registered(Simulator):
    """A simulator of the registry by one route.

    Args:
        name: its name in the registry.
        importer: ``stock`` or ``neurofer``.
    """

    def __init__(self, name: str, importer: Route = "stock") -> None:
        self.name, self.importer, self.packages = name, importer, (name,)
        self.version = registry.version(name)
        self._hosts: dict[str, Host] = {}

    def load(self, graph: nir.NIRGraph, dt: float) -> Run:
        program = serde.from_nir(copy.deepcopy(graph), dt=dt)
        if self.importer == "stock":
            stock = getattr(registry.simulator(self.name), "STOCK", None)
            if stock is not None and hasattr(stock, "build"):
                return _whole_batch(stock, graph, program.contract)
        network = registry.load(self.name, program, importer=self.importer, graph=graph)
        if hasattr(network, "ask"):
            return self._hosted(network)
        return lambda x: network.run(x).outputs[network.program.readout]

    def _hosted(self, network: Any) -> Run:
        """Return a RemoteNetwork's run in the one process that this simulator keeps in its environment."""
        host = self._hosts.setdefault(network.environment, Host(network.environment))

        def run(x: Array) -> Any:
            frames = {network.program.inputs[0]: x}
            plan, arrays = network.ask(frames)
            return network.answer(frames, host.run(network.worker, plan, arrays))[network.program.readout]

        return run

    def close(self) -> None:
        for host in self._hosts.values():
            host.stop()

    def refuses(self, error: BaseException) -> bool:
        if isinstance(error, SimulatorError):
            return isinstance(error, SaysNoError)
        return isinstance(error, RefusedError) or super().refuses(error)


def _whole_batch(stock: Stock, graph: nir.NIRGraph, contract: Contract) -> Run:
    """Return what a user of the importer runs: its module, step by step, with the batch as it is."""
    import torch

    module = stock.build(graph, contract)

    def run(x: Array) -> Any:
        frames, state = [], None
        with torch.no_grad():
            for frame in x:
                *outputs, state = module(torch.from_numpy(np.array(frame, np.float32)), state)
                # a neuron that returns its membrane, too, gives a pair
                outputs = [value[0] if isinstance(value, tuple) else value for value in outputs]
                frames.append([value.numpy().copy() for value in outputs])
        together = [np.stack(values) for values in zip(*frames, strict=True)]
        return together[0] if len(together) == 1 else together

    return run


def known() -> tuple[str, ...]:
    """Return the simulators of the registry, those with an environment of their own included."""
    return (*registry.SIMULATORS, *registry.HOSTED)


def simulators(names: Sequence[str] | None = None, route: Route | None = "stock") -> list[Simulator]:
    """Return simulators of the registry, all of them by default.

    Args:
        names: their names.
        route: ``stock`` or ``neurofer``; one that has no importer of its own is run through ours. None for both.

    Raises:
        UsageError: there is no such simulator.
    """
    found: list[Simulator] = []
    for name in known() if names is None else names:
        routes: list[Route] = [r for r in ("stock", "neurofer") if r in registry.importers(name)]
        wanted = routes if route is None else [route] if route in routes else routes[:1]
        found += [Registered(name, importer) for importer in wanted]
    return found
