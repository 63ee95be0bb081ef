"""The 68 landmarks of iBUG 300-W, and what of a face follows from them."""

from __future__ import annotations

import numpy as np

from neurofer.data.faces.face import Face, Points

LANDMARKS = 68

LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
NOSE_ROOT, NOSE_TIP, NOSE_BASE = 27, 30, 33
MOUTH = slice(48, 68)

_STEEPEST = np.radians(45)
_EYES, _NOSES = (0.2, 0.8), (0.2, 2.0)
"""Distances of the eyes that a face can have in sides of its square, and lengths of the nose in those distances."""


def face68(points: Points) -> Face:
    """The face of 68 landmarks (x, y), [68, 2]."""
    base, root = points[NOSE_BASE], points[NOSE_ROOT]
    return Face(
        points=points,
        left_eye=points[LEFT_EYE].mean(axis=0),
        right_eye=points[RIGHT_EYE].mean(axis=0),
        nose=points[NOSE_TIP],
        nose_length=float(np.hypot(*(base - root))),
    )


def plausible(face: Face, side: float) -> bool:
    """Whether these 68 landmarks can be a face that was found in a square of that side.

    The eyes lie side by side above the mouth, and their distance and the nose fit each other and the square.
    """
    apart = _EYES[0] < face.eye_distance / side < _EYES[1]
    if not (apart and abs(face.roll) < _STEEPEST and _NOSES[0] < face.nose_length / face.eye_distance < _NOSES[1]):
        return False
    x, y = face.points[MOUTH].mean(axis=0) - (face.left_eye + face.right_eye) / 2
    return bool(y * np.cos(face.roll) > x * np.sin(face.roll))
