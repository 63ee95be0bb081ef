"""68 landmarks by a small network, whose weights the user names; the face is found by OpenCV's cascade."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofer.data.faces.align import Placement, sample
from neurofer.data.faces.detector import FaceDetector
from neurofer.data.faces.face import Face, Reason, gray
from neurofer.data.faces.network import SIDE, Network
from neurofer.data.faces.points68 import face68, plausible
from neurofer.errors import UsageError

_LOOKS = 3
"""How often the network looks, each time at a square around what it saw before, which is turned upright.

On scikit-image's astronaut, shifted by 25 fractions of pixels, landmarks scatter by 0.36 pixels after one look and by
0.11 after three; and a square around something else shows in looks that disagree.
"""

_MARGIN = 1.2
"""Side of the square in sides of the box around the landmarks."""

_AGREEMENT = 0.1
"""How far an eye may move from the second look to the third, in eye distances."""


class Net68:
    """The provider `net68`."""

    name = "net68"

    def __init__(self, weights: Path) -> None:
        self._detector = FaceDetector()
        self._network = Network(weights)

    def find(self, frame: NDArray[np.uint8]) -> Face | Reason:
        luma = gray(frame)
        found = self._detector.find(luma)
        if isinstance(found, Reason):
            return found
        left, top, side = found
        colours = frame if frame.ndim == 3 else np.repeat(frame[:, :, None], 3, axis=2)
        square = Placement(left + (side - 1) / 2, top + (side - 1) / 2, side, side, 0.0)
        before = face = self._look(colours, square)
        for _ in range(_LOOKS - 1):
            if not plausible(face, side):
                return Reason.NO_LANDMARKS
            before, face = face, self._look(colours, _around(face))
        return face if plausible(face, side) and _agree(before, face) else Reason.NO_LANDMARKS

    def _look(self, frame: NDArray[np.uint8], square: Placement) -> Face:
        matrix = square.matrix(SIDE)
        points = self._network(sample(frame, matrix, SIDE))
        return face68(points @ matrix[:, :2].T + matrix[:, 2])


def _around(face: Face) -> Placement:
    """The upright square around a face's landmarks."""
    c, s = np.cos(face.roll), np.sin(face.roll)
    turn = np.array([[c, -s], [s, c]])
    upright = face.points @ turn
    low, high = upright.min(axis=0), upright.max(axis=0)
    x, y = turn @ ((low + high) / 2)
    side = _MARGIN * float((high - low).max())
    return Placement(x, y, side, side, face.roll)


def _agree(before: Face, after: Face) -> bool:
    moved = max(
        np.hypot(*(after.left_eye - before.left_eye)),
        np.hypot(*(after.right_eye - before.right_eye)),
    )
    return bool(moved < _AGREEMENT * after.eye_distance)


def provide(weights: Path | None) -> Net68:
    """The provider `net68`.

    Raises:
        UsageError: no weights are given.
        ReadError: the weights cannot be read, or are those of another network.
        MissingPackageError: OpenCV is not installed, or has no cascades.
    """
    if weights is None:
        raise UsageError(
            "net68 needs the weights of its network",
            next_step="give face_landmark_68_model-weights_manifest.json of face-api.js (MIT), its shard beside it",
        )
    return Net68(weights)
