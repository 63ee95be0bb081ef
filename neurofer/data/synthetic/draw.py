"""From a person, a pose, a light and active facial muscles to a picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neurofer.data.synthetic.canvas import Canvas, Window
from neurofer.data.synthetic.mouth import draw_mouth
from neurofer.data.synthetic.person import Light, Person, Pose
from neurofer.data.synthetic.wrinkles import draw_wrinkles

Units = Mapping[str, float]


def draw(person: Person, pose: Pose, light: Light, units: Units, size: int) -> NDArray[np.float32]:
    """One picture of a face.

    Args:
        person: who.
        pose: how the head is held.
        light: where light comes from.
        units: activation of each action unit, see `expression`, and of `blink`.
        size: side of the picture in pixels.

    Returns:
        Luma [size, size], 0 to 255, not rounded.
    """
    canvas = Canvas(size, pose, light, width=person.width, taper=person.taper, jaw=0.13 * units["jaw_drop"])
    _behind(canvas, person)
    _skin(canvas, person, units)
    for side in (-1, 1):
        _eye(canvas, person, units, side)
    _nose(canvas, person, units)
    draw_mouth(canvas, person, units)
    draw_wrinkles(canvas, person, units)
    for side in (-1, 1):
        _brow(canvas, person, units, side)
    _hair(canvas, person)
    if person.glasses:
        _glasses(canvas, person)
    return np.clip(canvas.picture, 0, 255, out=canvas.picture)


def _behind(canvas: Canvas, person: Person) -> None:
    all_ = canvas.whole
    u, v = canvas.u, canvas.v
    neck = all_.edge(np.minimum(person.width * 0.62 - np.abs(u), v - 0.3))
    all_.paint(neck, person.skin * 0.55)
    shoulders = all_.edge(v - 1.05 - 0.5 * np.minimum(u * u, 1))
    all_.paint(shoulders, 0.35 * person.hair + 45)
    back = all_.edge(1 - np.sqrt((u / (person.width * 1.13)) ** 2 + ((v + 0.12) / 1.05) ** 2))
    all_.paint(back * all_.edge(0.35 - v), person.hair)
    for side in (-1, 1):
        ear = 1 - np.sqrt(((u - side * person.width) / 0.09) ** 2 + ((v - 0.02) / 0.17) ** 2)
        all_.paint(all_.edge(ear * 0.09), person.skin * 0.72)


def _skin(canvas: Canvas, person: Person, units: Units) -> None:
    all_ = canvas.whole
    tone = person.skin * all_.shade
    if person.beard:
        shadow = np.clip((all_.y - 0.3) * 4, 0, 1) * np.clip((np.abs(all_.x) + all_.y - 0.42) * 5, 0, 1)
        tone = tone * (1 - np.float32(person.beard) * shadow)
    all_.paint(canvas.head, tone)
    _hair(canvas, person)  # once below the brows, once above them: the head's rim would show through one coat
    raised = units["cheek_raise"] + 0.5 * units["lip_corner_pull"]
    for side in (-1, 1):
        # The bulge of the cheek: light on top, a shadow below.
        cheek = canvas.window(side * 0.4 - 0.25, -0.1, side * 0.4 + 0.25, 0.45)
        dx, dy = (cheek.x - side * 0.38) / 0.17, (cheek.y - (0.16 - 0.06 * raised)) / 0.13
        bulge = np.exp(-(dx * dx + dy * dy))
        cheek.darken(bulge * (dy * np.float32(0.13 * raised + 0.02) - np.float32(0.05 + 0.06 * raised)))
    for fx, fy in person.freckles:
        spot = canvas.window(fx - 0.02, fy - 0.02, fx + 0.02, fy + 0.02)
        spot.darken(0.45 * spot.edge(0.011 - np.hypot(spot.x - fx, spot.y - fy)))


def _eye(canvas: Canvas, person: Person, units: Units, side: int) -> None:
    cx, cy, w = side * person.eye_distance, person.eye_height, person.eye_width
    up = 0.062 * person.eye_opening + 0.042 * units["lid_raise"] - 0.02 * units["lid_tighten"]
    up -= 0.026 * units["lid_droop"] + 0.012 * units["cheek_raise"] + 0.012 * units["nose_wrinkle"]
    low = 0.04 * person.eye_opening + 0.008 * units["lid_raise"]
    low -= 0.022 * units["lid_tighten"] + 0.026 * units["cheek_raise"] + 0.012 * units["nose_wrinkle"]
    up = up + (-low + 0.004 - up) * units["blink"] if up > -low else up
    eye = canvas.window(cx - w - 0.06, cy - 0.2, cx + w + 0.06, cy + 0.16)
    t = (eye.x - cx) / np.float32(w)
    arc = np.maximum(1 - t * t, 0)
    upper, lower = cy - np.float32(up) * arc**0.8, cy + np.float32(low) * arc
    # A hollow around the eye, then the ball, the lids' edges and the crease above.
    hollow = np.exp(-(((eye.x - cx) / 0.19) ** 2) - ((eye.y - cy + 0.03) / 0.11) ** 2)
    eye.darken(np.float32(0.16) * hollow)
    open_ = eye.edge(eye.y - upper) * eye.edge(lower - eye.y) * (arc > 0)
    eye.paint(open_, 205 * eye.shade)
    iris = np.hypot(eye.x - cx, eye.y - cy + np.float32(0.006))
    eye.paint(open_ * eye.edge(0.058 - iris), person.iris * eye.shade)
    eye.paint(open_ * eye.edge(0.026 - iris), 8.0)
    glint = np.hypot(eye.x - cx + np.float32(0.02), eye.y - cy + np.float32(0.028))
    eye.paint(open_ * eye.edge(0.012 - glint), 240.0)
    lash = eye.edge(0.011 - np.abs(eye.y - upper)) * eye.edge(w * 1.05 - np.abs(eye.x - cx))
    eye.darken(np.float32(0.8) * lash)
    under = eye.edge(0.006 - np.abs(eye.y - lower)) * (arc > 0)
    eye.darken(np.float32(0.3) * under)
    crease = cy - np.float32(max(up, 0.02) + 0.035) * (1 - 0.8 * t * t)
    eye.darken(np.float32(0.3) * eye.edge(0.008 - np.abs(eye.y - crease)) * (np.abs(t) < 1))


def _brow(canvas: Canvas, person: Person, units: Units, side: int) -> None:
    base = person.eye_height - person.brow_height
    lower, wrinkle = units["brow_lower"], units["nose_wrinkle"]
    inner_x, outer_x = 0.135 - 0.045 * lower, person.eye_distance + 0.185
    inner = base + 0.01 + person.brow_slope + 0.115 * lower - 0.125 * units["inner_brow_raise"] + 0.045 * wrinkle
    outer = base + 0.03 - person.brow_slope + 0.02 * lower - 0.1 * units["outer_brow_raise"] + 0.01 * wrinkle
    outer += 0.03 * units["inner_brow_raise"] * (1 - min(units["outer_brow_raise"], 1.0))
    arch = 0.045 + 0.045 * units["outer_brow_raise"] - 0.03 * lower
    left, right = sorted((side * (inner_x - 0.05), side * (outer_x + 0.05)))
    brow = canvas.window(left, min(inner, outer) - arch - 0.08, right, max(inner, outer) + 0.08)
    t = (side * brow.x - np.float32(inner_x)) / np.float32(outer_x - inner_x)
    middle = np.float32(inner) + np.float32(outer - inner) * t - np.float32(arch) * 4 * t * (1 - t)
    thickness = np.float32(person.brow_thickness) * (1 - 0.6 * np.clip(t, 0, 1))
    ends = brow.edge((t + 0.02) * np.float32(0.3)) * brow.edge((1 - t) * np.float32(0.3))
    brow.paint(brow.edge(thickness - np.abs(brow.y - middle)) * ends, person.brow * brow.shade)


def _nose(canvas: Canvas, person: Person, units: Units) -> None:
    lift = 0.035 * units["nose_wrinkle"] + 0.012 * units["upper_lip_raise"]
    tip = person.eye_height + person.nose_length - lift
    half = person.nose_width * (1 + 0.14 * units["nose_wrinkle"] + 0.08 * units["lip_corner_pull"])
    nose = canvas.window(-0.24, person.eye_height - 0.1, 0.24, tip + 0.16)
    x, y = nose.x, nose.y
    along = np.clip((y - person.eye_height) / np.float32(tip - person.eye_height), 0, 1)
    flank = np.float32(0.04) + np.float32(half - 0.04) * along**1.5
    inside = nose.edge(tip + 0.08 - y) * nose.edge(y - person.eye_height + 0.05)
    for side in (-1, 1):
        shadow = np.exp(-(((side * x - flank - 0.01) / 0.03) ** 2)) * inside
        nose.darken(np.float32(0.13) * shadow)
        wing = np.abs(np.hypot((side * x - half * 0.85) / 1.0, (y - tip - 0.01) / 1.15) - 0.05)
        outer = nose.edge(side * x - half * 0.8) * nose.edge(y - tip + 0.05)
        nose.darken(np.float32(0.4) * nose.edge(0.011 - wing) * outer)
        hole = 1 - np.hypot((side * x - half * 0.48) / 0.036, (y - tip - 0.048) / 0.016)
        nose.darken(np.float32(0.75) * nose.edge(hole * np.float32(0.016)))
    nose.darken(np.float32(-0.14) * np.exp(-((x / 0.035) ** 2)) * inside * (1 - 0.5 * along))
    nose.darken(np.float32(-0.12) * np.exp(-((x / 0.055) ** 2) - ((y - tip + 0.01) / 0.05) ** 2))


def _hair(canvas: Canvas, person: Person) -> None:
    all_ = canvas.whole
    line = np.float32(person.hairline) + 0.55 * all_.x**2 + np.float32(0.12 * person.fringe) * all_.x
    all_.paint(all_.edge(line - all_.y) * canvas.head, person.hair * (0.4 + 0.6 * all_.shade))


def _glasses(canvas: Canvas, person: Person) -> None:
    rim = canvas.window(-0.62, person.eye_height - 0.2, 0.62, person.eye_height + 0.24)
    for side in (-1, 1):
        lens = np.hypot((rim.x - side * person.eye_distance) / 1.25, rim.y - person.eye_height - 0.015)
        rim.paint(_ring(rim, lens, 0.15), 25.0)
    bridge = rim.edge(0.012 - np.abs(rim.y - person.eye_height)) * rim.edge(person.eye_distance - 0.18 - np.abs(rim.x))
    rim.paint(bridge, 25.0)


def _ring(window: Window, distance: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    ring: NDArray[np.float32] = window.edge(0.013 - np.abs(distance - np.float32(radius)))
    return ring
