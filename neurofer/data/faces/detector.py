"""Where in a frame a face and its eyes are: the Haar cascades that come with OpenCV (Viola and Jones 2001)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.faces.face import Points, Reason
from neurofer.errors import MissingPackageError

Square = tuple[int, int, int]
"""Left edge, top edge and side in pixels."""

_SMALLEST = 0.1
"""Least side of a face, in shares of the frame's shorter side; smaller ones are mostly texture."""

_LEAST = 24
"""Side of the window the cascades were trained on."""

_UPPER = 0.6
"""The part of a face's square in which eyes are looked for."""

_DISTANCES = (0.25, 0.65)
"""Eye distances that a face can have, in sides of its square."""

_STEEPEST = np.radians(35)


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
    """Upright faces, tilted by up to about 15 degrees, and their eyes."""

    def __init__(self) -> None:
        self._faces = cascade("frontalface_alt2")
        # The second also sees eyes behind glasses, but fewer others.
        self._eyes = (cascade("eye"), cascade("eye_tree_eyeglasses"))

    def find(self, luma: NDArray[np.uint8]) -> Square | Reason:
        """The square around the only face of a gray frame [H, W], or the reason why there is none."""
        squares = self._squares(luma)
        if len(squares) > 1:
            return Reason.SEVERAL
        if squares:
            return squares[0]
        # Only eyes tell a face on its head from texture.
        turned = np.ascontiguousarray(luma[::-1, ::-1])
        on_its_head = any(self.eyes(turned, square) is not None for square in self._squares(turned))
        return Reason.UPSIDE_DOWN if on_its_head else Reason.NO_FACE

    def eyes(self, luma: NDArray[np.uint8], square: Square) -> Points | None:
        """The centres (x, y) of the left and the right eye of a face, [2, 2], left on the picture first."""
        left, top, side = square
        upper = luma[top : top + round(_UPPER * side), left : left + side]
        for kind in self._eyes:
            pair = _pair(kind, upper, side)
            if pair is not None:
                pair += (left, top)
                return pair
        return None

    def _squares(self, luma: NDArray[np.uint8]) -> list[Square]:
        least = max(_LEAST, round(_SMALLEST * min(luma.shape)))
        boxes = self._faces.detectMultiScale(luma, scaleFactor=1.1, minNeighbors=5, minSize=(least, least))
        return [(int(left), int(top), int(side)) for left, top, side, _ in boxes]


def _pair(kind: Any, upper: NDArray[np.uint8], side: int) -> Points | None:
    """The centres of the surest eye in either half, where the two can belong together."""
    boxes, _, sureness = kind.detectMultiScale3(upper, scaleFactor=1.05, minNeighbors=5, outputRejectLevels=True)
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
