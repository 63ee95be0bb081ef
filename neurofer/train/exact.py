"""Fine-tuning with the grid in the loop: the forward pass rounds to what is exported, whose accuracy is reported.

BatchNorms are folded first and their statistics stay as they are, so that the weights that are rounded in training are
those of the exported program. The gradient passes the rounding unchanged (straight-through: Bengio et al. 2013; with
folded BatchNorm as in Jacob et al. 2018).
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from neurofer.backends import registry
from neurofer.capture import capture
from neurofer.data.dataset import Arrays, Dataset
from neurofer.data.encode import encode
from neurofer.ir import Program
from neurofer.ir import nodes as n
from neurofer.ir.dyadic import exponent
from neurofer.ir.trace import decision
from neurofer.passes import drop_dropout, fold_batchnorm
from neurofer.train.checkpoint import save_checkpoint, write_state
from neurofer.train.grid import deploy, levels, prepare, to_codes
from neurofer.train.loop import Epoch, Run, accuracy, threads
from neurofer.train.networks import build_network
from neurofer.train.recipe import Recipe, contract

SLOWER = 0.1
"""Learning rate of fine-tuning, of the recipe's."""


@dataclass(frozen=True)
class Tuned:
    """A network trained on its grid.

    Attributes:
        path: its checkpoint; ``neurofer export --exact`` of it rounds nothing more.
        bits: width of its integer weights; None for the finest grid.
        float_accuracy: of the network it started from, on the test part.
        rounded_accuracy: of that network on the grid, without fine-tuning.
        accuracy: of the fine-tuned network on the grid.
        best: its best epoch on the validation part; 0 where no epoch was better than rounding alone.
        epochs: all epochs.
    """

    path: Path
    bits: int | None
    float_accuracy: float
    rounded_accuracy: float
    accuracy: float
    best: int
    epochs: tuple[Epoch, ...]


def fine_tune(
    recipe: Recipe,
    module: nn.Module,
    data: Dataset,
    out: str | Path,
    *,
    bits: int | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    resume: bool = True,
    progress: Callable[[Epoch], None] | None = None,
    seen: Callable[[int], None] | None = None,
) -> Tuned:
    """Train a network on its grid, and keep the weights that are best on the validation part once they are rounded.

    Interrupted runs go on from ``OUT.resume``, as in `loop.train`.

    Args:
        recipe: network, contract and training; its learning rate times `SLOWER`, annealed to zero.
        module: the trained network of the recipe; it is left as it is.
        data: from `neurofer.data.load`.
        out: checkpoint to write, `.safetensors`.
        bits: width of integer weights, 8 or 16; None for the finest grid.
        epochs: instead of a third of the recipe's.
        seed: instead of the recipe's.
        resume: go on from ``OUT.resume`` if it is there.
        progress: called after every epoch.
        seen: called after every batch with the number of its samples.

    Raises:
        UsageError: as `loop.train`; or the recipe's images are no scaled integers.
        PassError: the network has no grid.
    """
    spec = msgspec.structs.replace(
        recipe.training,
        lr=recipe.training.lr * SLOWER,
        schedule="cosine",
        epochs=epochs or max(1, round(recipe.training.epochs / 3)),
        seed=recipe.training.seed if seed is None else seed,
    )
    tuning = msgspec.structs.replace(recipe, training=spec)
    out = Path(out)
    state_file = out.with_name(f"{out.name}.resume")
    with threads(spec.threads):
        run = _GridRun(tuning, module, data, bits)
        before = accuracy(module, recipe, data.test, seed=spec.seed)
        first = run.program()
        rounded, at_start = run.rate(first, data.test), run.rate(first, data.validation)
        if resume and state_file.exists():
            run.restore(state_file)
            run.program()
        while len(run.epochs) < spec.epochs:
            epoch = run.advance(seen)
            write_state(state_file, run.state())
            if progress is not None:
                progress(epoch)
        best = max(run.epochs, key=lambda epoch: epoch.accuracy)
        better = best.accuracy > at_start
        if better:
            run.module.load_state_dict(run.best)
        program = run.program() if better else first
        after = run.rate(program, data.test)
        epoch_number = best.number if better else 0
        metrics = {
            "data": data.name,
            "epoch": epoch_number,
            "exact": True,
            "bits": bits,
            "float_accuracy": before,
            "rounded_accuracy": rounded,
            "validation_accuracy": best.accuracy if better else at_start,
            "test_accuracy": after,
            "test_samples": len(data.test.y),
        }
        save_checkpoint(out, run.bake(program), recipe, metrics)
    state_file.unlink(missing_ok=True)
    return Tuned(out, bits, before, rounded, after, epoch_number, tuple(run.epochs))


