"""ONNX: spiking programs as one Scan over time or as a single step, stateless ones (ANNs) as they are.

What was written is run in ONNX Runtime as it was written, with the spikes of every node shown in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import ModelProto

from neurofer.backends import onnx_graphs
from neurofer.backends.network import Network, check_inputs
from neurofer.backends.onnx_file import GIVEN, SHOWN, File
from neurofer.backends.onnx_graphs import BATCH, IR_VERSION, OPSET
from neurofer.backends.onnx_nodes import WRITERS
from neurofer.errors import Problem, ReadError, RefusedError
from neurofer.files import replace_file
from neurofer.ir import Capabilities, Program, Spikes, Trace
from neurofer.ir import nodes as n
from neurofer.ir.contract import Readout
from neurofer.ir.nodes import Array

__all__ = ["BATCH", "CAPABILITIES", "IR_VERSION", "LIMIT", "OPSET", "emit", "load", "model", "read"]

LIMIT = 2**31 - 2**20
"""Largest model (bytes): a protobuf message ends at 2 GB, and one file is what browsers and converters take."""
_ROOM = 2**28
"""Spikes of all nodes (bytes, one each) that a run may hold at once; beyond it, samples are run in turns."""

CAPABILITIES = Capabilities(
    nodes=frozenset({*WRITERS, n.Concat} - {n.Neuron}),
    neurons=frozenset({"IF", "LIF", "CubaLIF", "I", "LI", "CubaLI"}),
)


def model(program: Program, form: Literal["scan", "step"] = "scan") -> ModelProto:
    """Return ``program`` as a checked ONNX model in float32, tensors named as the program's nodes (see `onnx_graphs`).

    Args:
        program: what to write; without memory and spikes it becomes a plain graph ``[N, *shape]``, whatever the form.
        form: all steps as one Scan, or a single step with its states as inputs and outputs.

    Raises:
        RefusedError: what has no form here, all at once; or a model beyond 2 GB.
    """
    _refuse(program)
    if not any(node.stateful or n.spikes(node) for node in program.nodes.values()) and not program.recurrent:
        return onnx_graphs.plain(program)
    return onnx_graphs.step(program) if form == "step" else onnx_graphs.scan(program)


def emit(program: Program, path: str | Path, form: Literal["scan", "step"] = "scan") -> Path:
    """Write ``program`` to ``path`` as one ONNX file without external data; either the whole file or none.

    Raises:
        RefusedError: see `model`.
        WriteError: the folder is missing, read-only or full.
    """
    made = model(program, form)
    return replace_file(path, lambda draft: onnx.save(made, draft))


def _refuse(program: Program) -> None:
    problems = CAPABILITIES.problems(program)
    size = 0
    for name, node in program.nodes.items():
        arrays = [value for f in fields(node) if isinstance(value := getattr(node, f.name), np.ndarray)]
        size += 4 * sum(array.size for array in arrays)
        problems += [Problem(name, why) for why in node.not_finite()]
        if any(np.abs(array).max(initial=0.0) > np.finfo(np.float32).max for array in arrays):
            problems.append(Problem(name, "values beyond the range of float32"))
    if problems:
        raise RefusedError("ONNX cannot hold this program", problems=problems)
    if size > LIMIT:
        why = f"{size / 1e9:.1f} GB of weights"
        raise RefusedError("the model does not fit in one ONNX file", why=why, next_step="use a smaller network")


@dataclass(frozen=True)
class Reading(Trace):
    """A Trace whose readout is what the model itself gave.

    Attributes:
        final: the readout ``[N, *shape]``, or ``[N]`` for argmax; None where the model has none.
    """

    final: Array | None = None

    def read(self, readout: Readout) -> Array:
        return super().read(readout) if self.final is None else self.final.astype(np.float64)


@dataclass(frozen=True)
class OnnxNetwork(Network):
    """An emitted model in ONNX Runtime, which runs the graph as the file wires it.

    Attributes:
        file: the model as it was emitted.
    """

    file: File = field(default_factory=lambda: File(b""))

    def run(self, inputs: Array | Mapping[str, Array]) -> Trace:
        frames = check_inputs(self.program, inputs)
        if not self._spiking:
            return self._trace(frames, self.file, None)
        # outputs and readout come from the file as it is, spikes from the one that shows them
        shown = self._trace(frames, self.file.edited(shown=self._spiking, spikes=True), None)
        clean = self._trace(frames, self.file, None)
        return Reading(clean.steps, clean.samples, frames, shown.spikes, clean.outputs, clean.final)

    def alone(self, golden: Trace) -> Trace:
        file = self.file.edited(shown=self._spiking, spikes=True, given=self._spiking)
        return self._trace(golden.inputs, file, golden)

    @property
    def _spiking(self) -> dict[str, n.Shape]:
        program = self.program
        return {name: program.shapes[name] for name in program.order if n.spikes(program.nodes[name])}

    def _trace(self, frames: Mapping[str, Array], file: File, given: Trace | None) -> Reading:
        """Run a variant of the file, fed the spikes of ``given`` if there are any."""
        length, samples = next(iter(frames.values())).shape[:2]
        size = sum(math.prod(shape) for shape in self._spiking.values())
        found: dict[str, list[Array]] = {}
        for start in range(0, samples, chunk := max(1, _ROOM // max(1, length * size))):
            part = slice(start, start + chunk)
            fed = {name: x[:, part] for name, x in frames.items()}
            if given is not None:
                fed |= {name + GIVEN: given.unpack(name)[:, part] for name in self._spiking}
            for name, value in file.run(fed, length).items():
                found.setdefault(name, []).append(value)
        outputs = {name: np.concatenate(found.pop(name), axis=1).astype(np.float64) for name in self.program.outputs}
        trains = {
            name: Spikes.pack(np.concatenate(found.pop(name + SHOWN), axis=1))
            for name in self._spiking
            if name + SHOWN in found
        }
        final = np.concatenate(next(iter(found.values()))) if found else None
        return Reading(length, samples, frames, trains, outputs, final)

    def values(self, inputs: Array | Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        frames = check_inputs(self.program, inputs)
        length = len(next(iter(frames.values())))
        found = self.file.edited(shown=self.program.shapes).run(frames, length)
        for t in range(length):
            values = {name: frames[name][t].astype(np.float32) for name in self.program.inputs}
            for name in self.program.order:
                if name in self.program.outputs:
                    values[name] = found[name][t]
                elif name + SHOWN in found:
                    value = found[name + SHOWN]
                    values[name] = value[t] if value.ndim == 2 + len(self.program.shapes[name]) else value
                elif name not in values:  # a Dropout left no node
                    values[name] = self.gather(name, values, {})
            yield values


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
        if not names >= set(expected) or (File(content).form == "plain" and names > set(expected)):
            why = f"{', '.join(sorted(names))} instead of {', '.join(expected)}"
            raise ReadError(f"the model has other {kind}", where=str(path), why=why, next_step="export it again")
    return _network(program, content)


def _network(program: Program, content: bytes) -> OnnxNetwork:
    file = File(content)
    _ = file.session  # a model that cannot run says so here
    label = f"onnxruntime {version('onnxruntime')}"
    lift = partial(np.asarray, dtype=np.float32)
    return OnnxNetwork(program, {}, lift, np.asarray, np.concatenate, label, file)
