"""Which form of FER2013 a path holds, and what recipes get of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from neurofer.data.dataset import Arrays, Dataset, DataSpec
from neurofer.data.fer2013.faces import EMOTIONS, PARTS, SIDE, Faces
from neurofer.data.fer2013.ferplus import EMOTIONS_PLUS, Rule, read_votes, relabel
from neurofer.data.fer2013.labelled import FOLDERS, LABELS, read_labelled
from neurofer.data.fer2013.pictures import TRAIN_FOLDERS, mosaics, read_classes, read_mosaic
from neurofer.data.fer2013.table import read_csv
from neurofer.errors import ReadError, UsageError

# What a recipe may ask for: the labels of FER2013, or those of FER+ by one of its rules.
NAMES: dict[str, Rule | None] = {"fer2013": None, "ferplus": "argmax", "ferplus-majority": "majority"}
_TABLES = ("fer2013.csv", "icml_face_data.csv", "fer2013/fer2013.csv")


def holds_faces(folder: Path) -> bool:
    """Whether a folder holds one of the forms that `read_faces` reads."""
    return _form(folder) is not None


def read_faces(path: Path, rule: Rule | None = None) -> Faces:
    """Read FER2013 from its csv file, from folders of classes, from a mosaic, or as FER+ lays it out.

    Args:
        path: a csv file, or a folder with `fer2013.csv`, with `train/CLASS/*.png`, with `images_ROWSxCOLUMNS.png` and
            `labels.npz`, or with `FER2013Train/label.csv` and the like.
        rule: how FER+ votes, which lie beside the csv file or the mosaic, become labels; None for FER2013's labels.

    Raises:
        ReadError: the path holds none of these, or what it holds is damaged.
        UsageError: labels are asked for that this form does not have.
    """
    form = "table" if not path.is_dir() else _form(path)
    if form is None:
        raise ReadError(
            "this folder does not hold FER2013",
            where=str(path),
            next_step="give a folder with fer2013.csv, train/CLASS/*.png, images_ROWSxCOLUMNS.png and labels.npz, or "
            "FER2013Train/label.csv",
        )
    if form == "labelled":
        if rule is None:
            raise UsageError(
                "these folders hold the votes of FER+, not the labels of FER2013",
                where=str(path),
                next_step="use a recipe or labels of FER+, or give fer2013.csv",
            )
        return relabel(*read_labelled(path), rule)
    if form == "classes":
        if rule is not None:
            raise UsageError(
                "votes of FER+ are in the order of fer2013.csv, which folders of classes have lost",
                where=str(path),
                next_step="give fer2013.csv, with fer2013new.csv beside it",
            )
        return read_classes(path)
    faces = read_mosaic(path) if form == "mosaic" else read_csv(_table(path) or path)
    if rule is None:
        return faces
    return relabel(faces, read_votes(path if path.is_dir() else path.parent, faces.usage), rule)


def _form(folder: Path) -> Literal["table", "mosaic", "classes", "labelled"] | None:
    if _table(folder):
        return "table"
    if mosaics(folder) or (folder / "labels.npz").exists():
        return "mosaic"
    if any((folder / part / LABELS).exists() for part in FOLDERS):
        return "labelled"
    return "classes" if any(part.name.lower() in TRAIN_FOLDERS for part in folder.iterdir()) else None


def _table(path: Path) -> Path | None:
    return next((path / name for name in _TABLES if (path / name).is_file()), None)


def class_counts(faces: Faces) -> dict[str, dict[str, int]]:
    """How many images each class has, by the part they belong to."""
    counts = {
        part: np.bincount(faces.labels[faces.usage == index], minlength=len(faces.names))
        for index, part in enumerate(PARTS)
    }
    return {name: {part: int(counts[part][label]) for part in PARTS} for label, name in enumerate(faces.names)}


def read_fer2013(path: Path, spec: DataSpec) -> Dataset:
    """The data set of a recipe: Training to fit, PublicTest to validate, PrivateTest to test.

    Where no image is marked PublicTest, as in folders without its name, every tenth training image of each class
    validates.

    Args:
        path: see `read_faces`.
        spec: one of `NAMES`, shape (1, 48, 48), 7 classes or FER+'s 8; values are divided by its scale.

    Raises:
        UsageError: another shape or number of classes is asked for.
        ReadError: the path cannot be read, or has no image to train or to test.
    """
    rule = NAMES[spec.name]
    names = EMOTIONS if rule is None else EMOTIONS_PLUS
    if spec.shape != (1, SIDE, SIDE) or spec.classes != len(names):
        raise UsageError(
            f"{spec.name} is {len(names)} classes of shape (1, {SIDE}, {SIDE}), not {spec.classes} of {spec.shape}",
            next_step="correct the recipe's data section, or pass --data FILE.npz",
        )
    faces = read_faces(path, rule)
    usage = faces.usage.copy()
    if not (usage == 1).any():
        for label in range(len(names)):
            usage[np.flatnonzero((usage == 0) & (faces.labels == label))[9::10]] = 1
    x = (np.arange(256) / spec.scale).astype(np.float32)[faces.images[:, None]]
    parts = [Arrays(x[usage == part], faces.labels[usage == part]) for part in range(len(PARTS))]
    empty = [name for name, part in zip(PARTS, parts, strict=True) if not len(part.y)]
    if empty:
        raise ReadError(f"no image for {' and '.join(empty)}", where=str(path), next_step="get a complete copy")
    return Dataset(spec.name, *parts)
