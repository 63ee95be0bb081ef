"""What runs a network for ``neurofer run``: C, or what was asked for, or what there is without a compiler."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurofer.cli.outcome import doing, note
from neurofer.errors import MissingPackageError, RefusedError, UsageError

if TYPE_CHECKING:
    from neurofer.backends.network import Network
    from neurofer.ir import Program
    from neurofer.ir.nodes import Array
    from neurofer.report.report import Computed
    from neurofer.report.subject import Subject

_ROUNDS, _SECONDS = 5, 0.5


@dataclass(frozen=True)
class Runtime:
    """What runs: its name, the network in it, in which numbers it computes, and why it is not what was wanted."""

    name: str
    network: Network
    arithmetic: tuple[Computed, ...] = ()
    instead: str = ""


def find_runtime(subject: Subject, program: Program, on: str | None, threads: int) -> Runtime:
    """Return the program in what was asked for; without a wish in C, or where there is no compiler in what there is."""
    from neurofer.backends import reference, registry

    known = (*registry.names(), "reference")
    if on is not None and on not in known:
        raise UsageError(f"there is no runtime {on!r}", where="--on", next_step=f"choose from {', '.join(known)}")
    if on in (None, "c"):
        try:
            return _compile(subject, program, threads)
        except MissingPackageError as error:
            if on is not None:
                raise
            return _instead(program, error)
    if threads > 1:
        raise UsageError(f"{on} takes no --threads", next_step="leave it out, or use --on c")
    if on == "reference":
        return Runtime(on, reference.load(program))
    return Runtime(str(on), registry.load(str(on), program, importer=registry.importers(str(on))[0]))


def _compile(subject: Subject, program: Program, threads: int) -> Runtime:
    from neurofer.backends import c
    from neurofer.report.bundle import REPORT
    from neurofer.report.report import computed, read_report

    bundle = subject.bundle
    with doing("compiling to C"):
        if bundle is not None and bundle.manifest.backend == "c":
            network = c.read(bundle.folder, program, threads=threads)
            numbers = tuple(read_report(bundle.folder / REPORT).arithmetic)
        else:
            network = c.load(program, threads=threads)
            numbers = computed(network.arithmetic)
        _ = network.engine, network.recorder
    if threads > 1 and not network.engine.shared:
        note(f"{network.version} brings no OpenMP: threads run samples at once, and one sample runs on one")
    return Runtime("c", network, numbers)


def _instead(program: Program, error: MissingPackageError) -> Runtime:
    """Return the fastest that there is without a compiler, and tell so."""
    from neurofer.backends import reference, registry

    note(f"{error}")
    try:
        made = Runtime("onnx", registry.load("onnx", program, importer="stock"), instead=error.what)
    except (MissingPackageError, RefusedError):
        made = Runtime("reference", reference.load(program), instead=error.what)
    note(f"running in {made.name} instead")
    return made


def time_run(network: Network, x: Array | Mapping[str, Array]) -> float | None:
    """Return the median time (s) of a run without a record; None where there is no such run."""
    from statistics import median

    from neurofer.backends.c import CNetwork

    if not isinstance(network, CNetwork):
        return None
    prepared = network.prepare(x)
    taken: list[float] = []
    until = time.perf_counter() + _SECONDS
    while len(taken) < _ROUNDS or (time.perf_counter() < until and len(taken) < 20 * _ROUNDS):
        start = time.perf_counter()
        prepared.run()
        taken.append(time.perf_counter() - start)
    return median(taken)
