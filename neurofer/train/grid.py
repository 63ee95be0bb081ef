"""A recipe's network on its dyadic grid, and its images as the integers that the grid needs. Does not import torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.errors import UsageError
from neurofer.ir import Program
from neurofer.passes import input_codes, lower, to_grid
from neurofer.train.recipe import Recipe


def deploy(program: Program, recipe: Recipe | None, *, bits: int | None = None) -> Program:
    """Return a captured program lowered onto its grid, as ``neurofer export --exact`` writes it.

    Args:
        program: as captured.
        recipe: says how images are scaled; None where the input is binary or integer already.
        bits: width of integer weights; None for the finest grid.

    Raises:
        UsageError: the recipe's images are no scaled integers.
        PassError: the program has no grid, see `to_grid`.
    """
    return to_grid(prepare(program, recipe), bits=bits)


def prepare(program: Program, recipe: Recipe | None) -> Program:
    """Return a captured program lowered, with images as integers: all but the rounding of `deploy`."""
    lowered = lower(program)
    if recipe is None or not analog(lowered):
        return lowered
    return input_codes(lowered, levels=levels(recipe), scale=recipe.data.scale)


def analog(program: Program) -> bool:
    """Whether an input of the program is real."""
    return any(program.domains[name].kind == "real" for name in program.inputs)


def levels(recipe: Recipe) -> int:
    """Return the largest integer of a recipe's images, which are stored as integers and divided by it.

    Raises:
        UsageError: the recipe's data have no such scale.
    """
    scale = recipe.data.scale
    if scale <= 1 or scale != round(scale):
        raise UsageError(
            "these images are no integers divided by a scale, so no sum of them is exact",
            where=f"{recipe.name}: data.scale = {scale:g}",
            next_step="leave out --exact, or use the encoder poisson",
        )
    return int(scale)


def to_codes(x: NDArray[Any], top: int) -> tuple[NDArray[Any], bool]:
    """Return images of 0..1 as integers 0..``top`` in the narrowest type, and whether they were that all along."""
    scaled = x.astype(np.float64) * top
    whole = np.clip(np.round(scaled), 0, top)
    return whole.astype(np.min_scalar_type(top)), bool(np.allclose(scaled, whole, rtol=0, atol=1e-3))
