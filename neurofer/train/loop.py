"""Training with surrogate gradients; the same loop trains the ANN baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurofer.data.dataset import Arrays, Dataset
from neurofer.errors import ReadError, UsageError
from neurofer.train.checkpoint import save_checkpoint, write_state
from neurofer.train.networks import Which, build_network, forward, present
from neurofer.train.recipe import Loss, Recipe


@dataclass(frozen=True)
class Epoch:
    """One epoch: its number from 1, how many there will be, the mean loss, and the accuracy on the validation part."""

    number: int
    of: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Trained:
    """The checkpoint of the best epoch, its accuracy on the test part, and all epochs."""

    path: Path
    best: Epoch
    test_accuracy: float
    epochs: tuple[Epoch, ...]


def train(
    recipe: Recipe,
    data: Dataset,
    out: str | Path,
    *,
    which: Which = "network",
    epochs: int | None = None,
    seed: int | None = None,
    resume: bool = True,
    progress: Callable[[Epoch], None] | None = None,
    seen: Callable[[int], None] | None = None,
    device: str = "cpu",
) -> Trained:
    """Train a recipe's network or baseline; keep the weights that are best on the validation part.

    After every epoch all state is written to `OUT.resume`. An interrupted run that is started again goes on from
    there and ends with the same bits as one that was not interrupted: every random draw of an epoch follows from seed
    and epoch. A finished run removes the file.

    Args:
        recipe: network, contract and training.
        data: from `neurofer.data.load`.
        out: checkpoint to write, `.safetensors`.
        which: `network` or `baseline`.
        epochs, seed: instead of the recipe's.
        resume: go on from `OUT.resume` if it is there; else it is overwritten.
        progress: called after every epoch, when its state is already on disk.
        seen: called after every batch with the number of its samples.
        device: where torch computes.

    Raises:
        UsageError: `OUT.resume` belongs to another recipe, data set or seed; the loss is no longer finite.
        ReadError: `OUT.resume` is damaged.
        WriteError: out cannot be written.
    """
    out = Path(out)
    spec = msgspec.structs.replace(
        recipe.training,
        epochs=recipe.training.epochs if epochs is None else epochs,
        seed=recipe.training.seed if seed is None else seed,
    )
    recipe = msgspec.structs.replace(recipe, training=spec)
    with threads(spec.threads):
        run = Run(recipe, which, data, device)
        state_file = out.with_name(f"{out.name}.resume")
        if resume and state_file.exists():
            run.restore(state_file)
        while len(run.epochs) < spec.epochs:
            epoch = run.advance(seen)
            write_state(state_file, run.state())
            if progress is not None:
                progress(epoch)
        return _finish(run, out, state_file)


def accuracy(
    module: nn.Module, recipe: Recipe, part: Arrays, *, which: Which = "network", seed: int = 0, device: str = "cpu"
) -> float:
    """Share of samples whose largest output is that of their label, in evaluation mode.

    Args:
        module: the network or baseline of the recipe.
        recipe: its contract says how samples enter.
        part: samples and labels.
        which: `network` or `baseline`.
        seed: of the Poisson spikes, if the recipe asks for them.
        device: where torch computes.
    """
    module.eval()
    rng = np.random.default_rng(seed)
    batch = max(recipe.training.batch, 64)
    right = 0
    with torch.no_grad():
        for start in range(0, len(part.y), batch):
            x = present(recipe, which, part.x[start : start + batch], rng).to(device)
            found = forward(module, x).argmax(1).cpu().numpy()
            right += int((found == part.y[start : start + batch]).sum())
    return right / len(part.y)


class Run:
    """The state of a training run between two epochs."""

    def __init__(
        self, recipe: Recipe, which: Which, data: Dataset, device: str, module: nn.Module | None = None
    ) -> None:
        self.recipe, self.which, self.data, self.device = recipe, which, data, device
        self.module = (module or build_network(recipe, which=which, seed=recipe.training.seed)).to(device)
        self.optimizer = _optimizer(recipe, self.module)
        self.epochs: list[Epoch] = []
        self.best: dict[str, Tensor] = {}
        self.identity = msgspec.json.encode([recipe, which, data.fingerprint()]).decode()

    def advance(self, seen: Callable[[int], None] | None = None) -> Epoch:
        """Train for one epoch and look at the validation part; ``seen`` is called as in `train`."""
        spec = self.recipe.training
        number = len(self.epochs) + 1
        for group in self.optimizer.param_groups:
            group["lr"] = _learning_rate(self.recipe, number)
        loss = self._fit(number, seen)
        if not np.isfinite(loss):
            raise UsageError(
                f"the loss is {loss} in epoch {number}", where=self.recipe.name, next_step="use a smaller learning rate"
            )
        score = self.score(self.data.validation)
        epoch = Epoch(number, spec.epochs, loss, score)
        if not self.epochs or score > max(past.accuracy for past in self.epochs):
            self.best = {name: value.detach().clone() for name, value in self.module.state_dict().items()}
        self.epochs.append(epoch)
        return epoch

    def score(self, part: Arrays) -> float:
        """The accuracy on a part of the data."""
        seed = self.recipe.training.seed
        return accuracy(self.module, self.recipe, part, which=self.which, seed=seed, device=self.device)

    def _fit(self, number: int, seen: Callable[[int], None] | None = None) -> float:
        spec = self.recipe.training
        loss_name = spec.loss if self.which == "network" else self.recipe.baseline.loss
        rng = np.random.default_rng([spec.seed, number])
        y = self.data.train.y
        order = rng.permutation(len(y))
        self.module.train()
        total = 0.0
        with torch.random.fork_rng():
            torch.manual_seed(int(rng.integers(2**63)))
            for start in range(0, len(y), spec.batch):
                picked = order[start : start + spec.batch]
                target = torch.from_numpy(y[picked]).to(self.device)
                output = forward(
                    self.module,
                    present(self.recipe, self.which, self.data.train.draw(picked, rng), rng).to(self.device),
                )
                loss = _loss(loss_name, output, target)
                self.optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                self.optimizer.step()
                total += loss.item() * len(picked)
                if seen is not None:
                    seen(len(picked))
        return total / len(y)

    def state(self) -> dict[str, Any]:
        """All that `restore` needs."""
        return {
            "identity": self.identity,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "epochs": msgspec.to_builtins(self.epochs),
        }

    def restore(self, path: Path) -> None:
        """Take up the state in a file."""
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            identity = state["identity"]
        except Exception as error:  # torch.load raises a different type for each kind of damage
            raise ReadError(
                "the state to resume from is damaged", where=str(path), why=str(error), next_step=f"remove {path}"
            ) from error
        if identity != self.identity:
            raise UsageError(
                "an interrupted training of another recipe, seed or data set lies here",
                where=str(path),
                next_step=f"choose another output, or remove {path}",
            )
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        self.epochs = msgspec.convert(state["epochs"], list[Epoch])


def _finish(run: Run, out: Path, state_file: Path) -> Trained:
    spec = run.recipe.training
    best = max(run.epochs, key=lambda epoch: epoch.accuracy)  # the first of equals, as in advance
    run.module.load_state_dict(run.best)
    score = accuracy(run.module, run.recipe, run.data.test, which=run.which, seed=spec.seed, device=run.device)
    metrics = {
        "data": run.data.name,
        "epoch": best.number,
        "validation_accuracy": best.accuracy,
        "test_accuracy": score,
        "test_samples": len(run.data.test.y),
    }
    save_checkpoint(out, run.module, run.recipe, metrics, which=run.which)
    state_file.unlink(missing_ok=True)
    return Trained(out, best, score, tuple(run.epochs))


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Limit torch to a number of threads for a while; None leaves it as it is."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if number is None else number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _optimizer(recipe: Recipe, module: nn.Module) -> torch.optim.Optimizer:
    spec = recipe.training
    if spec.optimizer == "sgd":
        return torch.optim.SGD(module.parameters(), lr=spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay)
    return torch.optim.Adam(module.parameters(), lr=spec.lr, weight_decay=spec.weight_decay)


def _learning_rate(recipe: Recipe, number: int) -> float:
    """The rate of an epoch, from 1; cosine annealing without restarts (Loshchilov and Hutter 2016)."""
    spec = recipe.training
    if spec.schedule == "constant":
        return spec.lr
    return spec.lr * 0.5 * (1 + float(np.cos(np.pi * (number - 1) / spec.epochs)))


def _loss(name: Loss, output: Tensor, target: Tensor) -> Tensor:
    if name == "cross-entropy":
        return F.cross_entropy(output, target)
    return F.mse_loss(output, F.one_hot(target, output.shape[1]).to(output.dtype))
