"""A workload as files, in the form that each runtime runs best."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from neurofer.backends import onnx
from neurofer.backends.onnx_file import File
from neurofer.backends.torch_network import tensor
from neurofer.capture import capture
from neurofer.cli.bench.rivals import ANN, ANN_FLOAT, ANN_INT8, ANN_X, EXACT, OWN, PLAIN, SCAN, X
from neurofer.data.encode import join_frames
from neurofer.errors import MissingPackageError
from neurofer.ir import Program, program_file
from neurofer.ir import nodes as n
from neurofer.passes import lower
from neurofer.train.calibrate import draw_sample, seeded
from neurofer.train.networks import build_network

if TYPE_CHECKING:
    from neurofer.cli.bench.workload import Workload
    from neurofer.ir.nodes import Array
    from neurofer.train.recipe import Recipe


def save_spiking(workload: Workload, folder: Path) -> None:
    """Write the spiking network and its input."""
    program_file.write(folder / EXACT, workload.exact)
    program_file.write(folder / PLAIN, workload.plain)
    np.save(folder / X, workload.x)
    torch.save(own_module(workload.recipe, workload.exact), folder / OWN)
    onnx.emit(workload.exact, folder / SCAN)


def save_ann(workload: Workload, folder: Path) -> None:
    """Write the ANN with seeded weights, BatchNorm folded, in float32 and in int8, and its input."""
    recipe = workload.recipe
    raw = draw_sample(recipe, samples=workload.case.batch, density=workload.case.density)
    x = np.ascontiguousarray(join_frames(raw) if recipe.contract.encoder == "events" else raw, np.float32)
    module = seeded(recipe, which="baseline")
    np.save(folder / ANN_X, x)
    torch.save(module, folder / ANN)
    onnx.emit(lower(capture(module, x.shape[1:])), folder / ANN_FLOAT)
    quantise(folder / ANN_FLOAT, folder / ANN_INT8, x)


class _SumPool(nn.Module):
    """What a global average pool is once the layer behind it has been divided."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum((-2, -1), keepdim=True)


def own_module(recipe: Recipe, program: Program) -> nn.Module:
    """Return SpikingJelly's own module of a recipe with the weights and thresholds of ``program``.

    Args:
        recipe: of the network.
        program: captured from it, BatchNorms folded and mean pools divided, perhaps on a grid.
    """
    module = build_network(recipe).eval()
    for name, part in list(module.named_modules()):
        node = program.nodes.get(name)
        if isinstance(part, nn.BatchNorm2d):
            module.set_submodule(name, nn.Identity())
        elif isinstance(part, nn.AdaptiveAvgPool2d):
            module.set_submodule(name, _SumPool())
        elif isinstance(node, n.Linear | n.Conv2d):
            part.weight = nn.Parameter(tensor(node.weight))
            part.bias = None if node.bias is None else nn.Parameter(tensor(node.bias))
        elif isinstance(node, n.Neuron) and node.theta is not None:
            # its threshold is what a soft reset subtracts, too
            threshold: Any = node.theta if node.delta is None else node.delta
            part.v_threshold = threshold
    return module


def quantise(source: Path, target: Path, x: Array) -> None:
    """Quantise an ONNX model by ONNX Runtime's own static quantisation: QDQ, int8 weights per channel, uint8 values.

    Args:
        source: the model in float32.
        target: the file to write.
        x: samples ``[N, *shape]`` that set the ranges.

    Raises:
        MissingPackageError: ONNX Runtime is not installed.
    """
    try:
        from onnxruntime import quantization
        from onnxruntime.quantization import shape_inference
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "ONNX Runtime's quantisation is not installed", why=str(error), next_step="pip install 'neurofer[onnx]'"
        ) from error

    class Samples(quantization.CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            (name,) = (value.name for value in File(source.read_bytes()).model.graph.input)
            self._left: Iterator[dict[str, Array]] = iter([{name: sample[None]} for sample in x])

        def get_next(self) -> dict[str, Array] | None:
            return next(self._left, None)

    with tempfile.TemporaryDirectory() as folder:
        prepared = str(Path(folder) / "prepared.onnx")
        shape_inference.quant_pre_process(str(source), prepared)
        quantization.quantize_static(
            prepared,
            str(target),
            Samples(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
