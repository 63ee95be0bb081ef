"""From stored samples to what a network reads: time first for spiking networks, frames joined for the baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.poisson import encode_poisson


def encode(x: NDArray[Any], encoder: str, steps: int, rng: np.random.Generator) -> NDArray[Any]:
    """Samples as a spiking network reads them.

    Args:
        x: images [N, *shape], or event frames [N, T, *shape] for the encoder `events`.
        encoder: `events`, `constant` or `poisson`, as in a contract.
        steps: T.
        rng: used by `poisson` alone.

    Returns:
        `constant`: the images [N, *shape]; else spikes [T, N, *shape].
    """
    if encoder == "events":
        return np.ascontiguousarray(np.moveaxis(x, 1, 0))
    if encoder == "poisson":
        return encode_poisson(x, steps, rng)
    return x


def join_frames(x: NDArray[Any]) -> NDArray[Any]:
    """Event frames [N, T, C, H, W] as one image of T * C channels, time slowest (Spiking-FER, section 4.4)."""
    return x.reshape(len(x), -1, *x.shape[3:])
