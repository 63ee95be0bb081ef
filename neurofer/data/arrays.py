"""The user's own data: an `.npz` file with samples `x` and labels `y`."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.dataset import Dataset, DataSpec, split
from neurofer.errors import Problem, ReadError, UsageError


def read_npz(path: Path, spec: DataSpec, *, frames: int | None = None) -> Dataset:
    """Read samples and labels and part them for training, validation and test.

    Args:
        path: file with x, [N, *shape] (a single channel may be left out) or event counts [N, T, *shape], and y, [N].
        spec: shape, classes and scale that the recipe expects.
        frames: T, if samples are event frames; any count becomes 1, as in the paper (section 3.1).

    Raises:
        ReadError: the file is missing, truncated or no `.npz`.
        UsageError: the arrays do not fit the recipe; every reason is listed.
    """
    arrays = read_arrays(path, "save x and y with numpy.savez")
    missing = [Problem(key, "no such array in the file") for key in ("x", "y") if key not in arrays]
    if missing:
        found = ", ".join(sorted(arrays)) or "nothing"
        raise UsageError(
            "the file lacks arrays", where=str(path), problems=missing, next_step=f"save x and y; it holds {found}"
        )
    x, y = arrays["x"], arrays["y"]
    expected = spec.shape if frames is None else (frames, *spec.shape)
    if x.ndim == len(expected) and expected[0] == 1 and frames is None:
        x = x[:, None]
    problems = [*_sample_problems(x, expected), *_label_problems(y, len(x) if x.ndim else 0, spec.classes)]
    if problems:
        raise UsageError("the arrays do not fit the recipe", where=str(path), problems=problems)
    x = (x / spec.scale).astype(np.float32) if frames is None else (x != 0).astype(np.uint8)
    return split(path.name, x, y.astype(np.int64))


def read_arrays(path: Path, next_step: str) -> dict[str, NDArray[Any]]:
    """All arrays of an `.npz` file.

    Args:
        path: the file.
        next_step: what to do if it is damaged or missing.

    Raises:
        ReadError: the file is missing, truncated or no `.npz`.
    """
    try:
        with path.open("rb") as stream, np.lib.npyio.NpzFile(stream, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except FileNotFoundError as error:
        raise ReadError("no such file", where=str(path), next_step=next_step) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ReadError(
            "this is no complete .npz file", where=str(path), why=str(error), next_step=next_step
        ) from error


def _sample_problems(x: NDArray[Any], expected: tuple[int, ...]) -> list[Problem]:
    wanted = f"[N, {', '.join(map(str, expected))}]"
    if x.shape[1:] != expected:
        return [Problem("x", f"shape {list(x.shape)}, expected {wanted}")]
    if not (np.issubdtype(x.dtype, np.number) or x.dtype == np.bool_) or np.iscomplexobj(x):
        return [Problem("x", f"type {x.dtype}, expected real numbers")]
    faulty = int(np.count_nonzero(~np.isfinite(x)))
    return [Problem("x", f"{faulty} values are not finite")] if faulty else []


def _label_problems(y: NDArray[Any], samples: int, classes: int) -> list[Problem]:
    if y.shape != (samples,):
        return [Problem("y", f"shape {list(y.shape)}, expected [{samples}], one label for each sample")]
    if not np.issubdtype(y.dtype, np.integer):
        return [Problem("y", f"type {y.dtype}, expected integers")]
    strange = sorted({int(label) for label in y} - set(range(classes)))
    return [Problem("y", f"labels {strange[:5]}, expected 0 to {classes - 1}")] if strange else []
