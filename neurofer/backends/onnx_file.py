"""A model in ONNX Runtime, as its file says: run, with inner values shown, or with some of them given from outside.

The file is changed in memory alone. Showing a tensor adds an output; giving one cuts it: whoever reads it gets what is
fed instead, so each node can be run on inputs of another run, with all its neighbours in the same graph.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from neurofer.backends.onnx_graphs import STATES, Form
from neurofer.errors import MissingPackageError
from neurofer.ir.nodes import Array, Shape

SHOWN, GIVEN = "<shown>", "<given>"
"""Ends of the names of added outputs and inputs; no module path has them."""


@dataclass(frozen=True)
class File:
    """A model.

    Attributes:
        content: the serialised model.
    """

    content: bytes

    @cached_property
    def model(self) -> ModelProto:
        """The model, to look at."""
        return onnx.load_from_string(self.content)

    @cached_property
    def states(self) -> Mapping[str, Mapping[str, Any]]:
        """State of a single step -> the output that follows it (``next``), and its value at the start (``first``)."""
        found = {entry.key: entry.value for entry in self.model.metadata_props}
        states: dict[str, dict[str, Any]] = json.loads(found.get(STATES, "{}"))
        return states

    @property
    def form(self) -> Form:
        """What kind of graph it is."""
        if _scan(self.model.graph) is not None:
            return "scan"
        return "step" if STATES in {entry.key for entry in self.model.metadata_props} else "plain"

    @cached_property
    def session(self) -> Any:
        """The model in ONNX Runtime."""
        return session(self.content)

    def edited(
        self, *, shown: Mapping[str, Shape], spikes: bool = False, given: Mapping[str, Shape] | None = None
    ) -> File:
        """Return the model with more outputs and inputs.

        Args:
            shown: tensors of a step that come out as ``NAME<shown>``, and their shapes; what is not there is left out.
            spikes: show whether the tensors are 1, as bool.
            given: tensors of a step that are fed as ``NAME<given>``, uint8, and their shapes.
        """
        made = onnx.load_from_string(self.content)
        for name, shape in (given or {}).items():
            _give(made.graph, name, shape)
        if spikes:
            made.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1.0, np.float32), f"one{SHOWN}"))
        for name, shape in shown.items():
            _show(made.graph, name, shape, spikes=spikes)
        return File(made.SerializeToString())

    def run(self, frames: Mapping[str, Array], length: int) -> dict[str, Array]:
        """Return every output over time, ``[T, N, *shape]``, and those that are no series as they are.

        Args:
            frames: every input but steps and states, ``[T, N, *shape]``.
            length: number of steps T.
        """
        if self.form == "scan":
            return self._run_scan(frames, length)
        names = [output.name for output in self.session.get_outputs()]
        samples = next(iter(frames.values())).shape[1]
        ranks = {x.name: x.shape for x in self.session.get_inputs()}
        states: dict[str, Array] = {
            name: _first(known["first"], [samples if isinstance(d, str) or d is None else d for d in ranks[name]])
            for name, known in self.states.items()
        }
        found: dict[str, list[Array]] = {}
        for t in range(length):
            fed = {name: _fed(name, x[t]) for name, x in frames.items()}
            values = dict(zip(names, self.session.run(names, fed | states), strict=True))
            states = {name: values.pop(known["next"]) for name, known in self.states.items()}
            for name, value in values.items():
                found.setdefault(name, []).append(value)
        return {name: np.stack(values) for name, values in found.items()}

    def _run_scan(self, frames: Mapping[str, Array], length: int) -> dict[str, Array]:
        fed: dict[str, Array] = {}
        inputs = [*self.session.get_inputs(), *self.session.get_overridable_initializers()]
        for x in inputs:
            if x.name not in frames:
                fed[x.name] = np.array(length, np.int64)
                continue
            frame = frames[x.name]
            fed[x.name] = _fed(x.name, frame if len(x.shape) == frame.ndim else frame[0])
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, fed), strict=True))


def _fed(name: str, x: Array) -> Array:
    return np.ascontiguousarray(x, dtype=np.uint8 if name.endswith(GIVEN) else np.float32)


def _first(value: Any, shape: Sequence[int]) -> Array:
    return np.ascontiguousarray(np.broadcast_to(np.float32(value), shape))


def session(content: bytes, *, threads: int = 1) -> Any:
    """Return a model in ONNX Runtime, with all its optimisations.

    Args:
        content: the serialised model.
        threads: of one operator; 0 for as many as there are cores.

    Raises:
        MissingPackageError: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "ONNX Runtime is not installed", why=str(error), next_step="pip install 'neurofer[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads  # with one, sums are added in one order
    options.log_severity_level = 3  # its warnings are about optimisations it did not do
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _scan(graph: GraphProto) -> NodeProto | None:
    return next((node for node in graph.node if node.op_type == "Scan"), None)


def _body(scan: NodeProto) -> GraphProto:
    body: GraphProto = next(a.g for a in scan.attribute if a.name == "body")
    return body


def _made(graph: GraphProto) -> set[str]:
    return {name for node in graph.node for name in node.output}


def _show(graph: GraphProto, name: str, shape: Shape, *, spikes: bool) -> None:
    """Add the tensor ``name`` of a step, or of what stands before a Scan, to the outputs."""
    scan = _scan(graph)
    inner = graph if scan is None else _body(scan)
    if name not in _made(inner):
        if name in _made(graph):
            graph.node.append(helper.make_node("Identity", [name], [name + SHOWN]))
            graph.output.append(ValueInfoProto(name=name + SHOWN))
        return
    # a spike is a 1: whatever else a runtime emits must not pass for one
    kind, inputs = ("Equal", [name, f"one{SHOWN}"]) if spikes else ("Identity", [name])
    label = name + SHOWN if scan is None else f"{name}<now>"
    inner.node.append(helper.make_node(kind, inputs, [label]))
    element = TensorProto.BOOL if spikes else TensorProto.FLOAT
    inner.output.append(helper.make_tensor_value_info(label, element, ["N", *shape]))
    if scan is not None:
        scan.output.append(name + SHOWN)
        graph.output.append(ValueInfoProto(name=name + SHOWN))


def _give(graph: GraphProto, name: str, shape: Shape) -> None:
    """Feed whoever reads the tensor ``name`` of a step from outside."""
    scan = _scan(graph)
    inner = graph if scan is None else _body(scan)
    for node in inner.node:
        for index, source in enumerate(node.input):
            if source == name:
                node.input[index] = f"{name}<read>"
    label = name + GIVEN if scan is None else f"{name}<fed>"
    inner.input.append(helper.make_tensor_value_info(label, TensorProto.UINT8, ["N", *shape]))
    inner.node.insert(0, helper.make_node("Cast", [label], [f"{name}<read>"], to=TensorProto.FLOAT))
    if scan is not None:
        scan.input.append(name + GIVEN)
        graph.input.append(helper.make_tensor_value_info(name + GIVEN, TensorProto.UINT8, ["T", "N", *shape]))
        count = next(a for a in scan.attribute if a.name == "num_scan_inputs")
        count.i += 1
