"""Who is seen, how the head is held and where the light comes from. Lengths are in half face heights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Person:
    """An identity; brightnesses are luma at full light, 0 to 255."""

    width: float
    taper: float
    eye_distance: float
    eye_height: float
    eye_width: float
    eye_opening: float
    brow_height: float
    brow_thickness: float
    brow_slope: float
    nose_length: float
    nose_width: float
    mouth_height: float
    mouth_width: float
    lip_thickness: float
    hairline: float
    fringe: float
    skin: float
    hair: float
    brow: float
    lips: float
    iris: float
    beard: float
    glasses: bool
    freckles: tuple[tuple[float, float], ...]


def draw_person(rng: np.random.Generator) -> Person:
    """Draw an identity."""
    skin = rng.uniform(105, 205)
    hair = rng.uniform(18, 55) if rng.random() < 0.6 else rng.uniform(55, 150)
    return Person(
        width=rng.uniform(0.68, 0.8),
        taper=rng.uniform(0.02, 0.2),
        eye_distance=rng.uniform(0.275, 0.335),
        eye_height=rng.uniform(-0.2, -0.1),
        eye_width=rng.uniform(0.125, 0.16),
        eye_opening=rng.uniform(0.85, 1.2),
        brow_height=rng.uniform(0.165, 0.22),
        brow_thickness=rng.uniform(0.02, 0.042),
        brow_slope=rng.uniform(-0.03, 0.03),
        nose_length=rng.uniform(0.33, 0.43),
        nose_width=rng.uniform(0.085, 0.125),
        mouth_height=rng.uniform(0.46, 0.54),
        mouth_width=rng.uniform(0.21, 0.27),
        lip_thickness=rng.uniform(0.7, 1.4),
        hairline=rng.uniform(-0.84, -0.68),
        fringe=rng.uniform(-0.5, 0.5),
        skin=skin,
        hair=float(min(hair, skin * 0.75)),
        brow=float(min(hair * 0.8 + 8, skin * 0.6)),
        lips=skin * rng.uniform(0.58, 0.78),
        iris=rng.uniform(25, 80),
        beard=rng.uniform(0.1, 0.35) if rng.random() < 0.2 else 0.0,
        glasses=bool(rng.random() < 0.15),
        freckles=tuple((rng.uniform(-0.45, 0.45), rng.uniform(-0.5, 0.7)) for _ in range(rng.integers(0, 5))),
    )


@dataclass(frozen=True)
class Pose:
    """How a head is held: angles in radians, position and scale in shares of the picture's side.

    Attributes:
        yaw: to the viewer's right.
        pitch: down.
        roll: clockwise.
        x: of the head's centre.
        y: of the head's centre.
        scale: half the face's height.
    """

    yaw: float
    pitch: float
    roll: float
    x: float
    y: float
    scale: float


@dataclass(frozen=True)
class Motion:
    """A head between two poses, with a sway."""

    start: Pose
    end: Pose
    sway: float
    phase: float

    def at(self, time: float) -> Pose:
        """The pose at a share of the clip, 0 to 1."""
        share = time * time * (3 - 2 * time)
        swing = self.sway * float(np.sin(2 * np.pi * time + self.phase) - np.sin(self.phase))
        a, b = self.start, self.end
        return Pose(
            yaw=a.yaw + (b.yaw - a.yaw) * share + swing,
            pitch=a.pitch + (b.pitch - a.pitch) * share + swing * 0.5,
            roll=a.roll + (b.roll - a.roll) * share,
            x=a.x + (b.x - a.x) * share + swing * 0.02,
            y=a.y + (b.y - a.y) * share,
            scale=a.scale + (b.scale - a.scale) * share,
        )


def draw_motion(rng: np.random.Generator, *, movement: float = 1.0) -> Motion:
    """Draw how a head moves during a clip; `movement` scales how far."""
    start = Pose(
        yaw=rng.normal(0, 0.12),
        pitch=rng.normal(0, 0.07),
        roll=rng.normal(0, 0.07),
        x=0.5 + rng.normal(0, 0.02),
        y=0.5 + rng.normal(0, 0.02),
        scale=rng.uniform(0.43, 0.53),
    )
    end = Pose(
        yaw=start.yaw + movement * rng.normal(0, 0.05),
        pitch=start.pitch + movement * rng.normal(0, 0.03),
        roll=start.roll + movement * rng.normal(0, 0.02),
        x=start.x + movement * rng.normal(0, 0.006),
        y=start.y + movement * rng.normal(0, 0.006),
        scale=start.scale * (1 + movement * rng.normal(0, 0.01)),
    )
    return Motion(start, end, movement * rng.uniform(0, 0.02), rng.uniform(0, 2 * np.pi))


@dataclass(frozen=True)
class Light:
    """Where light comes from.

    Attributes:
        direction: unit vector to the light; x right, y down, z to the viewer.
        ambient: share of the light that comes from everywhere.
        background: luma behind the head.
    """

    direction: tuple[float, float, float]
    ambient: float
    background: float


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a light before the face, mostly from above."""
    x, y = rng.uniform(-0.75, 0.75), rng.uniform(-0.7, 0.15)
    norm = float(np.sqrt(x * x + y * y + 1))
    return Light((x / norm, y / norm, 1 / norm), rng.uniform(0.35, 0.7), rng.uniform(40, 200))
