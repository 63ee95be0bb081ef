"""The graphs a Program becomes in ONNX: an ANN, a Scan over time, or a single step with explicit states.

- ``plain`` (nothing spikes or remembers): inputs and outputs ``[N, *shape]``.
- ``scan``: inputs ``[T, N, *shape]`` (where the encoder is constant ``[N, *shape]`` and ``steps``, the number of steps,
  by default the contract's); outputs ``[T, N, *shape]`` and ``readout`` ``[N, *shape]``, taken as the contract says.
- ``step``: inputs, outputs and states ``[N, *shape]``; a state ``NODE.v`` comes out as ``NODE.v.next``. The metadata
  ``neurofer.states`` say for every state its output and its value before the first step.

T and N are free in all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto, helper

import neurofer
from neurofer.backends.onnx_nodes import Graph, State, write
from neurofer.ir import Program
from neurofer.ir import nodes as n

Form = Literal["plain", "scan", "step"]

OPSET = 15
"""The last opset that changed an operator used here (BatchNormalization lost its training outputs); the lowest that
says all of this is read by the most runtimes. IR version 8 is the one that came with it."""
IR_VERSION = 8
TIME, BATCH = "T", "N"
STATES = "neurofer.states"


def plain(program: Program) -> ModelProto:
    """Return a program without memory as a graph from ``[N, *shape]`` to ``[N, *shape]``."""
    graph = Graph(set(program.nodes), [])
    values = _write_all(graph, program, program.order, {name: name for name in program.inputs})
    _write_outputs(graph, program, values)
    return _model(graph, [_value(x, program) for x in program.inputs], [_value(x, program) for x in program.outputs])


def step(program: Program) -> ModelProto:
    """Return one time step of a program, with its states as inputs and outputs."""
    graph = Graph(set(program.nodes), [])
    values = _write_all(graph, program, program.order, {name: name for name in program.inputs})
    _write_outputs(graph, program, values)
    nexts = _close(graph, values)
    known = {s.name: {"next": name, "first": np.float32(s.first).tolist()} for s, name in nexts}
    return _model(
        graph,
        [*(_value(name, program) for name in program.inputs), *(_tensor(s.name, s.shape) for s, _ in nexts)],
        [*(_value(name, program) for name in program.outputs), *(_tensor(name, s.shape) for s, name in nexts)],
        {STATES: json.dumps(known)},
    )


def scan(program: Program) -> ModelProto:
    """Return all steps of a program as one Scan; what a constant input alone feeds is computed once, before it."""
    outer = Graph(set(program.nodes), [])
    body = Graph(outer.taken, outer.weights)
    once = _before_the_scan(program)
    values: dict[str, str] = {name: name for name in program.inputs}
    values = _write_all(outer, program, [name for name in program.order if name in once], values)
    entering = [] if once else [(name, body.name(f"{name}.now")) for name in program.inputs]
    values |= dict(entering)
    inner = [name for name in program.order if name not in once]
    values = _write_all(body, program, inner, values)
    leaving = _write_outputs(body, program, values, ".now")
    nexts = _close(body, values)

    inputs = [_value(name, program, *(() if once else (TIME,))) for name in program.inputs]
    if once:
        inputs.append(helper.make_tensor_value_info(outer.name("steps"), TensorProto.INT64, []))
        frames, given = [_count(outer, inputs[-1].name, program.contract.steps)], [_index(body)]
    else:
        frames, given = list(program.inputs), [_value(name, program, name=now) for name, now in entering]
    proto = helper.make_graph(
        body.nodes,
        "step",
        [*(_tensor(s.name, s.shape) for s, _ in nexts), *given],
        [*(_tensor(name, s.shape) for s, name in nexts), *(_value(o, program, name=now) for o, now in leaving)],
    )
    firsts = _firsts(outer, [s for s, _ in nexts], program.inputs[0], 0 if once else 1)
    lasts = [outer.name(f"{s.name}.last") for s, _ in nexts]
    outer.nodes.append(
        helper.make_node(
            "Scan", [*firsts, *frames], [*lasts, *program.outputs], "time", num_scan_inputs=len(frames), body=proto
        )
    )
    outputs = [_value(name, program, TIME) for name in program.outputs]
    return _model(outer, inputs, [*outputs, _read(outer, program)])


def _before_the_scan(program: Program) -> set[str]:
    """Return the static nodes up to the first spikes, which stay in the Scan with all others that are compared."""
    found: set[str] = set()
    for name in program.order:
        sources = [edge.source for edge in program.predecessors(name)]
        ends = n.spikes(program.nodes[name]) or isinstance(program.nodes[name], n.Output)
        if name in program.static and not ends and all(source in found for source in sources):
            found.add(name)
    return found


def _write_all(graph: Graph, program: Program, names: Iterable[str], values: Mapping[str, str]) -> dict[str, str]:
    """Write nodes, Output nodes excepted; return the tensors of all nodes written so far, by node."""
    known = dict(values)
    for name in names:
        node = program.nodes[name]
        if isinstance(node, n.Output) or name in known:
            continue
        known[name] = write(graph, name, node, _sources(graph, program, name, known), program.input_shape(name))
    return known


def _sources(graph: Graph, program: Program, name: str, values: Mapping[str, str]) -> list[str]:
    return [
        graph.state(f"{edge.source}.before", (BATCH, *program.shapes[edge.source]), 0.0).name
        if edge.delay
        else values[edge.source]
        for edge in program.predecessors(name)
    ]


def _write_outputs(
    graph: Graph, program: Program, values: Mapping[str, str], suffix: str = ""
) -> list[tuple[str, str]]:
    """Write the Output nodes as tensors of their own; return (node, tensor)."""
    found = []
    for name in program.outputs:
        total = graph.total(_sources(graph, program, name, values), f"{name}.sum")
        found.append((name, graph.add("Identity", [total], f"{name}{suffix}", node=not suffix)))
    return found


def _close(graph: Graph, values: Mapping[str, str]) -> list[tuple[State, str]]:
    """Give every state a tensor of its own for what the next step gets; return (state, tensor)."""
    for key, state in graph.states.items():
        state.after = state.after or values[key.removesuffix(".before")]
    return [(s, graph.add("Identity", [s.after], f"{s.name}.next")) for s in graph.states.values()]


def _count(graph: Graph, name: str, steps: int) -> str:
    """Return the numbers of the steps: as many as the input ``name`` says, which defaults to ``steps``."""
    graph.weights.append(onnx.numpy_helper.from_array(np.array(steps, np.int64), name))
    ends = graph.weight(f"{name}.first", 0), name, graph.weight(f"{name}.stride", 1)
    return graph.add("Range", ends, f"{name}.numbers")


def _index(graph: Graph) -> ValueInfoProto:
    return helper.make_tensor_value_info(graph.name("steps.now"), TensorProto.INT64, [])


def _firsts(graph: Graph, states: list[State], x: str, axis: int) -> list[str]:
    """Return the states before the first step, for as many samples as the input ``x`` has."""
    if not states:
        return []
    samples = graph.add("Shape", [x], "samples", start=axis, end=axis + 1)
    found = []
    for state in states:
        place = state.shape.index(BATCH)
        parts = [samples]
        if lead := state.shape[:place]:
            parts.insert(0, graph.weight(f"{state.name}.lead", lead))
        if rest := state.shape[place + 1 :]:
            parts.append(graph.weight(f"{state.name}.shape", rest))
        size = graph.add("Concat", parts, f"{state.name}.size", axis=0)
        value = graph.weight(f"{state.name}.value", np.float32(state.first))
        found.append(graph.add("Expand", [value, size], f"{state.name}.first"))
    return found


def _read(graph: Graph, program: Program) -> ValueInfoProto:
    """Add the readout and return what it is."""
    x, reduction = program.readout, program.contract.readout.reduction
    shape: tuple[str | int, ...] = (BATCH, *program.shapes[x])
    if reduction == "rate":
        return _tensor(graph.add("ReduceMean", [x], "readout", axes=[0], keepdims=0), shape)
    if reduction == "last":
        return _tensor(graph.add("Gather", [x, graph.weight("readout.last", -1)], "readout", axis=0), shape)
    axes = graph.weight("readout.axis", [0])
    if reduction == "sum":
        return _tensor(graph.add("ReduceSum", [x, axes], "readout", keepdims=0), shape)
    flat = graph.add("Flatten", [graph.add("ReduceSum", [x, axes], "readout.sum", keepdims=0)], "readout.flat")
    name = graph.add("ArgMax", [flat], "readout", axis=1, keepdims=0)
    return helper.make_tensor_value_info(name, TensorProto.INT64, [BATCH])


def _value(node: str, program: Program, *lead: str, name: str = "") -> ValueInfoProto:
    return _tensor(name or node, (*lead, BATCH, *program.shapes[node]))


def _tensor(name: str, shape: Iterable[str | int]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def _model(
    graph: Graph, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto], metadata: Mapping[str, str] | None = None
) -> ModelProto:
    proto = helper.make_graph(graph.nodes, "neurofer", inputs, outputs, graph.weights)
    made: ModelProto = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="neurofer",
        producer_version=neurofer.__version__,
    )
    helper.set_model_props(made, dict(metadata or {}))
    onnx.checker.check_model(made, full_check=True)
    return made