class _GridRun(Run):
    """A training run whose weights are rounded in the forward pass, and whose accuracy is that of the export."""

    def __init__(self, recipe: Recipe, module: nn.Module, data: Dataset, bits: int | None) -> None:
        self.bits, self.start = bits, module
        captured = _capture(module, recipe)
        folded, prepared = fold_batchnorm(drop_dropout(captured)), prepare(captured, recipe)
        self.norms = dict(_norms(captured))
        self.divisors = {name: _divisor(node, prepared.nodes[name]) for name, node in _layers(folded)}
        student = _student(module, captured, dict(_layers(folded)), self.norms)
        super().__init__(recipe, "network", data, "cpu", student)
        digest = hashlib.sha256(b"".join(node.weight.tobytes() for _, node in _layers(folded))).hexdigest()
        self.identity = msgspec.json.encode([self.identity, bits, digest]).decode()

    def program(self) -> Program:
        """Return what is exported of the present weights; from now on, the forward pass rounds to its grid."""
        latent = {name: [_latent(*held) for held in _held(self.module, name, self.norms)] for name in self.divisors}
        program = deploy(_capture(self._baked(latent), self.recipe), self.recipe, bits=self.bits)
        for name, node in _layers(program):
            if np.any(node.weight):
                step = 2.0 ** -exponent(node.weight)
                (layer, _), *bias = _held(self.module, name, self.norms)
                layer.parametrizations.weight[0].step = step * self.divisors[name]
                for part, _ in bias:
                    part.parametrizations.bias[0].step = step
        return program

    def score(self, part: Arrays) -> float:
        return self.rate(self.program(), part)

    def rate(self, program: Program, part: Arrays) -> float:
        """Return the accuracy of an exported program, run in SpikingJelly: in float32, where it is exact."""
        network = registry.load("spikingjelly", program)
        spec, rng = self.recipe.contract, np.random.default_rng(self.recipe.training.seed)
        batch, right = max(self.recipe.training.batch, 64), 0
        codes = program.domains[program.inputs[0]].kind == "code"
        for start in range(0, len(part.y), batch):
            x = encode(part.x[start : start + batch], spec.encoder, spec.steps, rng)
            values = network.run(to_codes(x, levels(self.recipe))[0] if codes else x).read(program.contract.readout)
            right += int((decision(values) == part.y[start : start + batch]).sum())
        return right / len(part.y)

    def bake(self, program: Program) -> nn.Module:
        """Return the recipe's own network with the weights of an exported program; its BatchNorms only add a bias."""
        values: dict[str, list[n.Array]] = {}
        for name, node in _layers(program):
            values[name] = [node.weight.astype(np.float64) * self.divisors[name]]
            values[name] += [] if node.bias is None else [node.bias]
        return self._baked(values)

    def _baked(self, values: dict[str, list[n.Array]]) -> nn.Module:
        """Return the recipe's own network with other folded weights, and biases where there are any."""
        network = build_network(self.recipe)
        network.load_state_dict(self.start.state_dict())
        with torch.no_grad():
            for name, arrays in values.items():
                if name in self.norms:
                    norm: Any = network.get_submodule(self.norms[name])
                    norm.running_mean.zero_()
                    norm.running_var.fill_(1.0 - norm.eps)
                    norm.weight.fill_(1.0)
                for (part, field), array in zip(_held(network, name, self.norms), arrays, strict=True):
                    getattr(part, field).copy_(torch.from_numpy(np.array(array, np.float32)))
        return network.eval()


def _layers(program: Program) -> Iterator[tuple[str, n.Linear | n.Conv1d | n.Conv2d]]:
    for name, node in program.nodes.items():
        if isinstance(node, (n.Linear, n.Conv1d, n.Conv2d)):
            yield name, node


def _norms(program: Program) -> Iterator[tuple[str, str]]:
    """Yield (layer, its BatchNorm); both are named as their modules are."""
    for name, node in program.nodes.items():
        if isinstance(node, n.BatchNorm):
            yield program.predecessors(name)[0].source, name


def _divisor(folded: Any, prepared: Any) -> float:
    """Return what lowering divided a layer's weights by: the scale of codes, the area of an average pooling."""
    norms = [float(np.linalg.norm(node.weight.astype(np.float64))) for node in (folded, prepared)]
    divisor = norms[0] / norms[1] if norms[1] else 1.0
    return float(round(divisor)) if abs(divisor - round(divisor)) < 1e-3 else divisor


def _held(network: nn.Module, name: str, norms: dict[str, str]) -> list[tuple[Any, str]]:
    """Return (module, field) of the weight of a layer, and of its bias if it has one."""
    layer: Any = network.get_submodule(name)
    if name in norms:
        return [(layer, "weight"), (network.get_submodule(norms[name]), "bias")]
    return [(layer, "weight"), *([(layer, "bias")] if layer.bias is not None else [])]


def _latent(part: Any, field: str) -> n.Array:
    """Return the values that are trained, before they are rounded."""
    values: n.Array = part.parametrizations[field].original.detach().numpy().copy()
    return values


def _student(module: nn.Module, program: Program, layers: dict[str, Any], norms: dict[str, str]) -> nn.Module:
    """Return the network to train: BatchNorms folded, weights and biases rounded in the forward pass."""
    student = copy.deepcopy(module)
    for name, node in layers.items():
        layer: Any = student.get_submodule(name)
        layer.weight = nn.Parameter(torch.from_numpy(np.array(node.weight, np.float32)))
        if name in norms:
            bias = torch.from_numpy(np.array(node.bias, np.float32))
            student.set_submodule(norms[name], _Shift(bias, len(program.shapes[norms[name]])))
        for part, field in _held(student, name, norms):
            parametrize.register_parametrization(part, field, _Rounded())
    return student


def _capture(module: nn.Module, recipe: Recipe) -> Program:
    return capture(module.eval(), recipe.data.shape, contract=contract(recipe))


class _Shift(nn.Module):
    """What a folded BatchNorm leaves: a bias per channel."""

    def __init__(self, bias: Tensor, rank: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(bias)
        self.rank = rank

    def forward(self, x: Tensor) -> Tensor:
        bias: Any = self.bias
        shifted: Tensor = x + bias.reshape(-1, *[1] * (self.rank - 1))
        return shifted


class _Rounded(nn.Module):
    """Rounds to multiples of ``step``; the gradient passes unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.step = 2.0**-24

    def forward(self, value: Tensor) -> Tensor:
        return value + (torch.round(value / self.step) * self.step - value).detach()
