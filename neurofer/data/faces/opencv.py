"""Two eyes by OpenCV's Haar cascades. They give rotation and scale; the nose stands where it does in most faces.

This is not the method of the authors of Spiking-FER, who use 68 landmarks: it is what works without any weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.faces.detector import FaceDetector, cascade
from neurofer.data.faces.face import Face, Points, Reason, gray
from neurofer.errors import UsageError

# In eye distances, at right angles to the line through the eyes; by `net68` on scikit-image's astronaut 0.61 and 0.70.
_NOSE_BELOW_EYES = 0.6
_NOSE_LENGTH = 0.7

_EYES = 0.6
"""The upper part of a face's square in which eyes are looked for."""

_DISTANCES = (0.25, 0.65)
"""Eye distances that a face can have, in sides of its square."""

_STEEPEST = np.radians(35)


class Eyes:
    """The provider `opencv`."""

    name = "opencv"

    def __init__(self) -> None:
        self._detector = FaceDetector()
        # The second also sees eyes behind glasses, but fewer others.
        self._cascades = (cascade("eye"), cascade("eye_tree_eyeglasses"))

    def find(self, frame: NDArray[np.uint8]) -> Face | Reason:
        luma = gray(frame)
        box = self._detector.find(luma)
        if isinstance(box, Reason):
            return box
        left, top, side = box
        upper = luma[top : top + round(_EYES * side), left : left + side]
        for eyes in self._cascades:
            pair = _pair(eyes, upper, side)
            if pair is not None:
                return _face(pair + np.array([left, top]))
        return Reason.NO_EYES


def _pair(eyes: Any, upper: NDArray[np.uint8], side: int) -> Points | None:
    """The centres of the surest eye in either half, [2, 2], where the two can belong together."""
    boxes, _, sureness = eyes.detectMultiScale3(upper, scaleFactor=1.05, minNeighbors=5, outputRejectLevels=True)
    if not len(boxes):
        return None
    centres = boxes[:, :2] + (boxes[:, 2:] - 1) / 2
    halves = [np.flatnonzero((centres[:, 0] > (side - 1) / 2) == right) for right in (False, True)]
    if not all(len(half) for half in halves):
        return None
    pair = np.array([centres[half[np.argmax(np.ravel(sureness)[half])]] for half in halves], np.float64)
    across, down = pair[1] - pair[0]
    fits = _DISTANCES[0] <= np.hypot(across, down) / side <= _DISTANCES[1] and abs(np.arctan2(down, across)) < _STEEPEST
    return pair if fits else None


def _face(eyes: Points) -> Face:
    across = eyes[1] - eyes[0]
    down = np.array([-across[1], across[0]])
    return Face(
        points=eyes,
        left_eye=eyes[0],
        right_eye=eyes[1],
        nose=eyes.mean(axis=0) + _NOSE_BELOW_EYES * down,
        nose_length=_NOSE_LENGTH * float(np.hypot(*across)),
    )


def provide(weights: Path | None) -> Eyes:
    """The provider `opencv`.

    Raises:
        UsageError: weights are given; its cascades come with OpenCV.
        MissingPackageError: OpenCV is not installed, or has no cascades.
    """
    if weights is not None:
        raise UsageError("opencv reads no weights", where=str(weights), next_step="choose the provider net68 or dlib")
    return Eyes()
