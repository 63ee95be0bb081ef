"""68 landmarks by dlib's shape predictor (Kazemi and Sullivan 2014), whose file the user names.

dlib finds the face too, as its predictors are trained on the rectangles of its own detector. The predictor that dlib
offers, `shape_predictor_68_face_landmarks.dat`, is for non-commercial use. Its landmarks are whole pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.faces.face import Face, Reason, gray
from neurofer.data.faces.points68 import LANDMARKS, face68, plausible
from neurofer.errors import ReadError, UsageError

_SURE = 0.3
"""Least score of a face; on scikit-image's astronaut the face has 1.2 and the only other find, on her suit, 0.1."""

_ROOMY = 800
"""Shorter side of a frame from which on it is not enlarged: faces under a tenth of that are not looked for."""


class Dlib:
    """The provider `dlib`."""

    name = "dlib"

    def __init__(self, weights: Path) -> None:
        import dlib

        self._predictor = _load(weights)
        self._detector = dlib.get_frontal_face_detector()

    def find(self, frame: NDArray[np.uint8]) -> Face | Reason:
        luma = gray(frame)
        boxes = self._boxes(luma)
        if len(boxes) > 1:
            return Reason.SEVERAL
        if not boxes:
            return Reason.UPSIDE_DOWN if self._boxes(np.ascontiguousarray(luma[::-1, ::-1])) else Reason.NO_FACE
        parts = self._predictor(luma, boxes[0]).parts()
        face = face68(np.array([(part.x, part.y) for part in parts], np.float64))
        return face if plausible(face, boxes[0].width()) else Reason.NO_LANDMARKS

    def _boxes(self, luma: NDArray[np.uint8]) -> list[Any]:
        boxes, scores, _ = self._detector.run(luma, int(min(luma.shape) < _ROOMY), _SURE)
        del scores  # all above the least
        return list(boxes)


def _load(weights: Path) -> Any:
    import dlib

    if not weights.is_file():
        raise ReadError("there is no such file", where=str(weights), next_step="give dlib's shape predictor file")
    try:
        predictor = dlib.shape_predictor(str(weights))
    except RuntimeError as error:
        raise ReadError("this is no shape predictor of dlib's", where=str(weights), why=str(error)) from error
    count = predictor(np.zeros((LANDMARKS, LANDMARKS), np.uint8), dlib.rectangle(0, 0, LANDMARKS, LANDMARKS)).num_parts
    if count != LANDMARKS:
        raise ReadError(
            f"this predictor places {count} landmarks, not {LANDMARKS}",
            where=str(weights),
            next_step="give a predictor of the 68 landmarks of iBUG 300-W",
        )
    return predictor


def provide(weights: Path | None) -> Dlib:
    """The provider `dlib`.

    Raises:
        UsageError: no weights are given.
        ReadError: the weights cannot be read, or place other landmarks.
        ModuleNotFoundError: dlib is not installed.
    """
    if weights is None:
        raise UsageError(
            "dlib needs the file of its shape predictor", next_step="give shape_predictor_68_face_landmarks.dat"
        )
    return Dlib(weights)
