"""Frames of a video, one after the other: any file that OpenCV's FFmpeg decodes, or a folder of pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.errors import MissingPackageError, ReadError, UsageError

PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

_SLACK = 0.02
"""Share of its announced frames that a whole video may lack; some containers count from duration and rate."""


@dataclass(frozen=True)
class Video:
    """A video on disk.

    Attributes:
        path: of the file or folder.
        fps: frames per second; None where neither the file nor the caller tells.
        count: frames it announces, None where it does not; the frames that are read decide.
    """

    path: Path
    fps: float | None
    count: int | None

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Read it from the start: RGB, uint8 [H, W, 3].

        Raises:
            ReadError: a damaged picture, or a file that ends early; it says how many frames came before. A file that
                does not announce its length, such as MPEG-PS and most of WMV, cannot be seen to end early.
        """
        return _pictures(self.path) if self.path.is_dir() else _decoded(self.path, self.count)


def open_video(path: str | Path, *, fps: float | None = None) -> Video:
    """Open a video file, or a folder of pictures in the order of the numbers in their names.

    Args:
        path: of the file or folder.
        fps: frames per second; counts before what the file says.

    Raises:
        UsageError: fps is no rate.
        ReadError: nothing is there, or nothing in it is a frame.
        MissingPackageError: OpenCV is not installed.
    """
    path = Path(path)
    if fps is not None:
        check_rate(fps)
    if path.is_dir():
        found = _sorted(path)
        if not found:
            raise ReadError(
                "the folder holds no pictures",
                where=str(path),
                next_step=f"give one with {', '.join(sorted(PICTURES))}",
            )
        return Video(path, fps, len(found))
    cv2 = _opencv()
    capture = _capture(path)
    try:
        announced, rate = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    finally:
        capture.release()
    told = rate if np.isfinite(rate) and rate > 0 else None
    return Video(path, fps or told, int(announced) if announced >= 1 else None)


def check_rate(fps: float) -> None:
    """Refuse frames per second that are no rate.

    Raises:
        UsageError: they are not finite, or not above 0.
    """
    if not (np.isfinite(fps) and fps > 0):
        raise UsageError(f"{fps} frames per second is no rate", next_step="give a number above 0")


def _decoded(path: Path, announced: int | None) -> Iterator[NDArray[np.uint8]]:
    cv2 = _opencv()
    capture = _capture(path)
    count = 0
    try:
        while True:
            read, frame = capture.read()
            if not read:
                break
            count += 1
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    except cv2.error as error:
        raise ReadError(f"frame {count} cannot be decoded", where=str(path), why=_cause(error)) from error
    finally:
        capture.release()
    if not count or (announced is not None and announced - count > max(2, _SLACK * announced)):
        raise ReadError(
            f"the video ends after {count} of {announced or 'its'} frames",
            where=str(path),
            why="it is cut off or damaged",
            next_step="get a complete copy",
        )


def _capture(path: Path) -> Any:
    cv2 = _opencv()
    if not path.is_file():
        raise ReadError("there is no such file or folder", where=str(path), next_step="check the path")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)  # no other backend: they take names for patterns
    if not capture.isOpened():
        capture.release()
        raise ReadError(
            "this is no video",
            where=str(path),
            why="OpenCV's FFmpeg knows no such format, or the file is cut off",
            next_step="get a complete copy, or give a folder of its frames",
        )
    return capture


def _sorted(folder: Path) -> list[Path]:
    """The pictures of a folder, frame 2 before frame 10."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in PICTURES and not path.name.startswith("."))
    return sorted(found, key=_natural)


def _natural(path: Path) -> list[str | int]:
    # Words and numbers take turns in what split returns, so that a number is only ever compared with a number.
    parts = re.split(r"([0-9]+)", path.name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def _pictures(folder: Path) -> Iterator[NDArray[np.uint8]]:
    cv2 = _opencv()
    for number, path in enumerate(_sorted(folder)):
        try:
            frame = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        except (cv2.error, OSError) as error:
            raise ReadError("the picture cannot be read", where=str(path), why=_cause(error)) from error
        if frame is None:
            raise ReadError(
                "the picture is damaged, or none",
                where=str(path),
                why=f"{number} frames before it are good",
                next_step="replace it or take it out of the folder",
            )
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def _cause(error: Exception) -> str:
    return getattr(error, "err", None) or getattr(error, "strerror", None) or str(error)


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise MissingPackageError(
            "OpenCV, which reads videos and pictures, is not installed", next_step="pip install 'neurofer[faces]'"
        ) from error
    return cv2
