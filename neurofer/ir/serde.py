"""Reading and writing the Neuromorphic Intermediate Representation (NIR 1.0), in this one module.

NIR describes differential equations; a Program describes steps. Reading applies a scheme (Euler or exponential) and a
step ``dt``; writing inverts it. Because alpha -> tau -> alpha loses bits, and because NIR cannot say soft reset, ``>=``
or a delayed edge, the exact program also travels in the graph's metadata under ``neurofer``. A reader that ignores the
metadata is right wherever NIR can say it; `unsaid` lists where it cannot.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np

from neurofer.errors import NeuroferError, Problem, ReadError, RefusedError, WriteError
from neurofer.ir import nodes as n
from neurofer.ir.contract import Contract, Readout, Scheme
from neurofer.ir.domain import Domain
from neurofer.ir.nir_wiring import flatten_graph, mark_delays
from neurofer.ir.program import Edge, Program
from neurofer.ir.threshold import spike_threshold

SCHEMA = "neurofer/1"
NeuronWriter = Callable[[n.Neuron, n.Shape], nir.NIRNode]

_STORED = ("weight", "bias")  # arrays that the NIR node itself holds without loss
_PERFECT = 2.0**60  # tau / dt of a membrane without leak: 1 - 2^-60 rounds to 1 in float64 and float32


# -- discretisation ---------------------------------------------------------------------------------------------------


def decay(tau: Any, dt: float, scheme: Scheme) -> n.Array:
    """Return the factor by which a state with time constant ``tau`` (s) shrinks in one step of ``dt`` (s)."""
    ratio = dt / np.asarray(tau, dtype=np.float64)
    return np.asarray(1.0 - ratio if scheme == "euler" else np.exp(-ratio))


def time_constant(alpha: n.Coefficient, dt: float, scheme: Scheme) -> n.Array:
    """Return the time constant (s) whose `decay` over ``dt`` (s) is ``alpha``; the inverse of `decay`."""
    rate = 1.0 - np.asarray(alpha) if scheme == "euler" else -np.log(np.maximum(np.asarray(alpha), 1e-300))
    return np.asarray(dt / np.where(rate == 0.0, 1.0 / _PERFECT, rate))


def _membrane(node: Any, contract: Contract, tau: Any) -> dict[str, Any]:
    alpha = decay(tau, contract.dt, contract.scheme)
    share = contract.dt / np.asarray(tau, dtype=np.float64) if contract.scheme == "euler" else 1.0 - alpha
    return {"alpha_mem": alpha, "gain": node.r * share, "offset": node.v_leak * share}


def _spike(node: Any) -> dict[str, Any]:
    v_reset = np.zeros_like(node.v_threshold) if node.v_reset is None else node.v_reset
    return {"theta": node.v_threshold, "compare": ">", "reset": "hard", "v_reset": v_reset}


def _read_neuron(node: Any, contract: Contract) -> n.Neuron:
    kind = type(node).__name__
    values: dict[str, Any] = _spike(node) if kind.endswith("F") else {"theta": None}
    if kind in ("I", "IF"):
        values["gain"] = np.asarray(node.r, dtype=np.float64) * contract.dt
    elif kind in ("LI", "LIF"):
        values |= _membrane(node, contract, node.tau)
    else:
        values |= _membrane(node, contract, node.tau_mem)
        alpha = decay(node.tau_syn, contract.dt, contract.scheme)
        share = contract.dt / np.asarray(node.tau_syn, dtype=np.float64) if contract.scheme == "euler" else 1 - alpha
        values |= {"alpha_syn": alpha, "w_in": node.w_in * share}
    return n.Neuron(**values)


def nir_neuron(contract: Contract) -> NeuronWriter:
    """Return the writer that says a Neuron as NIR defines it: strict ``>``, hard reset, SI units."""

    def write(node: n.Neuron, shape: n.Shape) -> nir.NIRNode:
        def full(value: Any) -> n.Array:
            return np.array(np.broadcast_to(np.asarray(value, dtype=np.float32), shape))

        spike: dict[str, Any] = {}
        if node.theta is not None:
            threshold = spike_threshold(node.theta, node.compare, ">")
            spike = {"v_threshold": full(threshold), "v_reset": full(node.v_reset)}
        kind = node.kind
        if kind in ("I", "IF"):
            return getattr(nir, kind)(r=full(np.asarray(node.gain) / contract.dt), **spike)
        tau = time_constant(node.alpha_mem, contract.dt, contract.scheme)
        share = contract.dt / tau if contract.scheme == "euler" else 1.0 - np.asarray(node.alpha_mem)
        share = np.where(share == 0.0, 1.0 / _PERFECT, share)
        membrane = {"r": full(node.gain / share), "v_leak": full(node.offset / share)}
        if kind in ("LI", "LIF"):
            return getattr(nir, kind)(tau=full(tau), **membrane, **spike)
        alpha_syn = 0.0 if node.alpha_syn is None else node.alpha_syn
        tau_syn = time_constant(alpha_syn, contract.dt, contract.scheme)
        syn = contract.dt / tau_syn if contract.scheme == "euler" else 1.0 - np.asarray(alpha_syn)
        w_in = full(node.w_in / np.where(syn == 0.0, 1.0 / _PERFECT, syn))
        return getattr(nir, kind)(tau_mem=full(tau), tau_syn=full(tau_syn), w_in=w_in, **membrane, **spike)

    return write


# -- nodes ------------------------------------------------------------------------------------------------------------


def _bias(node: Any) -> n.Array:
    return np.zeros(node.weight.shape[0], node.weight.dtype) if node.bias is None else node.bias


def _ints(values: Any) -> n.Array:
    return np.array(values, dtype=np.int64)


def _write_conv(node: n.Conv1d | n.Conv2d, shape: n.Shape, output: n.Shape) -> nir.NIRNode:
    one = isinstance(node, n.Conv1d)
    padding = node.padding if node.padding == "same" else tuple(node.padding)
    written = (nir.Conv1d if one else nir.Conv2d)(
        input_shape=None,
        weight=node.weight,
        stride=node.stride[0] if one else tuple(node.stride),
        padding=padding[0] if one and padding != "same" else padding,
        dilation=node.dilation[0] if one else tuple(node.dilation),
        groups=node.groups,
        bias=_bias(node),
    )
    # NIR takes weight.shape[1] for the input channels and the first kernel size for both: set what is true instead.
    written.input_shape = shape[1] if one else tuple(shape[1:])
    written.input_type = {"input": _ints(shape)}
    written.output_type = {"output": _ints(output)}
    return written


def _write_node(node: n.Node, shape: n.Shape, output: n.Shape, dt: float) -> nir.NIRNode | None:
    """Return the NIR node, None where NIR has no such primitive. ``shape`` enters the node, ``output`` leaves it."""

    def full(value: Any) -> n.Array:
        return np.array(np.broadcast_to(np.asarray(value, np.float32), shape))

    match node:
        case n.Input():
            return nir.Input({"input": _ints(shape)})
        case n.Output():
            return nir.Output({"output": _ints(shape)})
        case n.Linear(bias=None):
            return nir.Linear(node.weight)
        case n.Linear():
            return nir.Affine(node.weight, _bias(node))
        case n.Conv1d() | n.Conv2d():
            return _write_conv(node, shape, output)
        case n.SumPool2d() | n.AvgPool2d():
            kind = nir.SumPool2d if isinstance(node, n.SumPool2d) else nir.AvgPool2d
            written = kind(kernel_size=_ints(node.kernel), stride=_ints(node.strides), padding=_ints(node.padding))
            written.input_type, written.output_type = {"input": _ints(shape)}, {"output": _ints(output)}
            return written
        case n.Flatten():
            return nir.Flatten({"input": _ints(shape)}, node.start_dim, node.end_dim)
        case n.Scale():
            return nir.Scale(full(node.scale))
        case n.Threshold():
            return nir.Threshold(full(spike_threshold(node.theta, node.compare, ">")))
        case n.Delay():
            return nir.Delay(full(np.asarray(node.steps) * dt))
    return None


def _read_node(node: Any, contract: Contract) -> n.Node:
    match node:
        case nir.Input():
            return n.Input(tuple(np.ravel(node.input_type["input"])))
        case nir.Output():
            return n.Output()
        case nir.Affine():
            return n.Linear(node.weight, node.bias)
        case nir.Linear():
            return n.Linear(node.weight)
        case nir.Conv1d() | nir.Conv2d():
            kind = n.Conv1d if isinstance(node, nir.Conv1d) else n.Conv2d
            return kind(node.weight, node.bias, node.stride, node.padding, node.dilation, int(node.groups))
        case nir.SumPool2d():
            return n.SumPool2d(node.kernel_size, node.stride, node.padding)
        case nir.AvgPool2d():
            return n.AvgPool2d(node.kernel_size, node.stride, node.padding)
        case nir.Flatten():
            return n.Flatten(int(node.start_dim), int(node.end_dim))
        case nir.Scale():
            return n.Scale(node.scale)
        case nir.Threshold():
            return n.Threshold(node.threshold, ">")
        case nir.Delay():
            steps = np.asarray(node.delay, dtype=np.float64) / contract.dt
            if np.any(np.abs(steps - np.round(steps)) > 1e-3):
                raise ValueError(f"the delay {float(np.ravel(node.delay)[0])} s is no multiple of dt = {contract.dt} s")
            return n.Delay(np.round(steps))
    return _read_neuron(node, contract)


# -- programs ---------------------------------------------------------------------------------------------------------


def to_nir(program: Program, *, neuron: NeuronWriter | None = None) -> nir.NIRGraph:
    """Return the program as a NIR graph whose metadata holds it exactly.

    Args:
        program: what to write.
        neuron: how a Neuron is said; a dialect for one reader. Default: as NIR defines its neurons.

    Raises:
        RefusedError: nodes that NIR has no primitive for, or names it cannot store; all at once.
    """
    neuron = neuron or nir_neuron(program.contract)
    written: dict[str, nir.NIRNode] = {}
    problems = [Problem(name, "'/' cannot be in a NIR node's name") for name in program.nodes if "/" in name]
    for name, node in program.nodes.items():
        shape, output = program.input_shape(name), program.shapes[name]
        if isinstance(node, n.Delay) and any(e.delay for e in program.predecessors(name)):
            node = n.Delay(np.asarray(node.steps) + 1)  # NIR has no delayed edge: the Delay takes the step over
        if isinstance(node, n.Neuron):
            made: nir.NIRNode | None = neuron(node, shape)
        else:
            made = _write_node(node, shape, output, program.contract.dt)
        if made is None:
            problems.append(Problem(name, f"NIR has no {type(node).__name__}", _INSTEAD.get(type(node), "")))
        else:
            written[name] = made
    if problems:
        raise RefusedError("the program cannot be written as NIR", problems=problems)
    graph = nir.NIRGraph(written, [(e.source, e.target) for e in program.edges], type_check=False)
    graph.metadata = {"dt": program.contract.dt, "neurofer": _encode(program, written)}
    return graph


_INSTEAD: Mapping[type[n.Node], str] = {
    n.BatchNorm: "pass fold_batchnorm",
    n.MaxPool2d: "pass lower_maxpool",
    n.Dropout: "pass drop_dropout",
    n.Relu: "export an ANN to ONNX",
}


def unsaid(program: Program) -> list[Problem]:
    """Return what NIR itself cannot say about ``program``: a reader that ignores the metadata runs another network."""
    found = []
    for name, node in program.nodes.items():
        if not isinstance(node, n.Neuron):
            continue
        if node.spiking and node.reset == "soft":
            found.append(Problem(name, "soft reset: a plain NIR reader resets to v_reset"))
        if np.any(np.asarray(node.v_init) != 0) or np.any(np.asarray(node.i_init) != 0):
            found.append(Problem(name, "initial state: a plain NIR reader may start elsewhere"))
    return found


def from_nir(
    graph: nir.NIRGraph, *, dt: float | None = None, scheme: Scheme | None = None, steps: int | None = None
) -> Program:
    """Return a NIR graph as a Program: exactly the one it was written from, or the declared scheme applied.

    Args:
        graph: a graph, with or without nested graphs.
        dt: length of a step in seconds, for graphs of others; default: the metadata's ``dt``, else 1e-4.
        scheme: ``euler`` (default) or ``exponential``, for graphs of others.
        steps: number of steps T of the contract, for graphs of others.

    Raises:
        ReadError: unknown nodes, values that are not finite, metadata that contradict the graph; all at once.
        ProgramError: shapes that do not fit, or a cycle without a neuron or a Delay.
    """
    known = graph.metadata.get("neurofer") if isinstance(graph.metadata, dict) else None
    if known is not None:
        return _decode(graph, known)
    found_dt = graph.metadata.get("dt", 1e-4) if isinstance(graph.metadata, dict) else 1e-4
    contract = Contract(dt=float(found_dt if dt is None else dt), scheme=scheme or "euler", steps=steps or 1)
    flat, edges = flatten_graph(graph)
    found: dict[str, n.Node] = {}
    problems = list(_not_finite(flat))
    for name, node in flat.items():
        try:
            found[name] = node if isinstance(node, n.Node) else _read_node(node, contract)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            problems.append(Problem(name, f"{type(node).__name__}: {error}"))
    if problems:
        raise ReadError("the graph cannot be read", problems=problems)
    program = Program(*mark_delays(found, edges), contract)
    mismatched = [p for name, node in flat.items() for p in _declared_shape(name, node, program)]
    if mismatched:
        raise ReadError("declared and inferred shapes differ", problems=mismatched)
    return program


def _not_finite(flat: Mapping[str, Any]) -> Iterator[Problem]:
    for name, node in flat.items():
        for key, value in vars(node).items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all():
                bad = int(np.size(value) - np.isfinite(value).sum())
                yield Problem(name, f"{key} holds {bad} values that are not finite (NaN or infinite)")


def _declared_shape(name: str, node: Any, program: Program) -> Iterator[Problem]:
    """Per-neuron parameters must have the neuron's shape: uniform ones are one number here and no longer show it."""
    for key in ("v_threshold", "r", "tau", "tau_mem", "threshold", "scale", "delay"):
        value = getattr(node, key, None)
        declared = () if value is None else np.shape(value)
        if declared and declared != program.shapes[name]:
            yield Problem(name, f"{key} {list(declared)} does not fit the input {list(program.shapes[name])}")
    if isinstance(node, nir.Output) and node.output_type.get("output") is not None:
        declared = tuple(int(v) for v in np.ravel(node.output_type["output"]))
        if declared != program.shapes[name]:
            yield Problem(name, f"the declared output {list(declared)} is {list(program.shapes[name])}")


