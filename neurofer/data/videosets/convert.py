"""From a clip to events: frames, faces standardised, the DVS model."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data import dvs
from neurofer.data.build import Member
from neurofer.data.faces import standardise
from neurofer.data.faces.face import gray
from neurofer.data.faces.standardise import Policy
from neurofer.data.filmed import resized
from neurofer.data.video import open_video
from neurofer.data.videosets.layout import Clip
from neurofer.errors import NeuroferError, ReadError, UsageError

_STOP = "#frames="


@dataclass(frozen=True)
class Showing:
    """How films are shown to a DVS.

    Attributes:
        size: side of the sensor in pixels.
        params: the DVS pixel, or the name of a preset.
        seed: of everything random.
        fps: frames per second of all films; else what the file or the set's paper says.
        seconds: show no more of each film than so many; ADFES holds the apex for 5 s.
        provider: what finds the landmarks by which faces are standardised, see `neurofer.data.faces.PROVIDERS`; None
            shows whole frames, resized.
        weights: the file it reads.
        crop: how much of a face is kept, see `neurofer.data.faces.CROPS`.
        policy: what becomes of frames without one upright face: `refuse` the film, `skip` or `hold`.
    """

    size: int = 200
    params: dvs.Params | str = "spiking-fer"
    seed: int = 0
    fps: float | None = None
    seconds: float | None = None
    provider: str | None = "opencv"
    weights: str | None = None
    crop: str = "face"
    policy: Policy = "refuse"


def origin(clip: Clip) -> str:
    """What a member is made from, as the manifest tells it: a path, and where the clip stops before the film."""
    return f"{clip.path.as_posix()}{'' if clip.stop is None else f'{_STOP}{clip.stop}'}"


def show(folder: Path, showing: Showing, member: Member) -> NDArray[Any]:
    """The events of a clip.

    Args:
        folder: that was searched.
        showing: how.
        member: its origin is that of a clip.

    Raises:
        ReadError: the video is missing, damaged or too short.
        UsageError: its frame rate is not known; FaceError: frames without one upright face.
        MissingPackageError: OpenCV, numba or the provider's package is not installed.
    """
    path, _, stop = member.origin.partition(_STOP)
    try:
        return _show(folder / path, int(stop) if stop else None, showing, member.id)
    except NeuroferError as error:
        if path not in error.where:
            error.locate(path)
        raise


def _show(path: Path, stop: int | None, showing: Showing, name: str) -> NDArray[Any]:
    video = open_video(path, fps=showing.fps)
    if video.fps is None:
        raise UsageError("nothing tells how many frames a second has", next_step="give the frame rate")
    if showing.seconds is not None:
        most = int(showing.seconds * video.fps) + 1
        stop = most if stop is None else min(stop, most)
    frames = itertools.islice(video.frames(), stop)
    if showing.provider is None:
        shown = [resized(gray(frame), (showing.size, showing.size)) for frame in frames]
        numbers = np.arange(len(shown))
    else:
        faces = standardise(
            frames,
            provider=showing.provider,
            weights=showing.weights,
            crop=showing.crop,
            policy=showing.policy,
            size=showing.size,
        )
        shown, numbers = list(faces.frames), faces.numbers
    if len(shown) < 2:
        raise ReadError(f"{len(shown)} frames are too few for a DVS, which sees changes")
    times = (numbers / video.fps).tolist()
    return dvs.convert(shown, times=times, params=showing.params, seed=_seed(showing.seed, name))


def _seed(seed: int, name: str) -> int:
    """A seed of each member's own, whatever other members there are."""
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), "<u4")
    return int(np.random.SeedSequence([seed, *map(int, words)]).generate_state(1)[0])
