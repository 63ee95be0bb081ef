"""The 68-landmark networks of face-api.js on numpy: a picture of 112 x 112 pixels in, 68 points out.

Blocks of separable convolutions; the first of a block halves the picture, and each later one works on the rectified sum
of all before it. Then the mean over the picture and one matrix. The architecture follows from the names and shapes of
the weights and the published description (face-api.js, MIT).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.faces.face import Points
from neurofer.data.faces.points68 import LANDMARKS
from neurofer.data.faces.weights import Weights, read_weights
from neurofer.errors import Problem, ReadError

SIDE = 112

_MEAN = np.array([122.782, 117.001, 104.298], np.float32)
"""Of the training pictures, RGB."""

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Architecture:
    """Channels of each block, and how many convolutions it has."""

    channels: tuple[int, ...]
    depth: int


# face_landmark_68_model and face_landmark_68_tiny_model.
ARCHITECTURES = (Architecture((32, 64, 128, 256), 4), Architecture((32, 64, 128), 3))


class Network:
    """One of the two networks.

    Args:
        path: of the manifest of its weights.

    Raises:
        ReadError: the weights cannot be read, or are those of another network; all differences are named.
    """

    def __init__(self, path: Path) -> None:
        self._weights = read_weights(path)
        # Of the two, the one that differs in less; the other would only say that it is the other.
        judged = [(_differences(self._weights, known), known) for known in ARCHITECTURES]
        problems, self._architecture = min(judged, key=lambda one: len(one[0]))
        if problems:
            raise ReadError(
                "these are not the weights of a 68-landmark network",
                where=str(path),
                problems=problems,
                next_step="give face_landmark_68_model or face_landmark_68_tiny_model of face-api.js",
            )

    def __call__(self, picture: NDArray[np.uint8]) -> Points:
        """The landmarks (x, y) in pixels of an RGB picture [112, 112, 3], [68, 2]."""
        x = (picture - _MEAN) / np.float32(255)
        for block in range(len(self._architecture.channels)):
            name = f"dense{block}/conv"
            first = self._full(x, f"{name}0") if block == 0 else self._separable(x, f"{name}0", stride=2)
            total = x = np.maximum(first, 0)
            for number in range(1, self._architecture.depth):
                total = total + self._separable(x, f"{name}{number}", stride=1)
                x = np.maximum(total, 0)
        shares = x.mean(axis=(0, 1)) @ self._weights["fc/weights"] + self._weights["fc/bias"]
        # Shares of the picture from its edge; the centre of the first pixel is half a pixel from there.
        points: Points = shares.reshape(LANDMARKS, 2).astype(np.float64) * SIDE - 0.5
        return points

    def _full(self, x: Plane, name: str) -> Plane:
        filters = self._weights[f"{name}/filters"]
        taps = np.concatenate(_taps(x, stride=2), axis=-1)
        y: Plane = taps @ filters.reshape(-1, filters.shape[-1]) + self._weights[f"{name}/bias"]
        return y

    def _separable(self, x: Plane, name: str, *, stride: int) -> Plane:
        depthwise = self._weights[f"{name}/depthwise_filter"].reshape(9, -1)
        taps = _taps(x, stride=stride)
        y = taps[0] * depthwise[0]
        for tap, weight in zip(taps[1:], depthwise[1:], strict=True):
            y += tap * weight
        mixed: Plane = y @ self._weights[f"{name}/pointwise_filter"][0, 0] + self._weights[f"{name}/bias"]
        return mixed


def _taps(x: Plane, *, stride: int) -> Sequence[Plane]:
    """What each of the 3 x 3 weights of a convolution sees of [H, W, C], row by row, padded as TensorFlow's SAME."""
    before = 1 if stride == 1 or x.shape[0] % 2 else 0
    padded = np.pad(x, ((before, 1), (before, 1), (0, 0)))
    rows, columns = (-(-length // stride) for length in x.shape[:2])
    return [
        padded[row : row + stride * (rows - 1) + 1 : stride, column : column + stride * (columns - 1) + 1 : stride]
        for row in range(3)
        for column in range(3)
    ]


def _expected(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    before = 3
    for block, channels in enumerate(architecture.channels):
        for number in range(architecture.depth):
            name = f"dense{block}/conv{number}"
            if block == number == 0:
                shapes[f"{name}/filters"] = (3, 3, before, channels)
            else:
                shapes[f"{name}/depthwise_filter"] = (3, 3, before, 1)
                shapes[f"{name}/pointwise_filter"] = (1, 1, before, channels)
            shapes[f"{name}/bias"] = (channels,)
            before = channels
    return shapes | {"fc/weights": (before, 2 * LANDMARKS), "fc/bias": (2 * LANDMARKS,)}


def _differences(weights: Weights, architecture: Architecture) -> list[Problem]:
    expected = _expected(architecture)
    found: dict[str, Any] = {name: array.shape for name, array in weights.items()}
    problems = [
        Problem(name, f"shape {list(found[name])}, expected {list(shape)}" if name in found else "missing")
        for name, shape in expected.items()
        if found.get(name) != shape
    ]
    problems += [Problem(name, "unknown") for name in found if name not in expected]
    broken = (name for name, array in weights.items() if not np.isfinite(array).all())
    return problems + [Problem(name, "numbers that are not finite") for name in broken]
