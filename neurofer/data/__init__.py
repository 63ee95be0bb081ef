"""Data for recipes: what comes with an installed package, and the user's own arrays."""

from __future__ import annotations

from pathlib import Path

from neurofer.data import fer2013
from neurofer.data.arrays import read_npz
from neurofer.data.copies import without_copies
from neurofer.data.dataset import Arrays, Dataset, DataSpec
from neurofer.data.digits import read_digits
from neurofer.errors import ReadError, UsageError

_INSTALLED = {
    "digits": read_digits,
}


def load(spec: DataSpec, path: str | Path | None = None, *, frames: int | None = None) -> Dataset:
    """The data a recipe asks for: the file at path if one is given, else the data of that name.

    Args:
        spec: the recipe's data section.
        path: an `.npz` file, see `neurofer.data.arrays`; FER2013, see `neurofer.data.fer2013.read_faces`; or, for event
            frames, a folder of recordings, see `neurofer.data.build`.
        frames: T, if samples are event frames [T, *shape]; None if they are images [*shape].

    Raises:
        UsageError: no path is given and data of that name does not come with neurofer; or arrays that do not fit.
        ReadError: there is no such file or folder, or it cannot be read.
    """
    data = _load(spec, path, frames)
    return without_copies(data) if spec.distinct else data


def class_names(spec: DataSpec) -> tuple[str, ...]:
    """Return what the classes of a recipe's data mean, as far as their name says it; else nothing."""
    known = {"fer2013": fer2013.EMOTIONS, "ferplus": fer2013.EMOTIONS_PLUS, "ferplus-majority": fer2013.EMOTIONS_PLUS}
    names = known.get(spec.name, ())
    return names if len(names) == spec.classes else ()


def _load(spec: DataSpec, path: str | Path | None, frames: int | None) -> Dataset:
    if spec.augment and (frames is None or path is None or not Path(path).is_dir()):
        raise UsageError(
            f"only recordings can be augmented ({', '.join(spec.augment)})",
            where="data.augment",
            next_step="pass --data FOLDER, as neurofer data build makes it",
        )
    if path is not None:
        return _read(spec, Path(path), frames)
    if spec.name not in _INSTALLED:
        shape = f"[N, {', '.join(map(str, (*(() if frames is None else (frames,)), *spec.shape)))}]"
        ways = [f"--data FILE.npz with x {shape} and y [N], labels 0 to {spec.classes - 1}"]
        if frames is not None:
            ways.insert(0, "--data FOLDER of recordings (neurofer data build)")
        elif spec.name in fer2013.NAMES:
            ways.insert(0, "--data PATH of FER2013, its csv file or folder")
        next_step = f"pass {', or '.join(ways)}"
        raise UsageError(f"the data '{spec.name}' does not come with neurofer", next_step=next_step)
    return _INSTALLED[spec.name](spec)


def _read(spec: DataSpec, path: Path, frames: int | None) -> Dataset:
    if not path.exists():
        raise ReadError("there is no such file or folder", where=str(path), next_step="check the path")
    if frames is not None and path.is_dir():
        from neurofer.data.event_frames import read_recordings

        return read_recordings(path, spec, frames)
    if frames is None and spec.name in fer2013.NAMES and path.suffix != ".npz":
        return fer2013.read_fer2013(path, spec)
    return read_npz(path, spec, frames=frames)


__all__ = ["Arrays", "DataSpec", "Dataset", "class_names", "load"]
