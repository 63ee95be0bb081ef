"""Checkpoints: one safetensors file with the weights and, in its metadata, all it takes to rebuild the network."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import neurofer
from neurofer.errors import Problem, ReadError, UsageError
from neurofer.files import cannot_write, replace_file
from neurofer.train.networks import Which, build_network
from neurofer.train.recipe import Recipe

_KEY = "neurofer"


class _About(msgspec.Struct, frozen=True):
    version: str
    recipe: Recipe
    which: Which
    metrics: dict[str, Any]


def save_checkpoint(
    path: str | Path, module: nn.Module, recipe: Recipe, metrics: dict[str, Any], *, which: Which = "network"
) -> Path:
    """Write weights, recipe and metrics; an older file at path stays whole until the new one is complete.

    Args:
        path: file to write; its folder is made if need be.
        module: a network built from the recipe.
        recipe: kept entirely, so that the checkpoint does not depend on `models/`.
        metrics: plain numbers and strings, for reports.
        which: whether module is the recipe's `network` or its `baseline`.

    Raises:
        WriteError: the file cannot be written.
    """
    about = _About(neurofer.__version__, recipe, which, metrics)
    tensors = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    metadata = {_KEY: msgspec.json.encode(about).decode()}  # safetensors shuffles keys: one makes equal bytes
    return write_tensors(Path(path), lambda file: save_file(tensors, file, metadata=metadata))


def load_checkpoint(path: str | Path) -> tuple[nn.Module, Recipe, dict[str, Any]]:
    """Rebuild a network in evaluation mode.

    Returns:
        The network, its recipe, and the metrics it was saved with together with `which` and `version`.

    Raises:
        ReadError: the file is missing, truncated, not one of neurofer's, its weights do not fit the network or are
            not finite (all are named).
    """
    tensors, text = _read(Path(path))
    try:
        about = msgspec.json.decode(text, type=_About)
        module = build_network(about.recipe, which=about.which)
    except (msgspec.DecodeError, UsageError) as error:
        raise ReadError("the checkpoint's metadata is damaged", where=str(path), why=str(error)) from error
    problems = _mismatches(module.state_dict(), tensors)
    if problems:
        raise ReadError("the weights do not fit the network", where=str(path), problems=problems)
    module.load_state_dict(tensors)
    return module.eval(), about.recipe, {**about.metrics, "which": about.which, "version": about.version}


def write_tensors(path: Path, write: Callable[[str], object]) -> Path:
    """Write a file in one step; its folder is made if need be.

    Raises:
        WriteError: the folder or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return replace_file(path, write, failures=(SafetensorError,))


def write_state(path: Path, state: dict[str, Any]) -> Path:
    """Write what training goes on from. It is put together in memory, as torch calls a full disk a fault of its own.

    Raises:
        WriteError: the folder or the file cannot be written.
    """
    image = io.BytesIO()
    torch.save(state, image)
    return write_tensors(path, lambda file: Path(file).write_bytes(image.getbuffer()))


def _read(path: Path) -> tuple[dict[str, Tensor], str]:
    if not path.is_file():
        raise ReadError("no such checkpoint", where=str(path))
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, OSError) as error:
        raise ReadError("this is no complete safetensors file", where=str(path), why=str(error)) from error
    if _KEY not in metadata:
        raise ReadError(
            "this safetensors file is not one of neurofer's",
            where=str(path),
            next_step="capture the network in Python and write it as .nir",
        )
    return tensors, metadata[_KEY]


def _mismatches(expected: dict[str, Tensor], found: dict[str, Tensor]) -> list[Problem]:
    problems = [Problem(name, "no such weight in the network") for name in found if name not in expected]
    for name, weight in expected.items():
        if name not in found:
            problems.append(Problem(name, "missing in the file"))
        elif found[name].shape != weight.shape:
            problems.append(Problem(name, f"shape {list(found[name].shape)}, the network has {list(weight.shape)}"))
        elif not bool(torch.isfinite(found[name]).all()):
            problems.append(Problem(name, "holds values that are not finite"))
    return problems
