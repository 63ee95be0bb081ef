"""Clips of a synthetic face, as frames and as events: every one by its seed, on any machine, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data import dvs
from neurofer.data.synthetic.draw import draw
from neurofer.data.synthetic.expression import EXPRESSIONS, perform
from neurofer.data.synthetic.person import draw_light, draw_motion, draw_person
from neurofer.errors import UsageError

_PERSON, _MOVEMENT, _SENSOR = range(3)


@dataclass(frozen=True)
class Clip:
    """A face that moves from neutral to an expression, seen by a DVS.

    Attributes:
        events: (x, y, t, p), t in microseconds.
        expression: of EXPRESSIONS.
        label: its place there.
        subject: whose face it is.
        sensor_size: (W, H, 2), as tonic has it.
        duration_us: from the first frame to the last.
    """

    events: NDArray[Any]
    expression: str
    label: int
    subject: int
    sensor_size: tuple[int, int, int]
    duration_us: int


def film(
    seed: int, expression: str, *, subject: int | None = None, size: int = 200, frames: int = 30, movement: float = 1.0
) -> Iterator[NDArray[np.float32]]:
    """The frames of a clip, one after the other.

    Args:
        seed: of the performance, the head's movement and the light.
        expression: of EXPRESSIONS.
        subject: whose face; the seed's own if not given.
        size: side of the picture in pixels.
        frames: how many; the first is neutral, the last the apex.
        movement: how far the head moves, 1 being a subject asked to hold still.

    Yields:
        Luma [size, size], 0 to 255, not rounded.

    Raises:
        UsageError: an unknown expression, or under two frames or 16 pixels.
    """
    if expression not in EXPRESSIONS:
        raise UsageError(f"there is no expression '{expression}'", next_step=f"choose one of {', '.join(EXPRESSIONS)}")
    if frames < 2 or size < 16:
        raise UsageError(f"a clip has at least 2 frames of 16 x 16 pixels, not {frames} of {size} x {size}")
    return _film(seed, expression, seed if subject is None else subject, size, frames, movement)


def _film(
    seed: int, expression: str, subject: int, size: int, frames: int, movement: float
) -> Iterator[NDArray[np.float32]]:
    person = draw_person(np.random.default_rng([_PERSON, subject]))
    rng = np.random.default_rng([_MOVEMENT, seed])
    light, motion = draw_light(rng), draw_motion(rng, movement=movement)
    performance = perform(expression, rng)
    for number in range(frames):
        time = number / (frames - 1)
        yield draw(person, motion.at(time), light, performance.at(time), size)


def clip(
    seed: int,
    expression: str,
    *,
    subject: int | None = None,
    size: int = 200,
    frames: int = 30,
    fps: float = 30.0,
    movement: float = 1.0,
    params: dvs.Params | str = "spiking-fer",
) -> Clip:
    """One clip as events.

    Args:
        seed: of everything but the face, if a subject is given; the same seed gives the same events.
        expression: of EXPRESSIONS.
        subject: whose face; the seed's own if not given.
        size: side of the sensor in pixels.
        frames: rendered frames, see `film`.
        fps: rendered frames per second.
        movement: how far the head moves.
        params: the DVS pixel, or the name of a preset.

    Raises:
        UsageError: as `film` and `dvs.convert`.
        MissingPackageError: numba is not installed.
    """
    pictures = film(seed, expression, subject=subject, size=size, frames=frames, movement=movement)
    sensor = int(np.random.SeedSequence([_SENSOR, seed]).generate_state(1)[0])
    return Clip(
        events=dvs.convert(pictures, fps=fps, params=params, seed=sensor),
        expression=expression,
        label=EXPRESSIONS.index(expression),
        subject=seed if subject is None else subject,
        sensor_size=(size, size, 2),
        duration_us=round((frames - 1) / fps * 1e6),
    )
