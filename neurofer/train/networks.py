"""A recipe's two networks, built for its data and contract."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from neurofer import nets
from neurofer.data.encode import encode, join_frames
from neurofer.errors import UsageError
from neurofer.train.recipe import Recipe

Which = Literal["network", "baseline"]


def build_network(recipe: Recipe, *, which: Which = "network", seed: int = 0) -> nn.Module:
    """The spiking network or its baseline with fresh weights; torch's global generator is left as it was.

    Args:
        recipe: architecture, data and contract.
        which: `network` or `baseline`.
        seed: of the weights.

    Raises:
        UsageError: the recipe's options do not fit the architecture, or the network cannot take its encoder.
    """
    spec = recipe.network if which == "network" else recipe.baseline
    known = nets.options(spec.architecture)
    if which == "network" and "encoder" not in known and recipe.contract.encoder == "constant":
        raise UsageError(
            f"{spec.architecture} reads frames, not one constant image",
            where=recipe.name,
            next_step="use the encoder events or poisson",
        )
    _, height, width = recipe.data.shape
    if "size" in known and height != width:
        raise UsageError(f"{spec.architecture} reads square images, not {height} x {width}", where=recipe.name)
    given = {key: value for key, value in _from_data(recipe, which).items() if key in known}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nets.build(spec.architecture, **{**given, **spec.options})


def present(recipe: Recipe, which: Which, x: NDArray[Any], rng: np.random.Generator) -> Tensor:
    """Samples [N, *shape] or [N, T, *shape] as the network or the baseline reads them, float32.

    Args:
        recipe: its contract says how samples enter.
        which: `network` or `baseline`.
        x: samples as a `Dataset` holds them.
        rng: draws the Poisson spikes, if the recipe asks for them.
    """
    spec = recipe.contract
    if which == "network":
        x = encode(x, spec.encoder, spec.steps, rng)
    elif spec.encoder == "events":
        x = join_frames(x)
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))


def forward(module: nn.Module, x: Tensor) -> Tensor:
    """Run a network from rest: what its neurons and dropout masks remembered is cleared before and after."""
    functional.reset_net(module)
    out: Tensor = module(x)
    functional.reset_net(module)
    return out


def _from_data(recipe: Recipe, which: Which) -> dict[str, Any]:
    channels, height, _ = recipe.data.shape
    spec = recipe.contract
    if which == "baseline" and spec.encoder == "events":
        channels *= spec.steps
    return {
        "classes": recipe.data.classes,
        "in_channels": channels,
        "steps": spec.steps,
        "reset": spec.reset,
        "encoder": spec.encoder,
        "size": height,
    }
