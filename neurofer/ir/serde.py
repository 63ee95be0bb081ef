"""Reading and writing the Neuromorphic Intermediate Representation (NIR 1.0): the entry to the ``nir_*`` modules.

NIR describes differential equations; a Program describes steps. Reading applies a scheme (Euler or exponential) and a
step ``dt``; writing inverts it. Because alpha -> tau -> alpha loses bits, and because NIR cannot say soft reset, ``>=``
or a delayed edge, the exact program also travels in the graph's metadata under ``neurofer``. A reader that ignores the
metadata is right wherever NIR can say it; `unsaid` lists where it cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np

from neurofer.errors import NeuroferError, Problem, ProgramError, ReadError, RefusedError, UsageError
from neurofer.ir import nodes as n
from neurofer.ir.contract import Contract, Scheme
from neurofer.ir.nir_file import read_graph, write_graph
from neurofer.ir.nir_metadata import decode, encode
from neurofer.ir.nir_neurons import NeuronWriter, nir_neuron, unsaid_neuron
from neurofer.ir.nir_nodes import Site, per_neuron, read_node, write_node
from neurofer.ir.nir_wiring import flatten_graph, mark_delays, unnest
from neurofer.ir.node import count_not_finite
from neurofer.ir.program import Program

__all__ = ["NeuronWriter", "from_nir", "nir_neuron", "read", "read_graph", "to_nir", "unsaid", "write"]

DEFAULT_DT = 1e-4
"""Length of a step (s) where neither the file nor the caller says one."""

_INSTEAD: Mapping[type[n.Node], str] = {
    n.BatchNorm: "pass fold_batchnorm",
    n.MaxPool2d: "pass lower_maxpool",
    n.Dropout: "pass drop_dropout",
    n.Relu: "export an ANN to ONNX",
}


def write(path: str | Path, graph: Program | nir.NIRGraph) -> None:
    """Write a program, or a graph made by `to_nir`, to a ``.nir`` file; either the whole file or none.

    Raises:
        RefusedError: the program holds what NIR cannot.
        WriteError: the folder is missing, read-only or full.
    """
    write_graph(path, to_nir(graph) if isinstance(graph, Program) else graph)


def read(
    path: str | Path, *, dt: float | None = None, scheme: Scheme | None = None, steps: int | None = None
) -> Program:
    """Read a ``.nir`` file into a Program (see `from_nir`).

    Raises:
        ReadError: no such file, not HDF5, truncated, no NIR graph, unknown nodes, damaged values.
        ProgramError: the graph is no program.
        UsageError: dt or scheme for a file of ours.
    """
    graph = read_graph(path)
    try:
        return from_nir(graph, dt=dt, scheme=scheme, steps=steps)
    except NeuroferError as error:
        error.locate(str(path))
        raise


def to_nir(program: Program, *, neuron: NeuronWriter | None = None) -> nir.NIRGraph:
    """Return the program as a NIR graph whose metadata holds it exactly.

    Args:
        program: what to write.
        neuron: how a Neuron is said; a dialect for one reader. Default: as NIR defines its neurons.

    Raises:
        RefusedError: nodes that NIR has no primitive for, values that are not finite, or names that a file cannot hold;
            all at once.
    """
    neuron = neuron or nir_neuron(program.contract)
    written: dict[str, nir.NIRNode] = {}
    problems: list[Problem] = []
    for name, node in program.nodes.items():
        problems += [Problem(name, why) for why in (*_name_problems(name), *node.not_finite())]
        made = _write(program, name, neuron)
        if made is None:
            problems.append(Problem(name, f"NIR has no {type(node).__name__}", _INSTEAD.get(type(node), "")))
        else:
            written[name] = made
    if problems:
        raise RefusedError("the program cannot be written as NIR", problems=problems)
    graph = nir.NIRGraph(written, [(e.source, e.target) for e in program.edges], type_check=False)
    graph.metadata = {"dt": program.contract.dt, "neurofer": encode(program, written)}
    return graph


def _write(program: Program, name: str, neuron: NeuronWriter) -> nir.NIRNode | None:
    node = _undelayed(program, name)
    if isinstance(node, n.Neuron):
        return neuron(node, program.input_shape(name))
    return write_node(node, Site(program.input_shape(name), program.shapes[name], program.contract.dt))


def _undelayed(program: Program, name: str) -> n.Node:
    """Return the node; a Delay that only delayed edges enter takes over their step, which NIR's edges cannot have."""
    node = program.nodes[name]
    if isinstance(node, n.Delay) and all(edge.delay for edge in program.predecessors(name)):
        return n.Delay(np.asarray(node.steps) + 1)
    return node


def _name_problems(name: str) -> Iterator[str]:
    if name in ("", ".") or "/" in name or "\0" in name or not name.isprintable():
        yield "HDF5 cannot store a node of this name"


