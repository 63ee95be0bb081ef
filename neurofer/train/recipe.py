"""Recipes: what a network is, what it is trained on and how, as one TOML file in `models/`.

Reading one does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from neurofer import nets, resources
from neurofer.data.dataset import DataSpec, Natural
from neurofer.errors import Problem, UsageError
from neurofer.ir.contract import Contract, Encoder, Readout, Reduction

Loss = Literal["cross-entropy", "mse"]
Reset = Literal["hard", "soft"]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class NetworkSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The spiking network: an architecture of `neurofer.nets` and options beyond those data and contract give it."""

    architecture: str
    options: dict[str, Any] = {}


class BaselineSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ANN it is compared with; trained with the same settings, but a loss of its own."""

    architecture: str
    options: dict[str, Any] = {}
    loss: Loss = "cross-entropy"


class ContractSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Steps T, encoder and readout as in `neurofer.ir.Contract`, and the reset of all neurons."""

    steps: Natural
    encoder: Encoder
    readout: Reduction
    reset: Reset = "hard"


class TrainingSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optimizer and schedule.

    `mse` compares the readout with the one-hot label. `threads` limits torch: a small network is faster on one, and
    sums are then added in the same order everywhere; None leaves it to torch.
    """

    optimizer: Literal["adam", "sgd"]
    lr: Positive
    batch: Natural
    epochs: Natural
    loss: Loss
    momentum: NotNegative = 0.0
    weight_decay: NotNegative = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0
    threads: Natural | None = None


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One network and its baseline, with their contract, data and training."""

    name: str
    description: str
    source: str
    network: NetworkSpec
    baseline: BaselineSpec
    contract: ContractSpec
    data: DataSpec
    training: TrainingSpec


def recipe_names() -> tuple[str, ...]:
    """The recipes that come with neurofer."""
    return tuple(sorted(path.stem for path in resources.folder("models").glob("*.toml")))


def load_recipe(name: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        name: one of `recipe_names()`, or the path of a `.toml` file.

    Raises:
        UsageError: no such recipe, no TOML, unknown keys (all are named), missing or wrong values.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = resources.folder("models") / f"{name}.toml"
        if str(name) not in recipe_names():
            raise UsageError(f"no recipe is called '{name}'", next_step=_known())
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError("no such recipe", where=str(path), why=error.strerror or "", next_step=_known()) from error
    try:
        table = msgspec.toml.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError("this is no TOML", where=str(path), why=str(error)) from error
    return parse_recipe(table, str(path))


def parse_recipe(table: Any, where: str) -> Recipe:
    """Check a decoded recipe.

    Args:
        table: what the file holds.
        where: file to name in errors.

    Raises:
        UsageError: unknown keys (all are named), missing or wrong values, unknown architectures.
    """
    unknown = list(_unknown_keys(table, Recipe, ""))
    if unknown:
        raise UsageError("unknown keys in the recipe", where=where, problems=unknown)
    try:
        recipe = msgspec.convert(table, Recipe)
    except msgspec.ValidationError as error:
        raise UsageError("the recipe does not hold", where=where, why=str(error)) from error
    for spec in (recipe.network, recipe.baseline):
        if spec.architecture not in nets.architectures():
            raise UsageError(
                f"no architecture is called '{spec.architecture}'",
                where=where,
                next_step=f"the architectures are {', '.join(nets.architectures())}",
            )
    return recipe


def override(
    recipe: Recipe,
    *,
    steps: int | None = None,
    encoder: str | None = None,
    reset: str | None = None,
    size: int | None = None,
    folds: int | None = None,
    fold: int | None = None,
    split: str | None = None,
    augment: Sequence[str] | None = None,
) -> Recipe:
    """The recipe with another T, encoder, reset, height and width, folds, split or augmentations; what is None stays.

    Raises:
        UsageError: a value the recipe's own checks refuse.
    """
    table = msgspec.to_builtins(recipe)
    changes = {"steps": steps, "encoder": encoder, "reset": reset}
    table["contract"].update({key: value for key, value in changes.items() if value is not None})
    if size is not None:
        table["data"]["shape"] = [recipe.data.shape[0], size, size]
    parting = {"folds": folds, "fold": fold, "split": split, "augment": augment}
    table["data"].update({key: value for key, value in parting.items() if value is not None})
    return parse_recipe(table, recipe.name)


def contract(recipe: Recipe, *, dt: float = 1e-4) -> Contract:
    """The contract of the recipe's spiking network; dt in seconds."""
    spec = recipe.contract
    scale = recipe.data.scale
    return Contract(
        dt=dt,
        steps=spec.steps,
        encoder=spec.encoder,
        readout=Readout(spec.readout),
        preprocessing="" if scale == 1 else f"divided by {scale:g}",
    )


def _unknown_keys(table: Any, kind: type[msgspec.Struct], prefix: str) -> Iterator[Problem]:
    if not isinstance(table, dict):
        return
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in fields:
            yield Problem(f"{prefix}{key}", "no such key", closest=f"one of {', '.join(fields)}")
        elif isinstance(fields[key], type) and issubclass(fields[key], msgspec.Struct):
            yield from _unknown_keys(value, fields[key], f"{prefix}{key}.")


def _known() -> str:
    return f"the recipes are {', '.join(recipe_names())}; or give the path of a .toml file"
