"""A video as a DVS would have seen it: its frames made gray and resized, then the pixel model, in constant memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data import dvs
from neurofer.data.events import Events
from neurofer.data.faces.face import gray
from neurofer.data.video import open_video
from neurofer.errors import ReadError, UsageError


@dataclass(frozen=True)
class Filmed:
    """A video that is being seen.

    Attributes:
        size: width and height of the sensor.
        fps: frames per second of the video.
        blocks: its events, those of each frame after the first, in the order of time.
    """

    size: tuple[int, int]
    fps: float
    blocks: Iterator[Events]


def film(
    path: str | Path,
    *,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    params: dvs.Params | str = "spiking-fer",
    seed: int = 0,
    crossfade: int = 1,
) -> Filmed:
    """Show a video, or a folder of its frames, to a DVS.

    Args:
        path: see `neurofer.data.video.open_video`.
        fps: frames per second; the file's own if not given.
        size: width and height of the sensor, which frames are resized to; the video's own if not given.
        params: the DVS pixel, or the name of a preset.
        seed: of everything random.
        crossfade: how many times as many frames the sensor sees, blends of two, see `neurofer.data.dvs.interpolate`.

    Raises:
        UsageError: neither the file nor the caller tells the frame rate, an unknown preset, a size that is none.
        ReadError: no video, or damaged; while ``blocks`` are read: it ends early.
        MissingPackageError: OpenCV or numba is not installed.
    """
    if size is not None and not 1 <= min(size) <= max(size) < 1 << 15:
        raise UsageError(f"a sensor of {size[0]} x {size[1]} pixels", next_step="give 1 to 32767 in each direction")
    video = open_video(path, fps=fps)
    if video.fps is None:
        raise UsageError("nothing tells how many frames a second has", where=str(path), next_step="give the frame rate")
    frames = video.frames()
    first = next(frames, None)
    if first is None:
        raise ReadError("the video has no frames", where=str(path))
    sensor = size or (first.shape[1], first.shape[0])
    shown = (resized(gray(frame), sensor) for frame in itertools.chain([first], frames))
    blended = dvs.interpolate(shown, crossfade)
    return Filmed(sensor, video.fps, dvs.stream(blended, fps=video.fps * crossfade, params=params, seed=seed))


def resized(frame: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The frame at another size: means of areas where it shrinks, else bilinear."""
    if frame.shape[::-1] == size:
        return frame
    import cv2

    shrinks = size[0] <= frame.shape[1] and size[1] <= frame.shape[0]
    fitted: Any = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(fitted, np.uint8)
