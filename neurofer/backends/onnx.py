"""ONNX: stateless programs (the ANN baselines), written node by node, and run in ONNX Runtime as they were written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

import neurofer
from neurofer.backends.network import Network, Recorder, check_inputs
from neurofer.errors import MissingPackageError, ReadError, RefusedError
from neurofer.files import replace_file
from neurofer.ir import Capabilities, Program, Trace
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array

OPSET = 15
"""The last opset that changed an operator used here (BatchNormalization lost its training outputs); the lowest that
says all of this is read by the most runtimes. IR version 8 is the one that came with it."""
IR_VERSION = 8
BATCH = "N"
LIMIT = 2**31 - 2**20
"""Largest model (bytes): a protobuf message ends at 2 GB, and one file is what browsers and converters take."""

_LATER = "export --to nir"
CAPABILITIES = Capabilities(
    nodes=frozenset(
        {
            n.Linear,
            n.Conv1d,
            n.Conv2d,
            n.Scale,
            n.SumPool2d,
            n.AvgPool2d,
            n.MaxPool2d,
            n.BatchNorm,
            n.Dropout,
            n.Relu,
            n.Concat,
            n.Flatten,
        }
    ),
    resets=frozenset(),
    compares=frozenset(),
    recurrent=False,
    per_neuron=False,
    v_reset=False,
    instead=dict.fromkeys(("IF", "LIF", "CubaLIF", "I", "LI", "CubaLI", "Threshold", "Delay", "recurrent"), _LATER),
)


# -- writing ----------------------------------------------------------------------------------------------------------


@dataclass
class _Graph:
    """The ONNX nodes and weights written so far."""

    nodes: list[NodeProto] = field(default_factory=list)
    weights: list[TensorProto] = field(default_factory=list)

    def weight(self, name: str, value: Any) -> str:
        self.weights.append(numpy_helper.from_array(np.array(value, dtype=np.float32), name))
        return name

    def shape(self, name: str, values: Sequence[int]) -> str:
        self.weights.append(numpy_helper.from_array(np.array(values, dtype=np.int64), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name


def model(program: Program) -> ModelProto:
    """Return ``program`` as a checked ONNX model: float32, dynamic batch, ONNX nodes named as the program's.

    Inputs and outputs are ``[N, *shape]``; Dropout leaves no node.

    Raises:
        RefusedError: neurons and whatever else has no form here, all at once; or a model beyond 2 GB.
    """
    _refuse(program)
    graph = _Graph()
    values: dict[str, str] = {}
    for name in program.order:
        values[name] = _write(graph, program, name, [values[edge.source] for edge in program.predecessors(name)])
    proto = helper.make_graph(
        graph.nodes,
        "neurofer",
        [_value(name, program) for name in program.inputs],
        [_value(name, program) for name in program.outputs],
        graph.weights,
    )
    made = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="neurofer",
        producer_version=neurofer.__version__,
    )
    onnx.checker.check_model(made, full_check=True)
    return made


def emit(program: Program, path: str | Path) -> Path:
    """Write ``program`` to ``path`` as one ONNX file without external data; either the whole file or none.

    Raises:
        RefusedError: see `model`.
        WriteError: the folder is missing, read-only or full.
    """
    made = model(program)
    return replace_file(path, lambda draft: onnx.save(made, draft))


def _refuse(program: Program) -> None:
    if problems := CAPABILITIES.problems(program):
        raise RefusedError("ONNX cannot hold this program", problems=problems)
    size = 4 * program.parameters
    if size > LIMIT:
        why = f"{size / 1e9:.1f} GB of weights"
        raise RefusedError("the model does not fit in one ONNX file", why=why, next_step="use a smaller network")


def _value(name: str, program: Program) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *program.shapes[name]])


def _write(graph: _Graph, program: Program, name: str, sources: list[str]) -> str:
    """Write one node of the program and return the name of the tensor that holds its output."""
    node = program.nodes[name]
    if isinstance(node, n.Input):
        return name
    if isinstance(node, n.Concat):
        return graph.add("Concat", sources, name, axis=node.axis % len(program.shapes[name]) + 1)
    if len(sources) > 1 and isinstance(node, n.Output):
        return _sum(graph, sources, name)
    x = sources[0] if len(sources) == 1 else _sum(graph, sources, f"{name}.sum")
    if isinstance(node, n.Dropout):
        return x
    kind, inputs, attributes = _operator(graph, name, node, program.input_shape(name))
    return graph.add(kind, [x, *inputs], name, **attributes)


def _sum(graph: _Graph, sources: list[str], name: str) -> str:
    total = sources[0]
    for index, term in enumerate(sources[1:], 1):
        total = graph.add("Add", [total, term], name if index == len(sources) - 1 else f"{name}.{index}")
    return total


def _operator(graph: _Graph, name: str, node: n.Node, shape: n.Shape) -> tuple[str, list[str], dict[str, Any]]:
    """Return operator, further inputs and attributes of a node with one input of ``shape``."""
    match node:
        case n.Linear():
            return "Gemm", _weights(graph, name, node), {"transB": 1}
        case n.Conv1d() | n.Conv2d():
            return "Conv", _weights(graph, name, node), _convolution(node)
        case n.Scale():
            return "Mul", [graph.weight(f"{name}.scale", node.scale)], {}
        case n.SumPool2d():
            # the mean times the area would round twice: ones add up exactly
            ones = graph.weight(f"{name}.ones", np.ones((shape[0], 1, *node.kernel)))
            return "Conv", [ones], {**_window(node), "group": shape[0]}
        case n.AvgPool2d() if node.kernel == shape[1:] and not any(node.padding):
            return "GlobalAveragePool", [], {}
        case n.AvgPool2d():
            return "AveragePool", [], {**_window(node), "count_include_pad": 1}
        case n.MaxPool2d():
            return "MaxPool", [], _window(node)
        case n.BatchNorm():
            stored = [graph.weight(f"{name}.{key}", getattr(node, key)) for key in ("weight", "bias", "mean", "var")]
            return "BatchNormalization", stored, {"epsilon": node.eps}
        case n.Relu():
            return "Relu", [], {}
        case n.Flatten():
            output = node.output_shape(shape)
            if len(output) == 1:
                return "Flatten", [], {"axis": 1}
            return "Reshape", [graph.shape(f"{name}.shape", (0, *output))], {}  # 0 keeps the batch
    return "Identity", [], {}


def _weights(graph: _Graph, name: str, node: n.Linear | n.Conv1d | n.Conv2d) -> list[str]:
    stored = {"weight": node.weight, "bias": node.bias}
    return [graph.weight(f"{name}.{key}", value) for key, value in stored.items() if value is not None]


def _convolution(node: n.Conv1d | n.Conv2d) -> dict[str, Any]:
    before, after = zip(*node.pads, strict=True)
    return {
        "kernel_shape": node.kernel,
        "strides": node.stride,
        "pads": before + after,
        "dilations": node.dilation,
        "group": node.groups,
    }


def _window(node: n.SumPool2d | n.AvgPool2d | n.MaxPool2d) -> dict[str, Any]:
    return {"kernel_shape": node.kernel, "strides": node.strides, "pads": node.padding * 2}


# -- running ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OnnxNetwork(Network):
    """An emitted model in ONNX Runtime, which runs the graph as the file wires it.

    Attributes:
        session: of the model as it was emitted.
        tapped: makes a session of the same model whose every node is an output, to compare node by node.
    """

    session: Any = None
    tapped: Callable[[], Any] = field(default=lambda: None)

    def run(self, inputs: Array | Mapping[str, Array]) -> Trace:
        frames = check_inputs(self.program, inputs)
        length, samples = next(iter(frames.values())).shape[:2]
        recorder = Recorder(self.program, length, samples)
        for t, values in enumerate(_run(self.session, frames, length)):
            recorder.record(t, values)
        return recorder.trace(frames)

    def values(self, inputs: Array | Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        frames = check_inputs(self.program, inputs)
        length = len(next(iter(frames.values())))
        for t, found in enumerate(_run(self.tapped(), frames, length)):
            values = {name: frames[name][t].astype(np.float32) for name in self.program.inputs} | found
            for name in self.program.order:
                if name not in values:  # a Dropout left no node
                    values[name] = self.gather(name, values, {})
            yield {name: values[name] for name in self.program.order}


def _run(session: Any, frames: Mapping[str, Array], length: int) -> Iterator[dict[str, Array]]:
    names = [output.name for output in session.get_outputs()]
    for t in range(length):
        fed = {name: np.ascontiguousarray(value[t], dtype=np.float32) for name, value in frames.items()}
        yield dict(zip(names, session.run(names, fed), strict=True))


def load(program: Program) -> OnnxNetwork:
    """Return ``program`` as ONNX Runtime runs what `emit` writes.

    Raises:
        RefusedError: see `model`.
        MissingPackageError: ONNX Runtime is not installed.
    """
    return _network(program, model(program).SerializeToString())


def read(path: str | Path, program: Program) -> OnnxNetwork:
    """Return the model in a file, as what was made of ``program``.

    Raises:
        RefusedError: ``program`` has no form in ONNX.
        ReadError: there is no complete ONNX model at ``path``, or its inputs and outputs are not the program's.
        MissingPackageError: ONNX Runtime is not installed.
    """
    _refuse(program)
    try:
        content = Path(path).read_bytes()
        made = onnx.load_from_string(content)
        onnx.checker.check_model(made)
    except Exception as error:  # the file, protobuf and the checker each raise their own
        raise ReadError(
            "no complete ONNX model", where=str(path), why=str(error), next_step="export it again"
        ) from error
    for kind, found, expected in (
        ("inputs", made.graph.input, program.inputs),
        ("outputs", made.graph.output, program.outputs),
    ):
        names = {value.name for value in found}
        if names != set(expected):
            why = f"{', '.join(sorted(names))} instead of {', '.join(expected)}"
            raise ReadError(f"the model has other {kind}", where=str(path), why=why, next_step="export it again")
    return _network(program, content)


def outputs(path: str | Path, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the outputs ``[T, N, *shape]`` of the model in a file, by name, for inputs ``[T, N, *shape]`` by name.

    Raises:
        ReadError: there is no complete ONNX model at ``path``.
        MissingPackageError: ONNX Runtime is not installed.
    """
    try:
        session = _session(Path(path).read_bytes())
    except MissingPackageError:
        raise
    except Exception as error:  # the file and the runtime each raise their own
        raise ReadError(
            "no complete ONNX model", where=str(path), why=str(error), next_step="export it again"
        ) from error
    found = list(_run(session, inputs, len(next(iter(inputs.values())))))
    return {name: np.stack([values[name] for values in found]) for name in found[0]}


def _network(program: Program, content: bytes) -> OnnxNetwork:
    session = _session(content)

    def tapped() -> Any:
        made = onnx.load_from_string(content)
        known = {output.name for output in made.graph.output}
        made.graph.output.extend(
            onnx.ValueInfoProto(name=output)
            for node in made.graph.node
            for output in node.output
            if output in program.nodes and output not in known
        )
        return _session(made.SerializeToString())

    label = f"onnxruntime {version('onnxruntime')}"
    return OnnxNetwork(program, {}, np.asarray, np.asarray, np.concatenate, label, (), session, tapped)


def _session(content: bytes) -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "ONNX Runtime is not installed", why=str(error), next_step="pip install 'neurofer[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # sums are added in one order
    options.log_severity_level = 3  # its warnings are about optimisations it did not do
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
