"""The Poisson encoder (Conv-SNN with STDP fine-tuning, section 3.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.errors import UsageError


def encode_poisson(x: NDArray[Any], steps: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Spikes whose probability at every step is the value itself: 0 never spikes, 1 always does.

    Args:
        x: values in [0, 1], [N, *shape].
        steps: T.
        rng: source of the draws; the same state gives the same spikes.

    Returns:
        Spikes, uint8 [T, N, *shape].

    Raises:
        UsageError: values outside [0, 1] or not finite.
    """
    if not bool(np.all((x >= 0) & (x <= 1))):
        raise UsageError("the Poisson encoder needs values in [0, 1]", next_step="set the scale of the recipe's data")
    return np.stack([rng.random(x.shape) < x for _ in range(steps)]).astype(np.uint8)
