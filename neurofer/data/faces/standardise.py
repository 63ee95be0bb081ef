"""A video's frames to pictures of one face: turned to the first frame, cropped around the nose, gray, of one size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from neurofer.data.faces.align import Crop, Placement, named_crop, place, sample
from neurofer.data.faces.face import Face, Fault, Provider, Reason, as_problems, gray
from neurofer.data.faces.providers import named_provider
from neurofer.errors import UsageError

Policy = Literal["refuse", "skip", "hold"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
SIZE = 200
_LONGEST = 32766
"""Longest side that OpenCV warps."""


class FaceError(UsageError):
    """A video whose frames do not each show one upright face.

    Attributes:
        faults: all of its frames that do not.
    """

    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Frame:
    """What became of one frame.

    Attributes:
        number: in the video, from 0.
        picture: gray, uint8 [S, S]; None where the frame is left out.
        placement: where the picture lies in the frame; None without a picture.
        face: the frame's own; None where it is at fault.
        reason: why the frame is at fault; None where it is not.
    """

    number: int
    picture: NDArray[np.uint8] | None
    placement: Placement | None
    face: Face | None
    reason: Reason | None


@dataclass(frozen=True)
class Report:
    """How a video was standardised.

    Attributes:
        provider: name of what found the landmarks.
        crop: how much was kept.
        policy: what became of frames at fault.
        count: frames of the video.
        placements: of each picture in its frame.
        faults: frames at fault, in order.
        visible: share of the first face's landmarks that lie in its picture.
    """

    provider: str
    crop: Crop
    policy: Policy
    count: int
    placements: tuple[Placement, ...]
    faults: tuple[Fault, ...]
    visible: float


@dataclass(frozen=True)
class Standardised:
    """A standardised video.

    Attributes:
        frames: gray, uint8 [N, S, S].
        numbers: of these frames in the video, int64 [N]; frame k is at k / fps seconds.
        report: how it was done.
    """

    frames: NDArray[np.uint8]
    numbers: NDArray[np.int64]
    report: Report


def standardise(
    frames: Iterable[NDArray[Any]],
    *,
    provider: Provider | str = "opencv",
    weights: str | Path | None = None,
    crop: Crop | str = "as-written",
    policy: Policy = "refuse",
    level: bool = False,
    size: int = SIZE,
) -> Standardised:
    """All standardised frames of a video; arguments and errors as in `stream`.

    Raises:
        UsageError: besides, a video without frames.
    """
    finder, kept = _chosen(provider, weights, crop)
    pictures: list[NDArray[np.uint8]] = []
    numbers: list[int] = []
    placements: list[Placement] = []
    faults: list[Fault] = []
    count, visible = 0, 0.0
    for frame in stream(frames, provider=finder, crop=kept, policy=policy, level=level, size=size):
        count += 1
        if frame.reason is not None:
            faults.append(Fault(frame.number, frame.reason))
        if frame.picture is None or frame.placement is None:
            continue
        if not pictures and frame.face is not None:
            visible = float(frame.placement.holds(frame.face.points).mean())
        pictures.append(frame.picture)
        numbers.append(frame.number)
        placements.append(frame.placement)
    report = Report(finder.name, kept, policy, count, tuple(placements), tuple(faults), visible)
    return Standardised(np.stack(pictures), np.array(numbers, np.int64), report)


def stream(
    frames: Iterable[NDArray[Any]],
    *,
    provider: Provider | str = "opencv",
    weights: str | Path | None = None,
    crop: Crop | str = "as-written",
    policy: Policy = "refuse",
    level: bool = False,
    size: int = SIZE,
) -> Iterator[Frame]:
    """Standardise the face of a video as the authors of Spiking-FER describe (their README; Allaert et al. 2022).

    Every frame is turned so that its landmarks match those of the first frame in the sense of least squares, cropped
    around the tip of the nose by the lengths of nose and eyes, made gray, and sampled at [S, S] without aliasing. The
    first frame with a face is the reference. Frames are taken one by one and none is kept.

    Args:
        frames: RGB [H, W, 3] or gray [H, W], uint8, all of one shape.
        provider: what finds the landmarks, or its name, see `PROVIDERS`.
        weights: the file that the provider of that name reads, where it needs one.
        crop: how much is kept, or the name of one of `CROPS`.
        policy: what becomes of frames at fault, those without one upright face: `refuse` the video, after its last
            frame; `skip` them; or `hold` the placement of the frame before.
        level: turn the eyes of the first frame level; else the video keeps the tilt of its first frame.
        size: S.

    Raises:
        FaceError: frames at fault, all at once, under `refuse`; frames before the first face under `hold`; a video
            without any face.
        UsageError: frames that are none or change their shape; no frame at all; an unknown provider, crop or policy.
        ReadError: the weights cannot be read.
        MissingPackageError: OpenCV or the provider's package is not installed.
    """
    if policy not in POLICIES:
        raise UsageError(f"there is no policy {policy!r}", next_step=f"choose one of {', '.join(POLICIES)}")
    if size < 1:
        raise UsageError(f"a picture of {size} x {size} pixels is none")
    finder, kept = _chosen(provider, weights, crop)
    return _stream(_checked(frames), finder, kept, policy, level=level, size=size)


def _chosen(provider: Provider | str, weights: str | Path | None, crop: Crop | str) -> tuple[Provider, Crop]:
    kept = named_crop(crop) if isinstance(crop, str) else crop
    if isinstance(provider, str):
        return named_provider(provider, weights), kept
    if weights is not None:
        raise UsageError("a provider that is ready reads no weights", where=str(weights), next_step="give its name")
    return provider, kept


def _stream(
    frames: Iterable[NDArray[np.uint8]], finder: Provider, crop: Crop, policy: Policy, *, level: bool, size: int
) -> Iterator[Frame]:
    first: Face | None = None
    last: Placement | None = None
    faults: list[Fault] = []
    held: list[Fault] = []
    number = -1
    for number, frame in enumerate(frames):
        found = finder.find(frame)
        face, reason = (None, found) if isinstance(found, Reason) else (found, None)
        if face is not None:
            first = first or face
            last = place(face, first, crop, level=level)
        if reason is not None:
            faults.append(Fault(number, reason))
            if last is None:
                held.append(faults[-1])
        shown = last if face is not None or policy == "hold" else None
        picture = None if shown is None else sample(gray(frame), shown.matrix(size), size)
        yield Frame(number, picture, shown, face, reason)
    if number < 0:
        raise UsageError("the video has no frames")
    refused = faults if policy == "refuse" or first is None else held if policy == "hold" else []
    if refused:
        raise _refusal(refused, number + 1, policy, faceless=first is None)


def _refusal(faults: list[Fault], count: int, policy: Policy, *, faceless: bool) -> FaceError:
    if faceless:
        what = f"none of {count} frames shows one upright face"
        next_step = "give a video of one person who looks into the camera"
    elif policy == "hold":
        what, next_step = f"{len(faults)} frames come before the first face, with nothing to hold", "skip such frames"
    else:
        what = f"{len(faults)} of {count} frames do not show one upright face"
        next_step = "leave such frames out with the policy skip, or hold the face's last place with hold"
    error = FaceError(what, problems=as_problems(faults), next_step=next_step)
    error.faults = tuple(faults)
    return error


def _checked(frames: Iterable[NDArray[Any]]) -> Iterator[NDArray[np.uint8]]:
    shape: tuple[int, ...] | None = None
    for number, frame in enumerate(frames):
        if not _is_frame(frame):
            raise UsageError(
                f"{frame.dtype} {list(frame.shape)} is no frame",
                where=f"frame {number}",
                next_step=f"give uint8, RGB [H, W, 3] or gray [H, W], of at most {_LONGEST} pixels a side",
            )
        if frame.shape != (shape := shape or frame.shape):
            raise UsageError(
                f"shape {list(frame.shape)} after {list(shape)}",
                where=f"frame {number}",
                next_step="give frames of one shape",
            )
        yield np.ascontiguousarray(frame)


def _is_frame(frame: NDArray[Any]) -> bool:
    gray_or_rgb = frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 3)
    return frame.dtype == np.uint8 and gray_or_rgb and frame.size > 0 and max(frame.shape) <= _LONGEST
