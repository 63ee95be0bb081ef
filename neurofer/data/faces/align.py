"""Where the standardised picture lies in a frame, and how it is sampled from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurofer.data.faces.face import Face, Points
from neurofer.errors import UsageError


@dataclass(frozen=True)
class Crop:
    """How large a rectangle around the tip of the nose is kept.

    Attributes:
        height: in nose lengths.
        width: in eye distances.
        lengths: the frame in which these are measured: each its own, or all the first, so that no expression zooms.
    """

    height: float
    width: float
    lengths: Literal["each", "first"]

    def __post_init__(self) -> None:
        if not (0 < self.height < np.inf and 0 < self.width < np.inf):
            raise UsageError(f"a crop of {self.height} nose lengths by {self.width} eye distances holds no picture")
        if self.lengths not in {"each", "first"}:
            raise UsageError(f"lengths cannot be measured in {self.lengths!r}", next_step="choose each or first")


CROPS: Mapping[str, Crop] = MappingProxyType(
    {
        # The README of the authors of Spiking-FER, word by word: 2 x 2/3 of either length, in every frame. On a real
        # face (scikit-image's astronaut, 94 pixels wide, 89 from brows to chin) that is 57 x 40 pixels: the nose and
        # the upper lip, neither eye, 20 of the 68 landmarks. It cannot be what the authors show in their Figure 3.
        "as-written": Crop(height=4 / 3, width=4 / 3, lengths="each"),
        # The same numbers as the reach to either side of the nose: 113 x 79 pixels there, from the brows to under the
        # lips and from ear to ear, 61 landmarks. Measured once, as a nose that wrinkles would zoom.
        "face": Crop(height=8 / 3, width=8 / 3, lengths="first"),
    }
)


def named_crop(name: str) -> Crop:
    """The crop of that name.

    Raises:
        UsageError: no such crop.
    """
    if name not in CROPS:
        raise UsageError(f"there is no crop '{name}'", next_step=f"choose one of {', '.join(CROPS)}")
    return CROPS[name]


@dataclass(frozen=True)
class Placement:
    """The rectangle of a frame that becomes the picture.

    Attributes:
        x: of its centre, the tip of the nose, in pixels of the frame.
        y: of its centre.
        width: in pixels of the frame.
        height: in pixels of the frame.
        angle: by which it is turned on the frame, radians, clockwise on the screen.
    """

    x: float
    y: float
    width: float
    height: float
    angle: float

    def matrix(self, size: int) -> Points:
        """The affine map [2, 3] from pixels of a picture [size, size] to pixels of the frame."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        linear = np.array([[c, -s], [s, c]]) * (self.width / size, self.height / size)
        return np.column_stack([linear, (self.x, self.y) - linear @ np.full(2, (size - 1) / 2)])

    def holds(self, points: Points) -> NDArray[np.bool_]:
        """Which of the points [K, 2] of the frame lie inside."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        across, down = ((points - (self.x, self.y)) @ np.array([[c, -s], [s, c]])).T
        inside: NDArray[np.bool_] = (np.abs(across) <= self.width / 2) & (np.abs(down) <= self.height / 2)
        return inside


def place(face: Face, first: Face, crop: Crop, *, level: bool = False) -> Placement:
    """Where the picture of a frame lies.

    Args:
        face: of the frame.
        first: of the video's first frame.
        crop: how much is kept.
        level: turn the eyes of the first frame level; else the video keeps the tilt of its first frame.
    """
    lengths = face if crop.lengths == "each" else first
    return Placement(
        x=float(face.nose[0]),
        y=float(face.nose[1]),
        width=crop.width * lengths.eye_distance,
        height=crop.height * lengths.nose_length,
        angle=_turn(first.points, face.points) + (first.roll if level else 0.0),
    )


def _turn(start: Points, end: Points) -> float:
    """The angle by which points [K, 2] were turned, in the sense of least squares whatever their shift and scale."""
    z, w = ((points - points.mean(axis=0)) @ (1, 1j) for points in (start, end))
    return float(np.angle(np.vdot(z, w)))


def sample(frame: NDArray[np.uint8], matrix: Points, size: int) -> NDArray[np.uint8]:
    """The picture [size, size] or [size, size, 3] that an affine map finds in a frame.

    Where the frame is finer than the picture, each pixel is the mean of samples at most a pixel of the frame apart, so
    that nothing aliases; where it is coarser, the bilinear value. What lies outside continues the frame's border.

    Args:
        frame: [H, W] or [H, W, 3].
        matrix: from pixels of the picture to pixels of the frame, [2, 3].
        size: of the picture.
    """
    import cv2

    finer = np.maximum(1, np.ceil(np.hypot(*matrix[:, :2]) - 1e-9)).astype(int)
    linear = matrix[:, :2] / finer
    dense = np.column_stack([linear, matrix[:, 2] + linear @ ((1 - finer) / 2)])
    columns, rows = (int(count) * size for count in finer)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    samples = cv2.warpAffine(frame, dense, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    means: Any = cv2.resize(samples, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.uint8)
