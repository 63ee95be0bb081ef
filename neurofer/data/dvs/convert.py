"""Whole videos to events: at once, or frame by frame in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.dvs.params import Params, preset
from neurofer.data.video import check_rate
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from neurofer.data.dvs.pixels import Pixels


def stream(
    frames: Iterable[NDArray[Any]],
    *,
    fps: float | None = None,
    times: Iterable[float] | None = None,
    params: Params | str = "clean",
    seed: int = 0,
    thresholds: tuple[Any, Any] | None = None,
) -> Iterator[NDArray[Any]]:
    """The events of each frame after the first, as frames arrive; only the last frame is kept.

    Args:
        frames: luma [H, W], 0 to 255.
        fps: frames per second; frame k is at k / fps.
        times: seconds of each frame, instead of fps.
        params: the pixel, or the name of a preset.
        seed: of everything random.
        thresholds: ON and OFF threshold maps in place of drawn ones.

    Raises:
        UsageError: neither or both of fps and times, an unknown preset, or frames that are no luma.
        MissingPackageError: numba is not installed.
    """
    if (fps is None) == (times is None):
        raise UsageError("a frame needs one time", next_step="give either fps or times")
    if fps is not None:
        check_rate(fps)
    return _stream(frames, fps, times, _pixels(params, seed, thresholds))


def _pixels(params: Params | str, seed: int, thresholds: tuple[Any, Any] | None) -> Pixels:
    from neurofer.data.dvs.pixels import Pixels

    return Pixels(preset(params) if isinstance(params, str) else params, seed=seed, thresholds=thresholds)


def _stream(
    frames: Iterable[NDArray[Any]], fps: float | None, times: Iterable[float] | None, pixels: Pixels
) -> Iterator[NDArray[Any]]:
    clock = iter(times) if times is not None else None
    for number, frame in enumerate(frames):
        time = number / fps if fps is not None else next(clock or iter(()), None)
        if time is None:
            raise UsageError(f"there are {number} times and more frames", next_step="give a time for each frame")
        events = pixels.step(np.asarray(frame), time)
        if number:
            yield events


def convert(
    frames: Iterable[NDArray[Any]],
    *,
    fps: float | None = None,
    times: Iterable[float] | None = None,
    params: Params | str = "clean",
    seed: int = 0,
    thresholds: tuple[Any, Any] | None = None,
) -> NDArray[Any]:
    """All events of a video in the order of their times; arguments and errors as in `stream`."""
    chunks = list(stream(frames, fps=fps, times=times, params=params, seed=seed, thresholds=thresholds))
    from neurofer.data.dvs.pixels import join

    return join(chunks)


def interpolate(frames: Iterable[NDArray[Any]], factor: int) -> Iterator[NDArray[Any]]:
    """Frames with factor - 1 linear blends between each two; a plain cross-fade, not SuperSloMo's motion.

    Args:
        frames: [H, W].
        factor: how many times as many frames per second; 1 changes nothing.

    Raises:
        UsageError: the factor is under 1.
    """
    if factor < 1:
        raise UsageError(f"frames cannot be multiplied by {factor}")
    return _interpolate(frames, factor)


def _interpolate(frames: Iterable[NDArray[Any]], factor: int) -> Iterator[NDArray[Any]]:
    previous: NDArray[Any] | None = None
    for frame in frames:
        if previous is not None:
            start, end = previous.astype(np.float32), frame.astype(np.float32)
            yield from (start + (end - start) * np.float32(k / factor) for k in range(1, factor))
        yield frame
        previous = frame
