"""Data for recipes: what comes with an installed package, and the user's own arrays."""

from __future__ import annotations

from pathlib import Path

from neurofer.data.arrays import read_npz
from neurofer.data.dataset import Arrays, Dataset, DataSpec
from neurofer.data.digits import read_digits
from neurofer.errors import UsageError

_INSTALLED = {
    "digits": read_digits,
}


def load(spec: DataSpec, path: str | Path | None = None, *, frames: int | None = None) -> Dataset:
    """The data a recipe asks for: the file at path if one is given, else the data of that name.

    Args:
        spec: the recipe's data section.
        path: an `.npz` file, see `neurofer.data.arrays`.
        frames: T, if samples are event frames [T, *shape]; None if they are images [*shape].

    Raises:
        UsageError: no path is given and data of that name does not come with neurofer; or arrays that do not fit.
        ReadError: the file cannot be read.
    """
    if path is not None:
        return read_npz(Path(path), spec, frames=frames)
    if spec.name not in _INSTALLED:
        shape = f"[N, {', '.join(map(str, (*(() if frames is None else (frames,)), *spec.shape)))}]"
        raise UsageError(
            f"the data '{spec.name}' does not come with neurofer",
            next_step=f"pass --data FILE.npz with x {shape} and y [N], labels 0 to {spec.classes - 1}",
        )
    return _INSTALLED[spec.name](spec)


__all__ = ["Arrays", "DataSpec", "Dataset", "load"]