# -- the exact program in the metadata --------------------------------------------------------------------------------


def _digest(node: nir.NIRNode) -> str:
    """Hash of what the metadata repeat: an edit of the graph alone must not go unnoticed."""
    digest = hashlib.sha256(type(node).__name__.encode())
    for key, value in sorted(node.to_dict().items()):
        if key in (*_STORED, "metadata", "type"):
            continue
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            digest.update(key.encode() + np.ascontiguousarray(value, np.float64).tobytes())
        else:
            plain = value if isinstance(value, str) or value is None else np.ravel(value).tolist()
            digest.update(f"{key}={plain}".encode())
    return digest.hexdigest()


def _encode(program: Program, written: Mapping[str, nir.NIRNode]) -> dict[str, Any]:
    arrays: dict[str, n.Array] = {}

    def value(item: Any) -> Any:
        if isinstance(item, np.ndarray):
            arrays[f"array{len(arrays)}"] = item
            return {"array": f"array{len(arrays) - 1}"}
        return dataclasses.asdict(item) if isinstance(item, Domain) else item

    described = {}
    for name, node in program.nodes.items():
        items = {f.name: getattr(node, f.name) for f in dataclasses.fields(node)}
        kept = {k: value(v) for k, v in items.items() if k not in _STORED or v is None}
        described[name] = {"type": type(node).__name__, "fields": kept, "sha256": _digest(written[name])}
    document = {
        "contract": dataclasses.asdict(program.contract),
        "edges": [[e.source, e.target, e.delay] for e in program.edges],
        "nodes": described,
    }
    return {"schema": SCHEMA, "program": json.dumps(document), **arrays}


