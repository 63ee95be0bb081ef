"""What FER2013 is in memory, and how its readers report what they cannot read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofer.errors import Problem, ReadError

SIDE = 48
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
PARTS = ("Training", "PublicTest", "PrivateTest")

_SHOWN = 8


@dataclass(frozen=True)
class Faces:
    """Images with one label each, in the order of their file.

    Attributes:
        images: uint8 [N, 48, 48], gray.
        labels: int64 [N], index into names.
        usage: int64 [N], index into `PARTS`.
        names: what the labels mean.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    usage: NDArray[np.int64]
    names: tuple[str, ...] = EMOTIONS

    def __len__(self) -> int:
        return len(self.labels)


def refuse(what: str, path: Path, problems: list[Problem], next_step: str = "") -> None:
    """Raise a ReadError with the first problems and the number of the others, if there are any."""
    if not problems:
        return
    shown = problems[:_SHOWN]
    if len(problems) > _SHOWN:
        shown.append(Problem("and", f"{len(problems) - _SHOWN} more of the kind"))
    raise ReadError(what, where=str(path), problems=shown, next_step=next_step)
