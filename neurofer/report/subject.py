"""A network that is to be exported, verified or weighed, and all that is known of it: weights, recipe, samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from neurofer.errors import UsageError
from neurofer.ir import Program
from neurofer.ir.nodes import Array

if TYPE_CHECKING:
    import nir
    from torch import nn

    from neurofer.data.events.binning import By
    from neurofer.report.bundle import Bundle
    from neurofer.train.recipe import Recipe

Weights = Literal["trained", "random", "file"]


@dataclass(frozen=True)
class Sample:
    """Input of a network.

    Attributes:
        x: ``[T, N, *shape]``, or ``[N, *shape]`` where the encoder is ``constant``.
        origin: where it comes from, in words.
    """

    x: Array
    origin: str


@dataclass(frozen=True)
class Subject:
    """A network with all that is known of it.

    Attributes:
        name: as it was named.
        snn: the program as it was captured or read (of a baseline's checkpoint: the ANN).
        weights: ``trained`` (checkpoint), ``random`` (seeded, calibrated) or ``file`` (what a file held).
        recipe: of a recipe or checkpoint, with the overrides applied.
        metrics: what a checkpoint knows of its training, e.g. ``test_accuracy``.
        seed: of random weights.
        baseline: whether ``snn`` is an ANN.
        graph: the NIR graph of a file that neurofer did not write.
        bundle: of a bundle.
        exact: whether it is lowered onto a dyadic grid, its images as integers.
        bits: width of integer weights on that grid; None for the finest grid.
    """

    name: str
    snn: Program
    weights: Weights
    recipe: Recipe | None = None
    metrics: dict[str, Any] | None = None
    seed: int = 0
    baseline: bool = False
    graph: nir.NIRGraph | None = None
    bundle: Bundle | None = None
    exact: bool = False
    bits: int | None = None

    @cached_property
    def lowered(self) -> Program:
        """The program after the standard lowering: what is exported and verified."""
        from neurofer.passes import lower
        from neurofer.train.grid import deploy

        return deploy(self.snn, self.recipe, bits=self.bits) if self.exact else lower(self.snn)

    @property
    def binning(self) -> By:
        """How events become its frames: as its recipe says, else in equal intervals of time."""
        return "time" if self.recipe is None else self.recipe.data.binning

    @cached_property
    def ann(self) -> Program | None:
        """The ANN it is compared with, captured, with seeded weights; None without a recipe."""
        if self.recipe is None or self.baseline:
            return None
        from neurofer.train.networks import build_network

        return capture_network(build_network(self.recipe, which="baseline", seed=self.seed), self.recipe, baseline=True)

    def sample(self, *, samples: int = 1, seed: int = 0, ann: bool = False) -> Sample | None:
        """Return samples of the recipe's data, seeded ones where it does not come with neurofer; None without recipe.

        Poisson spikes are drawn here, once. With ``ann`` they are what the baseline reads.
        """
        if self.recipe is None:
            return None
        x, origin = raw_sample(self.recipe, samples=samples, seed=seed)
        return self.as_input(x, origin, self.recipe, seed=seed, ann=ann)

    def as_input(self, x: Array, origin: str, recipe: Recipe, *, seed: int = 0, ann: bool = False) -> Sample:
        """Return samples as a data set holds them as the network reads them, see `sample`."""
        import numpy as np

        from neurofer.data.encode import encode, join_frames
        from neurofer.train.grid import analog, levels, to_codes

        spec = recipe.contract
        if self.baseline or ann:
            return Sample(join_frames(x) if spec.encoder == "events" else x, origin)
        if self.exact and analog(self.snn):
            codes, whole = to_codes(x, levels(recipe))
            return Sample(codes, origin if whole else f"{origin}, rounded to integers 0..{levels(recipe)}")
        return Sample(encode(x, spec.encoder, spec.steps, np.random.default_rng(seed)), origin)


def capture_network(module: nn.Module, recipe: Recipe, *, baseline: bool = False, dt: float | None = None) -> Program:
    """Return a recipe's network, or its baseline, as it is captured.

    Args:
        module: the network.
        recipe: what it was made of.
        baseline: whether it is the ANN.
        dt: length of a step in seconds.
    """
    from neurofer.capture import capture
    from neurofer.train.recipe import contract

    channels, height, width = recipe.data.shape
    if baseline:  # sees the frames of all steps at once
        frames = recipe.contract.steps if recipe.contract.encoder == "events" else 1
        return capture(module.eval(), (channels * frames, height, width))
    return capture(module.eval(), (channels, height, width), contract=contract(recipe, dt=1e-4 if dt is None else dt))


def raw_sample(recipe: Recipe, *, samples: int, seed: int) -> tuple[Array, str]:
    """Return samples as a data set holds them, ``[N, *shape]`` or ``[N, T, *shape]``, and where they come from.

    They are the first of the recipe's test part where its data come with neurofer, else drawn.
    """
    from neurofer import data
    from neurofer.train.calibrate import draw_sample

    try:
        found = data.load(recipe.data)
    except UsageError:
        return draw_sample(recipe, samples=samples, seed=seed), f"drawn with seed {seed}, no natural data"
    return found.test.x[:samples], f"the first {samples} of the test part of {found.name}"
