"""Where in a frame a face is: the Haar cascade that comes with OpenCV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.faces.face import Reason
from neurofer.errors import MissingPackageError

_SMALLEST = 0.1
"""Least side of a face, in shares of the frame's shorter side; smaller ones are mostly texture."""

_LEAST = 24
"""Side of the window the cascades were trained on."""


def cascade(name: str) -> Any:
    """Load one of OpenCV's cascades.

    Raises:
        MissingPackageError: this build of OpenCV ships without cascades, as OpenCV 5 does.
    """
    import cv2
    import cv2.data

    path = Path(cv2.data.haarcascades, f"haarcascade_{name}.xml")
    if not path.is_file():
        raise MissingPackageError(
            f"OpenCV {cv2.__version__} comes without its Haar cascades",
            where=str(path),
            next_step="pip install 'neurofer[faces]', which asks for OpenCV 4",
        )
    return cv2.CascadeClassifier(str(path))


class FaceDetector:
    """Upright faces, tilted by up to about 15 degrees."""

    def __init__(self) -> None:
        self._cascade = cascade("frontalface_alt2")

    def find(self, luma: NDArray[np.uint8]) -> tuple[int, int, int] | Reason:
        """The left edge, top edge and side of the square around the only face, or the reason why there is none."""
        boxes = self._boxes(luma)
        if len(boxes) > 1:
            return Reason.SEVERAL
        if len(boxes) == 1:
            left, top, side, _ = (int(edge) for edge in boxes[0])
            return left, top, side
        return Reason.UPSIDE_DOWN if len(self._boxes(np.ascontiguousarray(luma[::-1, ::-1]))) else Reason.NO_FACE

    def _boxes(self, luma: NDArray[np.uint8]) -> Any:
        least = max(_LEAST, round(_SMALLEST * min(luma.shape)))
        return self._cascade.detectMultiScale(luma, scaleFactor=1.1, minNeighbors=5, minSize=(least, least))
