"""A Network that a worker runs in an environment of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neurofer.backends import environments
from neurofer.backends.network import Network, Recorder, check_inputs
from neurofer.ir import BINARY, Program, Trace
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array

Frames = Mapping[str, Array]
Ask = Callable[[Frames], tuple[dict[str, Any], dict[str, Array]]]
"""The inputs ``[T, N, *shape]`` -> the plan and the arrays for the worker."""

Answer = Callable[[Frames, dict[str, Array]], dict[str, Array]]
"""The inputs, and the worker's arrays -> values ``[T, N, *shape]`` of spiking nodes and outputs by name."""


@dataclass(frozen=True)
class RemoteNetwork(Network):
    """A Program in a simulator that runs in an environment of its own.

    It runs as a whole: its nodes have no step functions here.

    Attributes:
        environment: name of the environment.
        worker: name of the worker's script.
        ask: makes the worker's task.
        answer: reads what it left.
        timeout: seconds after which it is given up.
        load: makes such a network of another program, where that can be done.
    """

    environment: str = field(kw_only=True)
    worker: str = field(kw_only=True)
    ask: Ask = field(kw_only=True)
    answer: Answer = field(kw_only=True)
    timeout: float = field(default=environments.TIMEOUT, kw_only=True)
    load: Callable[[Program], Network] | None = field(default=None, kw_only=True)

    def run(self, inputs: Array | Mapping[str, Array]) -> Trace:
        """Run all steps in the environment and record every spike train and every output.

        Raises:
            UsageError: see `Network.run`.
            MissingPackageError: the environment is not set up.
            SimulatorError: the simulator raised, crashed or hung.
        """
        frames = check_inputs(self.program, inputs)
        plan, arrays = self.ask(frames)
        made = environments.run(self.environment, self.worker, plan, arrays, timeout=self.timeout)
        values = self.answer(frames, made)
        steps, samples = next(iter(frames.values())).shape[:2]
        recorder = Recorder(self.program, steps, samples)
        for t in range(steps):
            recorder.record(t, {name: value[t] for name, value in values.items() if recorder.wants(name)})
        return recorder.trace(frames)

    def alone(self, golden: Trace) -> Trace | None:
        """Run every node alone, fed ``golden``'s spikes, all in one run; None if the simulator does the wiring."""
        if self.load is None:
            return None
        program, spikes = cut(self.program), {fed(name): golden.unpack(name) for name in golden.spikes}
        return self.load(program).run({**golden.inputs, **spikes})

    def values(self, inputs: Array | Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        """Yield nothing: what flows between the nodes stays in the simulator."""
        return iter(())


def remote(
    program: Program,
    environment: str,
    worker: str,
    ask: Ask,
    answer: Answer,
    *,
    timeout: float = environments.TIMEOUT,
    load: Callable[[Program], Network] | None = None,
) -> RemoteNetwork:
    """Return ``program`` in the simulator of an environment.

    Args:
        program: what is run.
        environment: name of the environment.
        worker: name of the worker's script.
        ask: makes the worker's task.
        answer: reads what it left.
        timeout: seconds after which it is given up.
        load: makes such a network of another program, where that can be done.
    """
    told = environments.version(environment)
    where: dict[str, Any] = {"environment": environment, "worker": worker, "timeout": timeout}
    return RemoteNetwork(
        program, {}, np.asarray, np.asarray, np.concatenate, told, ask=ask, answer=answer, load=load, **where
    )


def cut(program: Program) -> Program:
    """Return the program with every edge that leaves a spiking node coming from an Input of its own instead.

    Fed the reference's spikes there, every node does in one run what it does alone.
    """
    spiking = {name for name, node in program.nodes.items() if n.spikes(node)}
    inputs = {fed(name): n.Input(program.shapes[name], BINARY) for name in spiking}
    edges = [replace(e, source=fed(e.source)) if e.source in spiking else e for e in program.edges]
    cut_off = program.with_nodes({**program.nodes, **inputs}, edges)
    return cut_off.with_contract(replace(program.contract, encoder="events"))


def fed(name: str) -> str:
    """Return the name of the Input that stands for the spikes of ``name`` in a program that is cut."""
    return f"spikes of {name}"
