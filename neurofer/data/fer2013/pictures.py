"""FER2013 as pictures: a folder for each class, or all images in one lossless mosaic."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofer.data.arrays import read_arrays
from neurofer.data.fer2013.faces import EMOTIONS, PARTS, SIDE, Faces, refuse
from neurofer.errors import MissingPackageError, Problem, ReadError

TRAIN_FOLDERS = ("train", "training")
_PARTS = {**dict.fromkeys(TRAIN_FOLDERS, 0), **dict.fromkeys(("validation", "val", "valid", "publictest"), 1)}
_PARTS |= dict.fromkeys(("test", "privatetest"), 2)
_CLASSES = {name: label for label, name in enumerate(EMOTIONS)} | {str(label): label for label in range(len(EMOTIONS))}
_CLASSES |= {"anger": 0, "disgusted": 1, "fearful": 2, "happiness": 3, "sadness": 4, "surprised": 5}
_PICTURES = {".png", ".jpg", ".jpeg"}
_MOSAIC = re.compile(r"images_(\d{1,5})x(\d{1,5})\.png")


def read_classes(folder: Path) -> Faces:
    """Read `PART/CLASS/*.png` or `.jpg`, where PART is train, validation or test, or Training, PublicTest, PrivateTest.

    Kaggle's copy has no folder for PublicTest, but names its files `PublicTest_1.jpg`: such a name decides.

    Raises:
        ReadError: folders that are no class; pictures that are damaged or not 48 x 48; the first of them are named.
        MissingPackageError: Pillow is not installed.
    """
    images, labels, usage = [], [], []
    problems = []
    for part in sorted(folder.iterdir()):
        if part.name.lower() not in _PARTS or not part.is_dir():
            continue
        for group in sorted(path for path in part.iterdir() if path.is_dir()):
            label = _CLASSES.get(group.name.lower())
            if label is None:
                problems.append(Problem(f"{part.name}/{group.name}", "no class", closest=", ".join(EMOTIONS)))
                continue
            for path in sorted(path for path in group.iterdir() if path.suffix.lower() in _PICTURES):
                image = read_picture(path, (SIDE, SIDE))
                if isinstance(image, str):
                    problems.append(Problem(str(path.relative_to(folder)), image))
                    continue
                images.append(image)
                labels.append(label)
                named = path.name.split("_")[0]
                usage.append(PARTS.index(named) if named in PARTS else _PARTS[part.name.lower()])
    refuse("folders or pictures cannot be read", folder, problems, "get a complete copy of FER2013")
    if not images:
        raise ReadError("the folders hold no .png or .jpg", where=str(folder), next_step="give train/CLASS/*.png")
    return Faces(np.stack(images), np.array(labels, np.int64), np.array(usage, np.int64))


def mosaics(folder: Path) -> list[Path]:
    """The files of a folder that are named like a mosaic, `images_ROWSxCOLUMNS.png`."""
    return sorted(path for path in folder.iterdir() if _MOSAIC.fullmatch(path.name))


def read_mosaic(folder: Path) -> Faces:
    """Read `images_ROWSxCOLUMNS.png`, images row by row in the csv's order, with `labels.npz` (labels, usage).

    Raises:
        ReadError: either file is missing or damaged, or they do not fit together.
        MissingPackageError: Pillow is not installed.
    """
    found, labels_file = mosaics(folder), folder / "labels.npz"
    if len(found) != 1:
        raise ReadError(
            f"{len(found)} mosaics, expected one", where=str(folder), next_step="give images_ROWSxCOLUMNS.png"
        )
    arrays = read_arrays(labels_file, "the mosaic needs labels.npz with labels and usage")
    problems = [
        problem
        for key, values in (("labels", len(EMOTIONS)), ("usage", len(PARTS)))
        for problem in _index_problems(key, arrays.get(key), values)
    ]
    refuse("the arrays do not fit FER2013", labels_file, problems)
    labels, usage = arrays["labels"].astype(np.int64), arrays["usage"].astype(np.int64)
    rows, columns = map(int, _MOSAIC.fullmatch(found[0].name).groups())  # type: ignore[union-attr]  # mosaics() matched it
    if not len(labels) == len(usage) or not 0 < len(labels) <= rows * columns:
        raise ReadError(
            f"{len(labels)} labels and {len(usage)} usages for a mosaic of {rows} x {columns} images",
            where=str(labels_file),
        )
    image = read_picture(found[0], (rows * SIDE, columns * SIDE))
    if isinstance(image, str):
        raise ReadError("the mosaic cannot be read", where=str(found[0]), why=image)
    tiles = image.reshape(rows, SIDE, columns, SIDE).transpose(0, 2, 1, 3).reshape(-1, SIDE, SIDE)
    return Faces(tiles[: len(labels)], labels, usage)


def _index_problems(key: str, array: NDArray[np.generic] | None, values: int) -> list[Problem]:
    if array is None:
        return [Problem(key, "no such array in the file")]
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        return [Problem(key, f"{array.dtype} {list(array.shape)}, expected integers [N]")]
    strange = set(np.unique(array).tolist()) - set(range(values))
    return [Problem(key, f"values {sorted(strange)[:5]}, expected 0 to {values - 1}")] if strange else []


def read_picture(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8] | str:
    """The gray picture, uint8 of the given shape, or why it cannot be had; a larger one is never decoded."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError(
            "Pillow, which reads pictures, is not installed", next_step="pip install pillow"
        ) from error
    try:
        with Image.open(path) as picture:
            if picture.size != shape[::-1]:
                return f"{picture.height} x {picture.width} pixels, expected {shape[0]} x {shape[1]}"
            return np.asarray(picture.convert("L"))
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
    ) as error:
        return f"damaged or no picture ({error})".replace(f" '{path}'", "")
