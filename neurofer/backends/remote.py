"""A Network that a worker runs in an environment of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurofer.backends import environments
from neurofer.backends.network import Network, Recorder, check_inputs
from neurofer.ir import Program, Trace
from neurofer.ir.nodes import Array

Frames = Mapping[str, Array]
Ask = Callable[[Frames], tuple[dict[str, Any], dict[str, Array]]]
"""The inputs ``[T, N, *shape]`` -> the plan and the arrays for the worker."""

Answer = Callable[[Frames, dict[str, Array]], dict[str, Array]]
"""The inputs, and the worker's arrays -> values ``[T, N, *shape]`` of spiking nodes and outputs by name."""


@dataclass(frozen=True)
class RemoteNetwork(Network):
    """A Program in a simulator that runs in an environment of its own.

    It runs as a whole: its nodes cannot be run, and so not be replayed, one by one.

    Attributes:
        environment: name of the environment.
        worker: name of the worker's script.
        ask: makes the worker's task.
        answer: reads what it left.
    """

    environment: str = field(kw_only=True)
    worker: str = field(kw_only=True)
    ask: Ask = field(kw_only=True)
    answer: Answer = field(kw_only=True)

    def run(self, inputs: Array | Mapping[str, Array]) -> Trace:
        """Run all steps in the environment and record every spike train and every output.

        Raises:
            UsageError: see `Network.run`.
            MissingPackageError: the environment is not set up.
            SimulatorError: the simulator raised, crashed or hung.
        """
        frames = check_inputs(self.program, inputs)
        plan, arrays = self.ask(frames)
        values = self.answer(frames, environments.run(self.environment, self.worker, plan, arrays))
        steps, samples = next(iter(frames.values())).shape[:2]
        recorder = Recorder(self.program, steps, samples)
        for t in range(steps):
            recorder.record(t, {name: value[t] for name, value in values.items() if recorder.wants(name)})
        return recorder.trace(frames)

    def values(self, inputs: Array | Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        """Yield nothing: what flows between the nodes stays in the simulator."""
        return iter(())


def remote(
    program: Program, environment: str, worker: str, ask: Ask, answer: Answer, *, package: str = ""
) -> RemoteNetwork:
    """Return ``program`` in the simulator of an environment.

    Args:
        program: what is run.
        environment: name of the environment.
        worker: name of the worker's script.
        ask: makes the worker's task.
        answer: reads what it left.
        package: the pinned package whose version is told, if it has another name than the environment.
    """
    arrays: Any = (np.asarray, np.asarray, np.concatenate)
    told = version(environment, package)
    return RemoteNetwork(program, {}, *arrays, told, environment=environment, worker=worker, ask=ask, answer=answer)


def version(environment: str, package: str = "") -> str:
    """Return the name of a simulator and the version that is pinned for it."""
    pins = {name.lower(): pin for name, pin in environments.packages(environment).items()}
    return f"{environment} {pins[(package or environment).lower()]}"
