"""Data sets of synthetic faces: balanced, of any size, each member by its number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data import dvs
from neurofer.data.events import bin_events
from neurofer.data.synthetic.clip import Clip, clip
from neurofer.data.synthetic.expression import EXPRESSIONS
from neurofer.errors import UsageError

_CLIP, _SUBJECT = range(2)


@dataclass(frozen=True)
class Faces:
    """Binary event frames x, uint8 [N, T, 2, H, W], OFF before ON; labels y and subjects, int64 [N]."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    subjects: NDArray[np.int64]


def member(
    index: int,
    *,
    seed: int = 0,
    subjects: int = 100,
    size: int = 200,
    frames: int = 30,
    fps: float = 30.0,
    movement: float = 1.0,
    params: dvs.Params | str = "spiking-fer",
) -> Clip:
    """The clip of that number, whatever was made before it: an interrupted build goes on with the next number.

    Args:
        index: label is index % 6; each subject shows all six expressions in turn, then comes the next subject.
        seed: of the data set.
        subjects: how many people there are.
        size: side of the sensor in pixels.
        frames: rendered frames.
        fps: rendered frames per second.
        movement: how far heads move.
        params: the DVS pixel, or the name of a preset.

    Raises:
        UsageError: a negative index or seed, no subjects, or as `clip`.
        MissingPackageError: numba is not installed.
    """
    if index < 0 or seed < 0 or subjects < 1:
        raise UsageError(
            f"clip {index} of seed {seed} with {subjects} subjects: none may be negative, no subjects none"
        )
    subject = index // len(EXPRESSIONS) % subjects
    made = clip(
        _seed(seed, _CLIP, index),
        EXPRESSIONS[index % len(EXPRESSIONS)],
        subject=_seed(seed, _SUBJECT, subject),
        size=size,
        frames=frames,
        fps=fps,
        movement=movement,
        params=params,
    )
    return Clip(made.events, made.expression, made.label, subject, made.sensor_size, made.duration_us)


def dataset(count: int, *, steps: int = 6, size: int = 200, subjects: int | None = None, **options: Any) -> Faces:
    """The first clips of a data set as frames of equal time, from each clip's first event to its last.

    Args:
        count: N; a multiple of 6 is balanced.
        steps: T.
        size: side of the sensor and the frames in pixels.
        subjects: how many people; one for every twelve clips if not given.
        options: of `member`.

    Returns:
        N clips; split by subject to test on new faces.
    """
    people = max(1, count // 12) if subjects is None else subjects
    x = np.zeros((count, steps, 2, size, size), np.uint8)
    y, who = np.empty(count, np.int64), np.empty(count, np.int64)
    for index in range(count):
        made = member(index, size=size, subjects=people, **options)
        x[index] = bin_events(made.events, steps, (size, size))
        y[index], who[index] = made.label, made.subject
    return Faces(x, y, who)


def _seed(*path: int) -> int:
    return int(np.random.SeedSequence(path).generate_state(1)[0])
