"""Two eyes by OpenCV's Haar cascades. They give rotation and scale; the nose stands where it does in most faces.

This is not the method of the authors of Spiking-FER, who use 68 landmarks: it is what works without any weights. Its
eyes scatter by half a pixel, so that a still face (scikit-image's astronaut with sensor noise of 2 in 255, crop `face`)
makes 0.14 events per pixel and frame; with `net68` it makes 0.03.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofer.data.faces.detector import FaceDetector
from neurofer.data.faces.face import Face, Points, Reason, gray
from neurofer.errors import UsageError

# In eye distances, at right angles to the line through the eyes; by `net68` on scikit-image's astronaut 0.61 and 0.70.
_NOSE_BELOW_EYES = 0.6
_NOSE_LENGTH = 0.7


class Eyes:
    """The provider `opencv`."""

    name = "opencv"

    def __init__(self) -> None:
        self._detector = FaceDetector()

    def find(self, frame: NDArray[np.uint8]) -> Face | Reason:
        luma = gray(frame)
        square = self._detector.find(luma)
        if isinstance(square, Reason):
            return square
        eyes = self._detector.eyes(luma, square)
        return Reason.NO_EYES if eyes is None else _face(eyes)


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
