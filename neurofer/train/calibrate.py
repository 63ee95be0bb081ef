"""Seeded weights that spike, for networks that have no checkpoint yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from spikingjelly.activation_based import layer
from torch import Tensor, nn

from neurofer.errors import UsageError
from neurofer.train.networks import Which, build_network, forward, present
from neurofer.train.recipe import Recipe

_DENSITY = 0.1
_CURRENT = 2.0  # standard deviation of the current into neurons without BatchNorm; LIF with tau 2 halves it


def draw_sample(recipe: Recipe, *, samples: int = 2, seed: int = 0, density: float = _DENSITY) -> NDArray[Any]:
    """Seeded samples of a recipe's shape, where there are no data: not natural ones, only good enough to calibrate.

    Returns:
        Binary frames [samples, T, *shape] of a density for the encoder `events`, else images uniform in [0, 1],
        float32 [samples, *shape].
    """
    rng = np.random.default_rng(seed)
    shape = recipe.data.shape
    if recipe.contract.encoder == "events":
        return (rng.random((samples, recipe.contract.steps, *shape)) < density).astype(np.uint8)
    return rng.random((samples, *shape), dtype=np.float32)


def seeded(recipe: Recipe, seed: int = 0, *, sample: NDArray[Any] | None = None, which: Which = "network") -> nn.Module:
    """A network with seeded random weights whose layers all spike, in evaluation mode.

    One forward pass sets every BatchNorm's statistics to those of the sample. BatchNorms that start at zero are set
    to one, else the residual branches would be silent; linear layers in the time loop, which have no BatchNorm, are
    scaled to a standard deviation of 2, layer by layer (as in Mishkin and Matas 2016).

    Args:
        recipe: the network.
        seed: of weights, sample and Poisson spikes.
        sample: samples as a `Dataset` holds them, [N, *shape] or [N, T, *shape]; drawn by `draw_sample` if None.
        which: `network` or `baseline`.

    Raises:
        UsageError: a layer's output is the same for the whole sample, so that there is nothing to calibrate with.
    """
    module = build_network(recipe, which=which, seed=seed).eval()
    x = draw_sample(recipe, seed=seed) if sample is None else sample
    hooks = []
    for name, part in module.named_modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)
            part.reset_running_stats()
            part.momentum = None  # a plain average over the forward passes
            part.train()
        elif isinstance(part, layer.Linear):
            hooks.append(part.register_forward_hook(_scale_to_current(name)))
    with torch.no_grad():
        forward(module, present(recipe, which, x, np.random.default_rng(seed)))
    for hook in hooks:
        hook.remove()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 0.1
    return module.eval()


def _scale_to_current(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    def scale(part: nn.Module, _: tuple[Tensor, ...], out: Tensor) -> Tensor:
        spread = float(out.std())
        if not spread > 0:
            raise UsageError(
                "the layer's output does not vary over the sample",
                where=name,
                next_step="calibrate with samples that are not empty",
            )
        for weight in part.parameters():
            weight.mul_(_CURRENT / spread)
        return out * (_CURRENT / spread)

    return scale
