"""Verification: run a program in every target, through every importer asked for, and compare with the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import nir

from neurofer.backends import registry
from neurofer.errors import MissingPackageError, NeuroferError, RefusedError
from neurofer.ir import Program, Trace
from neurofer.ir.nodes import Array
from neurofer.verify.compare import compare
from neurofer.verify.verdict import Importer, Verdict

IMPORTERS: tuple[Importer, ...] = ("neurofer", "stock")


def verify(
    program: Program,
    golden: Trace,
    *,
    on: Sequence[str] = registry.SIMULATORS,
    importers: Sequence[Importer] = IMPORTERS,
    graph: nir.NIRGraph | None = None,
    progress: Callable[[str, Importer], None] | None = None,
) -> list[Verdict]:
    """Return one Verdict per target and importer.

    Args:
        program: what the reference ran, lowered.
        golden: what it recorded.
        on: names of simulators and runtimes.
        importers: ``neurofer`` (ours) and ``stock`` (the simulator's own).
        graph: a graph written by others, which stock importers read as it is; without it they read the form we emit
            for them.
        progress: called before each row.
    """
    rows = []
    for target in on:
        for importer in [importer for importer in importers if importer in registry.importers(target)]:
            if progress is not None:
                progress(target, importer)
            rows.append(_row(program, golden, golden.inputs, target, importer, graph))
    return rows


def _row(
    program: Program,
    golden: Trace,
    inputs: Mapping[str, Array],
    target: str,
    importer: Importer,
    graph: nir.NIRGraph | None,
) -> Verdict:
    try:
        network = registry.load(target, program, importer=importer, graph=graph)
        trace = network.run(inputs)
    except MissingPackageError as error:
        return Verdict(target=target, importer=importer, version="", verdict="NOT_RUN", reason=str(error))
    except RefusedError as error:
        version = registry.version(target)
        return Verdict(target=target, importer=importer, version=version, verdict="REFUSED", reason=str(error))
    except NeuroferError:
        raise
    except Exception as error:
        # whatever a simulator's own importer raises is a result about that importer
        if importer == "neurofer":
            raise
        reason = f"the importer raised {type(error).__name__}: {error}"
        return Verdict(
            target=target, importer=importer, version=registry.version(target), verdict="REFUSED", reason=reason
        )
    return compare(program, golden, network, trace, target=target, importer=importer)
