"""What is known of a face in a frame, why a frame has none, and what finds faces. Pixel (0, 0) is centred at (0, 0)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurofer.errors import Problem

Points = NDArray[np.float64]


class Reason(StrEnum):
    """Why a frame is not standardised."""

    NO_FACE = "no upright face"
    SEVERAL = "several faces"
    UPSIDE_DOWN = "a face that is upside down"
    NO_EYES = "a face without two eyes"
    NO_LANDMARKS = "a face without landmarks that fit a face"


@dataclass(frozen=True)
class Face:
    """The one face of a frame; left and right are the viewer's.

    Attributes:
        points: (x, y) of the landmarks that decide on the rotation, [K, 2].
        left_eye: (x, y) of its centre.
        right_eye: the same.
        nose: (x, y) of its tip.
        nose_length: in pixels, from its root between the eyes to its base.
    """

    points: Points
    left_eye: Points
    right_eye: Points
    nose: Points
    nose_length: float

    @property
    def eye_distance(self) -> float:
        """Pixels between the centres of the eyes."""
        return float(np.hypot(*(self.right_eye - self.left_eye)))

    @property
    def roll(self) -> float:
        """Angle of the line through the eyes in radians, clockwise on the screen; 0 is level."""
        across, down = self.right_eye - self.left_eye
        return float(np.arctan2(down, across))


class Provider(Protocol):
    """What finds the landmarks of a face.

    Attributes:
        name: by which it was chosen.
    """

    name: str

    def find(self, frame: NDArray[np.uint8]) -> Face | Reason:
        """The one upright face of a frame, RGB [H, W, 3] or gray [H, W], or the reason why there is none."""
        ...


@dataclass(frozen=True)
class Fault:
    """A frame that is not standardised, by its number from 0, and why."""

    frame: int
    reason: Reason


def as_problems(faults: Iterable[Fault]) -> list[Problem]:
    """One problem for each run of frames with the same reason, in the order of the video."""
    runs = groupby(enumerate(faults), lambda item: (item[1].frame - item[0], item[1].reason))
    return [_problem([fault for _, fault in run]) for _, run in runs]


def _problem(run: list[Fault]) -> Problem:
    first, last = run[0].frame, run[-1].frame
    return Problem(f"frame {first}" if first == last else f"frames {first} to {last}", run[0].reason)


def gray(frame: NDArray[Any]) -> NDArray[np.uint8]:
    """Luma (BT.601) of an RGB frame [H, W, 3]; a gray one [H, W] as it is."""
    import cv2

    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) if frame.ndim == 3 else frame, np.uint8)
