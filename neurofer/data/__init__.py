"""Data for recipes: what comes with an installed package, and the user's own arrays."""

from __future__ import annotations

from pathlib import Path

from neurofer.data import fer2013
from neurofer.data.arrays import read_npz
from neurofer.data.copies import without_copies
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
        path: an `.npz` file, see `neurofer.data.arrays`; or FER2013, see `neurofer.data.fer2013.read_faces`.
        frames: T, if samples are event frames [T, *shape]; None if they are images [*shape].

    Raises:
        UsageError: no path is given and data of that name does not come with neurofer; or arrays that do not fit.
        ReadError: the file cannot be read.
    """
    data = _load(spec, path, frames)
    return without_copies(data) if spec.distinct else data


def _load(spec: DataSpec, path: str | Path | None, frames: int | None) -> Dataset:
    faces = spec.name in fer2013.NAMES and frames is None
    if path is not None:
        path = Path(path)
        if faces and path.suffix != ".npz":
            return fer2013.read_fer2013(path, spec)
        return read_npz(path, spec, frames=frames)
    if spec.name not in _INSTALLED:
        shape = f"[N, {', '.join(map(str, (*(() if frames is None else (frames,)), *spec.shape)))}]"
        own = f"--data FILE.npz with x {shape} and y [N], labels 0 to {spec.classes - 1}"
        raise UsageError(
            f"the data '{spec.name}' does not come with neurofer",
            next_step=f"pass --data PATH of FER2013, its csv file or folder, or {own}" if faces else f"pass {own}",
        )
    return _INSTALLED[spec.name](spec)


__all__ = ["Arrays", "DataSpec", "Dataset", "load"]