def _decode(graph: nir.NIRGraph, known: Mapping[str, Any]) -> Program:
    schema = known.get("schema")
    if schema != SCHEMA:
        raise ReadError(f"the metadata's schema is {schema!r}, not {SCHEMA!r}", next_step="update neurofer")
    problems = list(_not_finite(graph.nodes))
    found: dict[str, n.Node] = {}
    try:
        document = json.loads(known["program"])
        for name, entry in document["nodes"].items():
            written = graph.nodes.get(name)
            if written is None or _digest(written) != entry["sha256"]:
                problems.append(Problem(name, "the node is not the one that the neurofer metadata describe"))
                continue
            found[name] = _decode_node(entry, written, known)
        edges = tuple(Edge(s, t, d) for s, t, d in document["edges"])
        if {(e.source, e.target) for e in edges} != {(a, b) for a, b in graph.edges}:
            problems.append(Problem("edges", "the edges are not those that the neurofer metadata describe"))
        readout = Readout(**document["contract"].pop("readout"))
        contract = Contract(**document["contract"], readout=readout)
    except (KeyError, TypeError, ValueError) as error:
        raise ReadError("the neurofer metadata are damaged", why=repr(error)) from error
    if problems:
        raise ReadError(
            "graph and neurofer metadata contradict each other",
            problems=problems,
            next_step="if the graph was edited on purpose, delete its metadata 'neurofer'",
        )
    return Program(found, edges, contract)


