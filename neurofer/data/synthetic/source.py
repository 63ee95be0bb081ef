"""Synthetic faces as a source that `neurofer.data.build` builds a data set from."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from numpy.typing import NDArray

from neurofer.data import dvs
from neurofer.data.build import Member, Source
from neurofer.data.synthetic.dataset import member
from neurofer.data.synthetic.expression import EXPRESSIONS
from neurofer.data.video import check_rate
from neurofer.errors import UsageError


def source(
    count: int,
    *,
    seed: int = 0,
    subjects: int | None = None,
    size: int = 200,
    frames: int = 30,
    fps: float = 30.0,
    movement: float = 1.0,
    params: dvs.Params | str = "spiking-fer",
) -> Source:
    """Clips 0 to count - 1 of `neurofer.data.synthetic.member`.

    Args:
        count: N; a multiple of 6 is balanced.
        seed: of the data set.
        subjects: how many people; one for every twelve clips if not given.
        size: side of the sensor in pixels.
        frames: rendered frames of a clip.
        fps: rendered frames per second.
        movement: how far heads move.
        params: the DVS pixel, or the name of a preset.

    Raises:
        UsageError: no clips, a frame rate that is none, or an unknown preset.
    """
    if count < 1:
        raise UsageError(f"a data set of {count} clips", next_step="ask for at least 1")
    check_rate(fps)
    people = max(1, count // 12) if subjects is None else subjects
    pixel = dvs.preset(params) if isinstance(params, str) else params
    fps, movement = float(fps), float(movement)  # 5 and 5.0 are written alike
    clip = {"seed": seed, "subjects": people, "size": size, "frames": frames, "fps": fps, "movement": movement}
    digits = len(str(count - 1))
    return Source(
        name="synthetic",
        classes=EXPRESSIONS,
        size=(size, size),
        members=tuple(
            Member(
                id=f"{index:0{digits}}",
                label=index % len(EXPRESSIONS),
                subject=str(index // len(EXPRESSIONS) % people),
                origin=str(index),
            )
            for index in range(count)
        ),
        make=functools.partial(_make, pixel, clip),
        parameters={**clip, "dvs": dataclasses.asdict(pixel)},
        packages=("numba",),
    )


def _make(pixel: dvs.Params, clip: dict[str, Any], wanted: Member) -> NDArray[Any]:
    return member(int(wanted.origin), params=pixel, **clip).events
