"""Seeded spikes for networks that bring no data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurofer.ir import Program
from neurofer.ir.nodes import Array


def draw_input(
    program: Program, *, steps: int, samples: int, density: float, seed: int
) -> tuple[Mapping[str, Array], str]:
    """Return seeded Bernoulli spikes (times 1..m, for integers 0..m) for every Input node, and how they were drawn.

    They are ``[T, N, *shape]``, or ``[N, *shape]`` where the encoder is ``constant``.
    """
    rng = np.random.default_rng(seed)
    lead = (samples,) if program.contract.encoder == "constant" else (steps, samples)
    drawn: dict[str, Array] = {}
    for name in program.inputs:
        shape, top = (*lead, *program.shapes[name]), program.domains[name].max or 1
        drawn[name] = (rng.random(shape) < density).astype(np.min_scalar_type(top))
        if top > 1:  # an image, or sums of spikes: values over the whole range
            drawn[name] *= rng.integers(1, top + 1, shape).astype(drawn[name].dtype)
    return drawn, f"Bernoulli spikes of density {density:g} drawn with seed {seed}, no natural data"
