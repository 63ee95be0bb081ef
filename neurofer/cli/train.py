"""``neurofer train``: train a recipe's network or its ANN baseline into a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from neurofer.cli import options
from neurofer.cli.outcome import Outcome, Ticker, note
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.train.loop import Epoch
    from neurofer.train.networks import Which
    from neurofer.train.recipe import Recipe

_SCHEMA = "neurofer.train/1"


def train(
    recipe: Annotated[str, typer.Argument(help="Recipe, or the path of a .toml file.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Checkpoint to write.", show_default="RECIPE[-baseline].safetensors")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs.", show_default="the recipe's")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of everything.", show_default="the recipe's")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Built folder; x and y in .npz; or FER2013, csv or folder.", show_default="the recipe's"),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=3, help="How many a built folder is put into.", show_default="the recipe's")
    ] = None,
    fold: Annotated[
        int | None, typer.Option(min=0, help="Which of them is tested on.", show_default="the recipe's")
    ] = None,
    split: Annotated[
        Literal["random", "subject"] | None,
        typer.Option(help="Folds of samples or of whole subjects.", show_default="the recipe's"),
    ] = None,
    augment: Annotated[
        str | None, typer.Option(help="Of recordings: crop,hflip,noise,...; or none.", show_default="the recipe's")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget an interrupted run.")] = False,
    baseline: Annotated[bool, typer.Option("--baseline", help="Train the ANN baseline instead.")] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Fine-tune on the dyadic grid that is exported.")] = False,
    bits: options.Bits = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="Checkpoint to fine-tune, with --exact.", show_default="trained first")
    ] = None,
    json: options.Json = False,
) -> Outcome:
    """Train a network and keep the weights of its best epoch.

    Ctrl-C at any time: all state is on disk after every epoch, and the same command goes on from there.
    """
    from neurofer.train.recipe import load_recipe, override

    names = None if augment is None else [] if augment == "none" else augment.split(",")
    spec = override(load_recipe(recipe), folds=folds, fold=fold, split=split, augment=names)
    on_grid = exact or bits is not None
    _refuse(on_grid=on_grid, baseline=baseline, bits=bits, start=start)
    given = [name for name, value in (("--folds", folds), ("--fold", fold), ("--split", split)) if value is not None]
    if given and (data is None or not data.is_dir()):
        raise UsageError(
            "only recordings are put into folds", where=", ".join(given), next_step="give a built folder as --data"
        )
    path = out or Path(f"{spec.name}{'-baseline' if baseline else '-exact' if on_grid else ''}.safetensors")
    if path.suffix != ".safetensors":
        raise UsageError("a checkpoint is a .safetensors file", where=str(path), next_step="give --out such a name")
    if on_grid:
        document = _tune(spec, path, start, bits, epochs, seed, data, fresh=fresh)
    else:
        document = _train(spec, path, epochs, seed, data, fresh=fresh, baseline=baseline)
    return Outcome(document, lambda console: _render(console, document))


def _refuse(*, on_grid: bool, baseline: bool, bits: int | None, start: Path | None) -> None:
    if on_grid and baseline:
        raise UsageError("the baseline is an ANN, whose values are real", where="--exact", next_step="leave out one")
    if bits not in (None, 8, 16):
        raise UsageError(f"integer weights of {bits} bits are not offered", where="--bits", next_step="use 8 or 16")
    if start is not None and not on_grid:
        raise UsageError("only fine-tuning starts from a checkpoint", where="--from", next_step="add --exact")


def _tune(
    spec: Recipe,
    path: Path,
    start: Path | None,
    bits: int | None,
    epochs: int | None,
    seed: int | None,
    data: Path | None,
    *,
    fresh: bool,
) -> dict[str, Any]:
    from neurofer import data as room
    from neurofer.train.checkpoint import load_checkpoint
    from neurofer.train.exact import fine_tune

    if start is None:
        start = path.with_name(f"{path.stem}-float.safetensors")
        if fresh or not start.exists():
            _train(spec, start, None, seed, data, fresh=fresh, baseline=False)
    module, trained, metrics = load_checkpoint(start)
    if metrics["which"] == "baseline" or trained.network != spec.network or trained.data != spec.data:
        raise UsageError(
            f"the checkpoint is not one of {spec.name}'s network",
            where=str(start),
            next_step="name the recipe it was trained with",
        )
    found = room.load(spec.data, data, frames=spec.contract.steps if spec.contract.encoder == "events" else None)
    note(f"fine-tuning {start} on the grid of {f'{bits}-bit integers' if bits else 'float32'}")
    teller = _Teller(len(found.train.y))
    tuned = fine_tune(
        trained,
        module,
        found,
        path,
        bits=bits,
        epochs=epochs,
        seed=seed,
        resume=not fresh,
        progress=teller.epoch,
        seen=teller.seen,
    )
    return {
        "schema": _SCHEMA,
        "recipe": spec.name,
        "which": "network",
        "data": found.name,
        "parting": found.parting,
        "checkpoint": str(tuned.path),
        "from": str(start),
        "bits": bits,
        "epochs": tuned.epochs,
        "best_epoch": tuned.best,
        "accuracy": {
            "float": tuned.float_accuracy,
            "rounded": tuned.rounded_accuracy,
            "fine_tuned": tuned.accuracy,
        },
        "test_accuracy": tuned.accuracy,
        "test_samples": len(found.test.y),
        "seed": trained.training.seed if seed is None else seed,
    }


def _train(
    spec: Recipe, path: Path, epochs: int | None, seed: int | None, data: Path | None, *, fresh: bool, baseline: bool
) -> dict[str, Any]:
    from neurofer import data as room
    from neurofer.data import copies
    from neurofer.train import loop

    found = room.load(spec.data, data, frames=spec.contract.steps if spec.contract.encoder == "events" else None)
    which: Which = "baseline" if baseline else "network"
    sizes = ", ".join(
        f"{len(part.y)} {use}"
        for part, use in ((found.train, "to train"), (found.validation, "to validate"), (found.test, "to test"))
    )
    note(f"training the {which} of {spec.name} on {found.name}: {sizes}")
    if found.parting:
        note(found.parting)
    copied = int(copies.find_copies(found).test.sum())
    if copied:
        note(f"{copied} of the test samples are exact copies of training samples; data.distinct leaves them out")
    teller = _Teller(len(found.train.y))
    try:
        trained = loop.train(
            spec,
            found,
            path,
            which=which,
            epochs=epochs,
            seed=seed,
            resume=not fresh,
            progress=teller.epoch,
            seen=teller.seen,
        )
    except KeyboardInterrupt:
        note("stopped; the same command goes on from the last epoch, with --fresh it starts anew")
        raise
    return {
        "schema": _SCHEMA,
        "recipe": spec.name,
        "which": which,
        "data": found.name,
        "parting": found.parting,
        "checkpoint": str(trained.path),
        "epochs": trained.epochs,
        "best_epoch": trained.best.number,
        "validation_accuracy": trained.best.accuracy,
        "test_accuracy": trained.test_accuracy,
        "test_samples": len(found.test.y),
        "seed": spec.training.seed if seed is None else seed,
    }


class _Teller:
    """Tells of every epoch how it ended, and of a long one how far it is."""

    def __init__(self, samples: int) -> None:
        self._samples, self._ticker = samples, Ticker("samples", samples)

    def epoch(self, epoch: Epoch) -> None:
        note(f"epoch {epoch.number}/{epoch.of}: loss {epoch.loss:.4f}, validation accuracy {epoch.accuracy:.2%}")
        self._ticker = Ticker("samples", self._samples)

    def seen(self, count: int) -> None:
        self._ticker.add(count)


def _render(console: Console, document: dict[str, Any]) -> None:
    if "accuracy" in document:
        _render_tuned(console, document)
        return
    console.print(
        f"{document['recipe']} ({document['which']}): test accuracy {document['test_accuracy']:.2%} on "
        f"{document['test_samples']} samples of {document['data']}; best of {len(document['epochs'])} epochs is "
        f"{document['best_epoch']} (validation {document['validation_accuracy']:.2%})"
    )
    console.print(f"checkpoint: {document['checkpoint']}")
    target = "onnx" if document["which"] == "baseline" else "nir"
    console.print(f"next: neurofer export {document['checkpoint']} --to {target}")


def _render_tuned(console: Console, document: dict[str, Any]) -> None:
    score, width = document["accuracy"], f"{document['bits']}-bit integers" if document["bits"] else "finest"
    kept = f"epoch {document['best_epoch']}" if document["best_epoch"] else "rounding alone, which no epoch bettered"
    console.print(
        f"{document['recipe']} on the grid ({width}), {document['test_samples']} samples of {document['data']}: "
        f"accuracy float {score['float']:.2%}, rounded {score['rounded']:.2%}, fine-tuned {score['fine_tuned']:.2%}; "
        f"kept: {kept}"
    )
    console.print(f"checkpoint: {document['checkpoint']}")
    console.print(f"next: neurofer export {document['checkpoint']} --to nir --exact")
