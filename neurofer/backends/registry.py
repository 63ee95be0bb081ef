"""What runs programs, by name. A new simulator or runtime is one file in this folder and one line here."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

from neurofer.errors import MissingPackageError, UsageError
from neurofer.ir import Program

if TYPE_CHECKING:
    import nir

    from neurofer.backends.network import Network

SIMULATORS = ("norse", "snntorch", "spikingjelly")
"""Simulators with an importer of ours and one of their own; the name is that of the package and of the module here."""

MODES = {"spikingjelly-multistep": "spikingjelly"}
"""Further ways to run a simulator on our importer alone -> the package."""

RUNTIMES = {"c": "compiled C", "onnx": "ONNX Runtime"}
"""What runs the files we emit as they are, and how it is called: its own importer is the only one."""

HOSTED: dict[str, tuple[str, ...]] = {
    "sinabs": ("neurofer", "stock"),
    "nest": ("neurofer",),
    "brian2": ("neurofer",),
    "spyx": ("stock",),
    "rockpool": ("stock",),
}
"""Simulators that run in an environment of their own (`neurofer.backends.environments`), with their importers."""


def names() -> tuple[str, ...]:
    """Return the names of all simulators and runtimes."""
    return (*SIMULATORS, *MODES, *HOSTED, *RUNTIMES)


def importers(name: str) -> tuple[str, ...]:
    """Return the routes into a simulator or runtime, ours first."""
    alone: dict[str, tuple[str, ...]] = {**dict.fromkeys(RUNTIMES, ("stock",)), **dict.fromkeys(MODES, ("neurofer",))}
    return HOSTED.get(name) or alone.get(name, ("neurofer", "stock"))


def simulator(name: str) -> Any:
    """Return the backend module of a simulator or runtime.

    Raises:
        UsageError: no such simulator.
        MissingPackageError: it is not installed.
    """
    if name not in names():
        raise UsageError(f"there is no simulator {name!r}", next_step=f"choose from {', '.join(names())}")
    extra = name if name in RUNTIMES else "simulators"
    try:
        return import_module(f"neurofer.backends.{name.replace('-', '_')}")
    except (ModuleNotFoundError, PackageNotFoundError) as error:
        package = (error.name or name).split(".")[0]
        raise MissingPackageError(
            f"{package} is not installed",
            where="" if package == name else name,
            next_step=f"pip install 'neurofer[{extra}]'",
        ) from error


def version(name: str) -> str:
    """Return name and version of an installed simulator, the name alone if it is not installed."""
    if name in HOSTED:
        from neurofer.backends import environments

        return environments.version(name)
    if name == "c":
        return _compiler()
    package = f"{name}runtime" if name in RUNTIMES else MODES.get(name, name)
    try:
        return f"{package} {installed_version(package)}"
    except PackageNotFoundError:
        return package


def _compiler() -> str:
    from neurofer.backends.c import compiler

    try:
        return str(compiler.find())
    except MissingPackageError:
        return "c"


def load(name: str, program: Program, *, importer: str = "neurofer", graph: nir.NIRGraph | None = None) -> Network:
    """Return ``program`` inside a simulator or runtime.

    Args:
        name: the simulator or runtime.
        program: what to run.
        importer: ``neurofer`` (ours, on the simulator's neurons) or ``stock`` (the simulator's released importer).
        graph: what the stock importer reads; without it, the form we emit for it.

    Raises:
        UsageError: no such simulator or importer.
        MissingPackageError: the simulator is not installed.
        RefusedError: it cannot run the program, or the form it reads cannot say it.
    """
    if importer not in ("neurofer", "stock"):
        raise UsageError(f"there is no importer {importer!r}", next_step="choose from neurofer, stock")
    backend = simulator(name)
    if importer == "neurofer" or name in RUNTIMES:
        network: Network = backend.load(program)
        return network
    stock: Network = backend.STOCK.load(program) if graph is None else backend.STOCK.read(graph, program)
    return stock
