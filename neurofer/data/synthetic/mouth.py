"""The mouth: two lips between two corners, teeth and a dark inside where they part."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurofer.data.synthetic.canvas import Canvas
from neurofer.data.synthetic.person import Person

Units = Mapping[str, float]


def draw_mouth(canvas: Canvas, person: Person, units: Units) -> None:
    """Paint the mouth on the canvas, shaped by the units that move it."""
    half = person.mouth_width * (
        1
        + 0.3 * units["lip_corner_pull"]
        + 0.24 * units["lip_stretch"]
        - 0.13 * units["lip_tighten"]
        - 0.3 * units["lip_round"]
    )
    corner = -0.115 * units["lip_corner_pull"] + 0.1 * units["lip_corner_depress"] + 0.03 * units["lip_stretch"]
    corner += 0.02 * units["upper_lip_raise"]
    middle = person.mouth_height + 0.02 * units["lip_corner_pull"] - 0.03 * units["chin_raise"]
    up = 0.075 * units["upper_lip_raise"] + 0.03 * units["lips_part"] + 0.05 * units["lip_round"] * units["jaw_drop"]
    down = 0.085 * units["lips_part"] + 0.2 * units["jaw_drop"]
    thin = 1 - 0.62 * min(units["lip_tighten"], 1.0) - 0.2 * units["lip_corner_pull"] - 0.15 * units["lip_stretch"]
    upper_lip = 0.048 * person.lip_thickness * thin
    lower_lip = 0.062 * person.lip_thickness * thin + 0.015 * units["chin_raise"]

    mouth = canvas.window(-half - 0.06, middle - 0.26, half + 0.06, middle + 0.45)
    t = mouth.x / np.float32(half)
    arc = np.maximum(1 - t * t, 0)
    # A stretched mouth opens as a slot, a dropped jaw as an oval.
    opening = arc ** np.float32(0.5) if units["lip_stretch"] > units["jaw_drop"] else arc ** np.float32(0.7)
    line = np.float32(middle) + np.float32(corner) * np.minimum(t * t, 1.2)
    inner_top, inner_bottom = line - np.float32(up) * opening, line + np.float32(down) * opening
    cupid = 1 - np.float32(0.25) * np.exp(-((t / np.float32(0.16)) ** 2))
    outer_top = inner_top - np.float32(upper_lip) * arc ** np.float32(0.7) * cupid
    outer_bottom = inner_bottom + np.float32(lower_lip) * arc ** np.float32(0.8)
    within = (arc > 0).astype(np.float32)

    lips = mouth.edge(mouth.y - outer_top) * mouth.edge(outer_bottom - mouth.y) * within
    glow = np.where(mouth.y < line, np.float32(0.88), np.float32(1.06))
    mouth.paint(lips, person.lips * mouth.shade * glow)
    gap = mouth.edge(mouth.y - inner_top) * mouth.edge(inner_bottom - mouth.y) * within
    visible = np.float32(min((up + down) / 0.03, 1.0))
    mouth.paint(gap * visible, 22.0)
    teeth = max(0.0, min(0.05, 0.75 * (up + down)) * (1 - 0.7 * units["lip_round"]))
    if teeth > 0.004:
        upper_row = mouth.edge(inner_top + np.float32(teeth) - mouth.y) * mouth.edge(
            (0.93 - np.abs(t)) * np.float32(half)
        )
        mouth.paint(gap * upper_row * visible, 215 * mouth.shade)
    seam = mouth.edge(0.009 - np.abs(mouth.y - line)) * mouth.edge((1.04 - np.abs(t)) * np.float32(half))
    mouth.darken(np.float32(0.62) * seam * (1 - visible))
    under = np.exp(-((t / np.float32(0.7)) ** 2) - ((mouth.y - outer_bottom - np.float32(0.035)) / 0.022) ** 2)
    mouth.darken(np.float32(0.16) * under)
    for side in (-1, 1):
        dimple = np.hypot(mouth.x - side * np.float32(half * 1.02), mouth.y - np.float32(middle + corner))
        mouth.darken(np.float32(0.35) * np.exp(-((dimple / np.float32(0.022)) ** 2)))
