"""Verification: run a program in every target, through every importer asked for, and compare with the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import nir
import numpy as np

from neurofer.backends import registry
from neurofer.backends.board import board_of
from neurofer.errors import MissingPackageError, NeuroferError, RefusedError
from neurofer.ir import Program, Trace
from neurofer.ir.nodes import Array
from neurofer.verify.board import verify_board
from neurofer.verify.compare import compare
from neurofer.verify.verdict import Importer, Verdict, Verification

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


def verify_artifact(program: Program, golden: Trace, path: Path, *, backend: str, target: str = "") -> Verdict:
    """Return the Verdict on a file that was made of ``program``, run as it is in the runtime it was made for.

    Args:
        program: what the file was made of.
        golden: what the reference recorded.
        path: the ``.onnx`` file, or the ``.c`` file with the others beside it.
        backend: the runtime.
        target: name of the row, that of the runtime if empty.
    """
    target = target or backend
    if backend == "c" and (board := board_of(path.parent)) is not None:
        return verify_board(program, golden, path.parent, board, target=target)
    try:
        network = registry.simulator(backend).read(path, program)
    except MissingPackageError as error:
        return Verdict(target=target, importer="stock", version="", verdict="NOT_RUN", reason=str(error))
    return compare(program, golden, network, network.run(golden.inputs), target=target, importer="stock")


def verified(artifact: str, golden: Trace, rows: list[Verdict], *, weights: str, sample: str) -> Verification:
    """Return the verdicts on ``artifact`` under the recorded run they hold for."""
    return Verification(
        artifact=artifact, steps=golden.steps, samples=golden.samples, targets=rows, weights=weights, input=sample
    )


def _row(
    program: Program,
    golden: Trace,
    inputs: Mapping[str, Array],
    target: str,
    importer: Importer,
    graph: nir.NIRGraph | None,
) -> Verdict:
    reason = ""
    try:
        network = registry.load(target, program, importer=importer, graph=graph)
        trace = network.run(inputs)
        verdict = compare(program, golden, network, trace, target=target, importer=importer)
    except MissingPackageError as error:
        return Verdict(target=target, importer=importer, version="", verdict="NOT_RUN", reason=str(error))
    except RefusedError as error:
        reason = str(error)
    except NeuroferError:
        raise
    except Exception as error:
        # whatever a simulator's own importer raises is a result about that importer; what ours does is a fault of ours
        if importer == "neurofer" or (target in registry.RUNTIMES and not _raised_by_runtime(error)):
            raise
        reason = f"the importer raised {type(error).__name__}: {error}"
    if reason:
        version = registry.version(target)
        verdict = Verdict(target=target, importer=importer, version=version, verdict="REFUSED", reason=reason)
    # those with an environment of their own also read what they are known to misread
    given = (graph is not None and target not in registry.RUNTIMES) or target in registry.HOSTED
    if not given or importer == "neurofer" or verdict.verdict not in ("DIVERGENT", "REFUSED"):
        return verdict
    return msgspec.structs.replace(verdict, reason="\n".join([verdict.reason, *_diagnosis(program, target, graph)]))


def _raised_by_runtime(error: Exception) -> bool:
    """Whether ONNX Runtime itself raised, and not the code around it."""
    return type(error).__module__.split(".")[0] == "onnxruntime"


def _diagnosis(program: Program, target: str, graph: nir.NIRGraph | None) -> list[str]:
    """Return what is known to go wrong when an importer reads the graph of ``program`` as it is, and the way out."""
    stock = registry.simulator(target).STOCK
    lines = [f"  - {problem}" for problem in stock.faults(program)]
    if lines:
        lines.insert(0, f"known of the importer of {stock.name}:")
    if target in registry.HOSTED:
        return lines
    try:
        _, emitted = stock.emit(program)
    except RefusedError:
        return lines
    if graph is not None and _same(graph, emitted):
        return []
    return [*lines, f"next: neurofer export FILE --to {target} writes the same network in the form made for it"]


def _same(graph: nir.NIRNode, other: nir.NIRNode) -> bool:
    """Whether two graphs hold the same nodes and values, whatever their metadata say."""
    if isinstance(graph, nir.NIRGraph) and isinstance(other, nir.NIRGraph):
        nodes, others = graph.nodes, other.nodes
        return nodes.keys() == others.keys() and all(_same(node, others[name]) for name, node in nodes.items())
    derived = ("metadata", "input_type", "output_type")
    ours = {key: value for key, value in vars(graph).items() if key not in derived}
    return type(graph) is type(other) and all(np.array_equal(value, vars(other)[key]) for key, value in ours.items())
