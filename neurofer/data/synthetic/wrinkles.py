"""Lines that come and go with the muscles below the skin; one that a muscle at rest does not show is not computed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurofer.data.synthetic.canvas import Canvas
from neurofer.data.synthetic.person import Person

Units = Mapping[str, float]


def draw_wrinkles(canvas: Canvas, person: Person, units: Units) -> None:
    """Darken the picture where the skin folds."""
    for side in (-1, 1):
        _cheek(canvas, person, units, side)
        if units["cheek_raise"]:
            _crow(canvas, person, units["cheek_raise"], side)
        if units["brow_lower"]:
            _frown(canvas, person, units["brow_lower"], side)
    if units["nose_wrinkle"]:
        _nose(canvas, person, units["nose_wrinkle"])
    if units["inner_brow_raise"] or units["outer_brow_raise"]:
        _forehead(canvas, person, units)
    below = person.mouth_height + 0.2
    chin = canvas.window(-0.2, below - 0.1, 0.2, below + 0.12)
    boss = np.exp(-((chin.x / 0.12) ** 2) - ((chin.y - below) / 0.035) ** 2)
    chin.darken(np.float32(0.08 + 0.22 * units["chin_raise"]) * boss)


def _cheek(canvas: Canvas, person: Person, units: Units, side: int) -> None:
    # From the wing of the nose past the corner of the mouth.
    depth = max(units["lip_corner_pull"], units["upper_lip_raise"], 0.4 * units["lip_stretch"])
    fold = canvas.window(side * 0.3 - 0.2, 0.1, side * 0.3 + 0.2, person.mouth_height + 0.15)
    t = (fold.y - np.float32(0.2)) / np.float32(person.mouth_height - 0.16)
    spread = np.float32(0.15 + 0.07 * units["lip_corner_pull"])
    bend = np.float32(person.nose_width + 0.03) + spread * np.clip(t, 0, 2) ** np.float32(0.8)
    ends = np.clip(4 * t, 0, 1) * np.clip(4 - 4 * t, 0, 1)
    line = np.exp(-(((side * fold.x - bend) / np.float32(0.016)) ** 2)) * ends
    fold.darken(np.float32(0.05 + 0.33 * min(depth, 1.0)) * line)


def _crow(canvas: Canvas, person: Person, raised: float, side: int) -> None:
    eye = person.eye_height
    corner = canvas.window(side * 0.56 - 0.1, eye - 0.1, side * 0.56 + 0.1, eye + 0.14)
    reach = side * corner.x - np.float32(person.eye_distance + person.eye_width + 0.02)
    for slope in (-0.5, 0.0, 0.5):
        ray = corner.edge(0.006 - np.abs(corner.y - eye - 0.02 - slope * reach))
        corner.darken(np.float32(0.3 * min(raised, 1.0)) * ray * corner.edge(reach) * corner.edge(0.09 - reach))


def _frown(canvas: Canvas, person: Person, lowered: float, side: int) -> None:
    eye = person.eye_height
    frown = canvas.window(side * 0.06 - 0.05, eye - 0.34, side * 0.06 + 0.05, eye - 0.04)
    line = frown.edge(0.008 - np.abs(side * frown.x - 0.05 + 0.1 * (frown.y - eye + 0.2)))
    length = frown.edge(0.085 - np.abs(frown.y - eye + 0.19))
    frown.darken(np.float32(0.45 * min(lowered, 1.0)) * line * length)


def _nose(canvas: Canvas, person: Person, wrinkled: float) -> None:
    root = canvas.window(-0.13, person.eye_height, 0.13, person.eye_height + 0.25)
    across = root.edge(0.1 - np.abs(root.x))
    for level in (0.1, 0.15, 0.2):
        line = root.edge(0.009 - np.abs(root.y - person.eye_height - level + 0.6 * np.abs(root.x)))
        root.darken(np.float32(0.42 * min(wrinkled, 1.0)) * line * across)


def _forehead(canvas: Canvas, person: Person, units: Units) -> None:
    raised = min(0.5 * units["inner_brow_raise"] + 0.5 * units["outer_brow_raise"], 1.0)
    reach = 0.16 + 0.28 * min(units["outer_brow_raise"], 1.0)
    top = person.eye_height - person.brow_height
    area = canvas.window(-0.5, top - 0.36, 0.5, top - 0.05)
    across = area.edge(reach - np.abs(area.x))
    for level in (0.17, 0.24, 0.31):
        line = area.edge(0.008 - np.abs(area.y - (top - level + 0.05 * area.x**2)))
        area.darken(np.float32(0.33 * raised) * line * across)
