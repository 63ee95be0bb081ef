"""The adapter for users: a ``.nir`` file as a network in the simulator of their choice."""

from __future__ import annotations

from pathlib import Path

from neurofer.backends import reference, registry
from neurofer.backends.network import Network
from neurofer.errors import UsageError
from neurofer.ir import serde
from neurofer.ir.contract import Scheme


def load(
    path: str | Path,
    *,
    backend: str = "reference",
    importer: str = "neurofer",
    dt: float | None = None,
    scheme: Scheme | None = None,
    steps: int | None = None,
) -> Network:
    """Read a ``.nir`` file into a Network that runs ``[T, N, *shape]`` arrays: ``load(path).run(x)`` gives a Trace.

    Args:
        path: the file.
        backend: ``reference`` (float64), a simulator or a runtime; ``c`` is compiled when it first runs.
        importer: ``neurofer`` runs the network on the simulator's neurons; ``stock`` uses the simulator's own importer
            on the file as it is.
        dt: length of a step (s), for files of others.
        scheme: ``euler`` or ``exponential``, for files of others.
        steps: number of steps, instead of the file's.

    Raises:
        ReadError: the file cannot be read.
        UsageError: no such backend or importer, or the path is a folder.
        RefusedError: the backend cannot run the network.
        MissingPackageError: the simulator is not installed.
    """
    if Path(path).is_dir():
        raise UsageError(
            "this is a folder, and load reads a .nir file",
            where=str(path),
            next_step="give the .nir of a bundle; neurofer run takes bundles of other targets",
        )
    program = serde.read(path, dt=dt, scheme=scheme, steps=steps)
    if backend == "reference":
        return reference.load(program)
    graph = serde.read_graph(path) if importer == "stock" else None
    return registry.load(backend, program, importer=importer, graph=graph)