def _decode_node(entry: Mapping[str, Any], written: Any, arrays: Mapping[str, Any]) -> n.Node:
    def value(item: Any) -> Any:
        if isinstance(item, dict):
            return arrays[item["array"]] if "array" in item else Domain(**item)
        return tuple(item) if isinstance(item, list) else item

    values = {name: value(item) for name, item in entry["fields"].items()}
    kind: type[n.Node] = getattr(n, entry["type"])
    for name in _STORED:
        if name in {f.name for f in dataclasses.fields(kind)} and name not in values:
            values[name] = getattr(written, name)
    return kind(**values)


# -- files ------------------------------------------------------------------------------------------------------------


def read(
    path: str | Path, *, dt: float | None = None, scheme: Scheme | None = None, steps: int | None = None
) -> Program:
    """Read a ``.nir`` file into a Program (see `from_nir`).

    Raises:
        ReadError: no such file, not HDF5, truncated, no NIR graph, unknown nodes, damaged values.
        ProgramError: the graph is no program.
    """
    path = Path(path)
    graph = read_graph(path)
    try:
        return from_nir(graph, dt=dt, scheme=scheme, steps=steps)
    except NeuroferError as error:
        error.where = str(path)
        error.args = (error._text(),)  # noqa: SLF001 - the error rebuilds its own text with the file's name
        raise