def unsaid(program: Program) -> list[Problem]:
    """Return what NIR itself cannot say about ``program``: a reader that ignores the metadata runs another network."""
    found = [
        Problem(name, why)
        for name, node in program.nodes.items()
        if isinstance(node, n.Neuron)
        for why in unsaid_neuron(node, program.contract)
    ]
    plain = {name: _undelayed(program, name) for name in program.nodes}
    try:
        nodes, edges = mark_delays(plain, [(edge.source, edge.target) for edge in program.edges])
    except ProgramError as error:
        return [*found, *error.problems]
    for edge, read_back in zip(program.edges, edges, strict=True):
        if edge != read_back:
            found.append(Problem(f"{edge.source} -> {edge.target}", f"its delay of {edge.delay} cannot be told"))
    found += [
        Problem(k, "its steps cannot be told")
        for k, node in nodes.items()
        if isinstance(node, n.Delay) and node != program.nodes[k]
    ]
    return found


def from_nir(
    graph: nir.NIRGraph, *, dt: float | None = None, scheme: Scheme | None = None, steps: int | None = None
) -> Program:
    """Return a NIR graph as a Program: exactly the one it was written from, or the declared scheme applied.

    Args:
        graph: a graph, with or without nested graphs.
        dt: length of a step in seconds, for graphs of others; default: the metadata's ``dt``, else 1e-4.
        scheme: ``euler`` (default) or ``exponential``, for graphs of others.
        steps: number of steps T of the contract; default: the graph's, if it is ours, else 1.

    Raises:
        UsageError: dt or scheme for a graph of ours, which fixes both.
        ReadError: unknown nodes, values that are not finite, metadata that contradict the graph; all at once.
        ProgramError: shapes that do not fit, or a cycle without a neuron or a Delay.
    """
    metadata: Mapping[str, Any] = graph.metadata if isinstance(graph.metadata, dict) else {}
    if "neurofer" in metadata:
        if given := [name for name, value in (("dt", dt), ("scheme", scheme)) if value is not None]:
            raise UsageError("the file fixes dt and scheme itself", next_step=f"leave out {' and '.join(given)}")
        program = decode(unnest(graph), metadata["neurofer"])
        if problems := [Problem(name, why) for name, node in program.nodes.items() for why in node.not_finite()]:
            raise ReadError("the graph cannot be read", problems=problems)
        return program if steps is None else program.with_contract(replace(program.contract, steps=steps))
    contract = Contract(_step_length(metadata) if dt is None else dt, scheme or "euler", 1 if steps is None else steps)
    flat, edges = flatten_graph(graph)
    nodes = _read_nodes(flat, contract)
    program = Program(*mark_delays(nodes, edges), contract)
    if problems := [Problem(name, why) for name, node in flat.items() for why in _declared(node, program, name)]:
        raise ReadError("declared and inferred shapes differ", problems=problems)
    return program


def _step_length(metadata: Mapping[str, Any]) -> float:
    try:
        return float(metadata.get("dt", DEFAULT_DT))
    except (TypeError, ValueError) as error:
        raise ReadError("the metadata's dt is no number", why=repr(metadata["dt"]), next_step="give --dt") from error


def _read_nodes(flat: Mapping[str, Any], contract: Contract) -> dict[str, n.Node]:
    nodes: dict[str, n.Node] = {}
    problems: list[Problem] = []
    for name, node in flat.items():
        bad = [
            f"{key} holds {count_not_finite(int(np.size(value) - np.count_nonzero(np.isfinite(value))))}"
            for key, value in vars(node).items()
            if isinstance(value, (float, np.ndarray))
            and np.asarray(value).dtype.kind == "f"
            and not np.isfinite(value).all()
        ]
        problems += [Problem(name, f"{type(node).__name__}: {why} (NaN or infinite)") for why in bad]
        try:
            if not bad:
                nodes[name] = read_node(node, contract)
                problems += [Problem(name, f"{type(node).__name__}: {why}") for why in nodes[name].not_finite()]
        except (ValueError, TypeError, AttributeError) as error:
            problems.append(Problem(name, f"{type(node).__name__}: {error}"))
    if problems:
        raise ReadError("the graph cannot be read", problems=problems)
    return nodes


def _declared(node: Any, program: Program, name: str) -> Iterator[str]:
    """Uniform parameters are one number in a Program and no longer show the shape they were given: compare it here."""
    shape = program.shapes[name]
    for key, value in per_neuron(node).items():
        if value.size != 1 and value.shape != shape:
            yield f"{key} {list(value.shape)} does not fit the input {list(shape)}"
    if isinstance(node, nir.Output) and node.output_type.get("output") is not None:
        declared = tuple(int(v) for v in np.ravel(node.output_type["output"]))
        if declared != shape:
            yield f"the declared output {list(declared)} is {list(shape)}"
