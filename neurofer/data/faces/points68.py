"""The 68 landmarks of iBUG 300-W, and what of a face follows from them."""

from __future__ import annotations

from neurofer.data.faces.face import Face, Points

LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
NOSE_ROOT, NOSE_TIP, NOSE_BASE = 27, 30, 33
MOUTH = slice(48, 68)


def face68(points: Points) -> Face:
    """The face of 68 landmarks (x, y), [68, 2]."""
    base, root = points[NOSE_BASE], points[NOSE_ROOT]
    return Face(
        points=points,
        left_eye=points[LEFT_EYE].mean(axis=0),
        right_eye=points[RIGHT_EYE].mean(axis=0),
        nose=points[NOSE_TIP],
        nose_length=float(((base - root) ** 2).sum() ** 0.5),
    )
