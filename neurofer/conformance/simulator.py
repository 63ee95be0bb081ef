"""A Simulator: what its author implements, and those that neurofer knows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import nir

from neurofer.conformance.host import raised_on_purpose
from neurofer.ir.nodes import Array

Run = Callable[[Array], Any]
"""Input ``[T, N, *shape]`` float32 -> output ``[T, N, *shape]``."""

Route = Literal["stock", "neurofer"]


class Refused(Exception):  # noqa: N818 - it says what happened, and nothing is at fault
    """Raised by `Simulator.load` for a graph that the simulator knows it cannot run."""


class Simulator(ABC):
    """One simulator, as the suite meets it: subclass it and implement `load`.

    Attributes:
        name: heading of its column.
        version: its version, if it should be told.
        importer: ``stock`` for a simulator's own importer; anything else is told in the heading.
        packages: top-level packages of the importer: what their code raises on purpose in `load` is a refusal, any
            other exception a crash. Default: the package or module that defines the class.
    """

    name: str = ""
    version: str = ""
    importer: str = "stock"
    packages: tuple[str, ...] = ()

    @abstractmethod
    def load(self, graph: nir.NIRGraph, dt: float) -> Run:
        """Import ``graph`` and return a function that runs it from its initial state.

        Args:
            graph: a graph of your own to change or keep.
            dt: length of a step in seconds.

        Returns:
            input ``[T, N, *shape]`` float32 -> output ``[T, N, *shape]``: of a spiking neuron its spikes, of an
            integrator its membrane.

        Raises:
            Refused: the simulator cannot run this graph.
        """

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End what the simulator started; called once there are no more cases."""

    def refuses(self, error: BaseException) -> bool:
        """Whether an exception from `load` is the importer saying no, instead of failing."""
        if isinstance(error, Refused):
            return True
        packages = (*(self.packages or (type(self).__module__.split(".")[0],)), "nir", "nirtorch")
        return raised_on_purpose(error, packages)
