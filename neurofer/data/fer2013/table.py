"""FER2013 as it was published: one csv file, a row for each image, its pixels as text."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofer.data.fer2013.faces import EMOTIONS, PARTS, SIDE, Faces, refuse
from neurofer.errors import Problem, ReadError


def rows_of(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of the named columns of every row; a cell that is not there is empty.

    Raises:
        ReadError: the file is missing, is no text, or lacks a column.
    """
    try:
        # icml_face_data.csv, Kaggle's second copy, writes a blank before the names of its columns.
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = csv.reader(stream, strict=True)
            found = [name.strip() for name in next(lines, [])]
            missing = [Problem(name, "no such column") for name in columns if name not in found]
            refuse("the csv file lacks columns", path, missing, f"it holds {', '.join(found)[:200] or 'nothing'}")
            places = [found.index(name) for name in columns]
            for row in lines:
                if row:
                    yield lines.line_num, [row[place] if place < len(row) else "" for place in places]
    except FileNotFoundError as error:
        raise ReadError("no such file", where=str(path)) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadError("this is no complete csv file", where=str(path), why=str(error)) from error


def read_csv(path: Path) -> Faces:
    """Read `fer2013.csv` or `icml_face_data.csv`: columns emotion (0 to 6), pixels (48 x 48 values) and Usage.

    Raises:
        ReadError: the file is missing or no csv, lacks a column, or has faulty rows; the first of them are named.
    """
    images, labels, usage = [], [], []
    problems = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how numpy reports text that is no number
        for line, (emotion, text, part) in rows_of(path, ("emotion", "pixels", "Usage")):
            pixels = _pixels(text)
            reasons = [] if isinstance(pixels, np.ndarray) else [pixels]
            if emotion.strip() not in set("0123456"):
                reasons.append(f"emotion '{emotion[:20]}', expected 0 to {len(EMOTIONS) - 1}")
            if part.strip() not in PARTS:
                reasons.append(f"Usage '{part[:20]}', expected {', '.join(PARTS)}")
            problems += [Problem(f"line {line}", reason) for reason in reasons]
            if not reasons:
                images.append(pixels)
                labels.append(int(emotion))
                usage.append(PARTS.index(part.strip()))
    refuse("rows of the csv file cannot be read", path, problems, "get a complete copy of fer2013.csv")
    if not images:
        raise ReadError("the csv file holds no image", where=str(path))
    return Faces(np.stack(images).astype(np.uint8), np.array(labels, np.int64), np.array(usage, np.int64))


def _pixels(text: str) -> NDArray[np.int64] | str:
    """The image [48, 48], or why the text is none."""
    try:
        values = np.fromstring(text, dtype=np.int64, sep=" ")
    except (DeprecationWarning, ValueError):
        return "pixels that are no whole numbers"
    if values.size != SIDE * SIDE:
        return f"{values.size} pixels, expected {SIDE} x {SIDE} = {SIDE * SIDE}"
    if values.min() < 0 or values.max() > 255:
        return f"pixels from {values.min()} to {values.max()}, expected 0 to 255"
    return values.reshape(SIDE, SIDE)