def read_graph(path: str | Path) -> nir.NIRGraph:
    """Read a ``.nir`` file as ``nir`` sees it, without its type check (which rejects grouped and non-square kernels).

    Raises:
        ReadError: no such file, not HDF5, truncated, or no NIR graph.
    """
    path = Path(path)
    if not path.is_file():
        raise ReadError("no such file", where=str(path), next_step="check the path")
    try:
        graph = nir.read(path, type_check=False)
    except OSError as error:
        raise ReadError(
            "not a complete HDF5 file", where=str(path), why=str(error), next_step="export or download it again"
        ) from error
    except (KeyError, AssertionError, TypeError, ValueError, AttributeError) as error:
        raise ReadError("HDF5, but not a NIR graph", where=str(path), why=_reason(path, error)) from error
    if not isinstance(graph, nir.NIRGraph):
        raise ReadError("the file holds one node, not a graph", where=str(path), why=type(graph).__name__)
    return graph


def _reason(path: Path, error: Exception) -> str:
    """Name the node of an unknown type, which nir reports by an empty AssertionError."""
    with h5py.File(path, "r") as file:
        entries = file.get("node/nodes", {})
        for name in entries:
            kind = entries[name].get("type") if isinstance(entries[name], h5py.Group) else None
            text = kind[()].decode(errors="replace") if kind is not None else "nothing"
            if text not in nir.ir.__all__:
                return f"node {name!r} is of the unknown type {text!r}"
    return f"{type(error).__name__}: {error}"


def write(path: str | Path, graph: Program | nir.NIRGraph) -> None:
    """Write a program, or a graph made by `to_nir`, to a ``.nir`` file; either the whole file or none.

    Raises:
        RefusedError: the program holds what NIR cannot.
        WriteError: the folder is missing, read-only or full.
    """
    path = Path(path)
    graph = to_nir(graph) if isinstance(graph, Program) else graph
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        try:
            nir.write(temporary, graph)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(
            "cannot write", where=str(path), why=error.strerror or str(error), next_step="choose a writable folder"
        ) from error
