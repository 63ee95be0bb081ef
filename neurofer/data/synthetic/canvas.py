"""A picture whose pixels know where on the head they lie. Every edge is about one pixel soft."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.synthetic.person import Light, Pose

Plane = NDArray[np.float32]

# Where a rectangle's outline is looked up: its corners, the middles of its sides, its middle.
_ACROSS, _DOWN = np.array([(x, y) for y in (0.0, 0.5, 1.0) for x in (0.0, 0.5, 1.0)]).T


@dataclass(frozen=True)
class Window:
    """A rectangle of the picture.

    Attributes:
        picture: luma, a view to paint on.
        x: on the face, to the viewer's right, zero in the middle.
        y: on the face, down, -1 at the crown and 1 at the chin.
        shade: light that falls there, about 0 to 1.
        soft: width of an edge in the units of x and y.
    """

    picture: Plane
    x: Plane
    y: Plane
    shade: Plane
    soft: float

    def edge(self, inside: Any) -> Any:
        """Coverage, 0 to 1, from a signed distance that is positive inside."""
        return np.clip(inside * np.float32(1 / self.soft) + np.float32(0.5), 0, 1)

    def paint(self, coverage: Any, luma: Any) -> None:
        """Lay a colour over the picture."""
        np.add(self.picture, coverage * (luma - self.picture), out=self.picture)

    def darken(self, coverage: Any) -> None:
        """Take a share of the light away; a negative share adds light."""
        np.multiply(self.picture, np.float32(1) - coverage, out=self.picture)


class Canvas:
    """A head seen by a camera: an ellipsoid under a rotation, each pixel traced back to the surface.

    Args:
        size: side of the picture in pixels.
        pose: of the head.
        light: that falls on it.
        width: half the face's width over half its height.
        taper: how much narrower the chin is.
        jaw: how far the chin is lowered.
    """

    def __init__(self, size: int, pose: Pose, light: Light, *, width: float, taper: float, jaw: float) -> None:
        self._size, self._pose, self._width, self._taper, self._jaw = size, pose, width, taper, jaw
        self._scale = pose.scale * size
        across = (np.arange(size, dtype=np.float32) + np.float32(0.5) - np.float32(pose.x * size)) / self._scale
        down = (np.arange(size, dtype=np.float32) + np.float32(0.5) - np.float32(pose.y * size)) / self._scale
        c, s = np.float32(np.cos(pose.roll)), np.float32(np.sin(pose.roll))
        self.u = (across * c)[None, :] + (down * s)[:, None]
        self.v = (down * c)[:, None] - (across * s)[None, :]
        ny = np.where(self.v > 0, self.v / np.float32(1 + jaw), self.v)
        nx = self.u / (np.float32(width) * (1 - np.float32(taper) * np.maximum(ny, 0) ** 2))
        radius = np.sqrt(nx * nx + ny * ny)
        self.head = np.clip((1 - radius) * np.float32(self._scale * width) + np.float32(0.5), 0, 1)
        nz = np.sqrt(np.maximum(1 - radius * radius, 0))
        self.shade = self._lit(light, nx, ny, nz)
        cy, sy = np.float32(np.cos(pose.yaw)), np.float32(np.sin(pose.yaw))
        cp, sp = np.float32(np.cos(pose.pitch)), np.float32(np.sin(pose.pitch))
        depth = nx * sy + nz * cy
        self.x = (nx * cy - nz * sy) * np.float32(width)
        self.y = ny * cp - depth * sp
        self.picture = np.full((size, size), light.background, np.float32)

    @staticmethod
    def _lit(light: Light, nx: Plane, ny: Plane, nz: Plane) -> Plane:
        lx, ly, lz = (np.float32(part) for part in light.direction)
        facing = np.maximum(nx * lx + ny * ly + nz * lz, 0)
        lit: Plane = np.float32(light.ambient) + np.float32(1 - light.ambient) * facing
        return lit

    @property
    def whole(self) -> Window:
        """The whole picture."""
        return Window(self.picture, self.x, self.y, self.shade, 1 / self._scale)

    def window(self, left: float, top: float, right: float, bottom: float) -> Window:
        """The part of the picture that holds a rectangle of the face."""
        columns, rows = self._project(left + (right - left) * _ACROSS, top + (bottom - top) * _DOWN)
        c0, c1 = (min(max(int(edge), 0), self._size) for edge in (columns.min() - 3, columns.max() + 4))
        r0, r1 = (min(max(int(edge), 0), self._size) for edge in (rows.min() - 3, rows.max() + 4))
        part = np.s_[r0:r1, c0:c1]
        return Window(self.picture[part], self.x[part], self.y[part], self.shade[part], 1 / self._scale)

    def _project(self, x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        pose = self._pose
        hx = x / self._width
        hz = np.sqrt(np.maximum(1 - hx * hx - y * y, 0))
        # The inverse of the two rotations above, pitch first.
        ny, depth = y * np.cos(pose.pitch) + hz * np.sin(pose.pitch), hz * np.cos(pose.pitch) - y * np.sin(pose.pitch)
        nx = hx * np.cos(pose.yaw) + depth * np.sin(pose.yaw)
        u = nx * self._width * (1 - self._taper * np.maximum(ny, 0) ** 2)
        v = np.where(ny > 0, ny * (1 + self._jaw), ny)
        c, s = np.cos(pose.roll), np.sin(pose.roll)
        across, down = u * c - v * s, u * s + v * c
        return pose.x * self._size + across * self._scale, pose.y * self._size + down * self._scale
