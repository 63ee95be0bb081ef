"""FER+ as its authors' script lays it out: a folder for each part, with its pictures and their votes in `label.csv`."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofer.data.fer2013.faces import SIDE, Faces, refuse
from neurofer.data.fer2013.ferplus import EMOTIONS_PLUS, VOTES, is_count
from neurofer.data.fer2013.pictures import read_picture
from neurofer.errors import Problem, ReadError

FOLDERS = ("FER2013Train", "FER2013Valid", "FER2013Test")
LABELS = "label.csv"


def read_labelled(folder: Path) -> tuple[Faces, NDArray[np.int64]]:
    """Read `FER2013Train/label.csv`, `FER2013Valid/label.csv`, `FER2013Test/label.csv` and the pictures they name.

    A row is the picture's name, its frame, then ten votes; there are no names of columns (github.com/microsoft/FERPlus,
    `generate_training_data.py`). Pictures that nobody could see a face in are not in these files.

    Returns:
        The images in the order of the files, without labels (all are 0), and their votes, int64 [N, 10].

    Raises:
        ReadError: a file or picture is missing or damaged, or votes are no counts; the first of them are named.
        MissingPackageError: Pillow is not installed.
    """
    images: list[NDArray[np.uint8]] = []
    usage: list[int] = []
    votes: list[list[str]] = []
    problems: list[Problem] = []
    for part, name in enumerate(FOLDERS):
        for line, cells in _rows(folder / name / LABELS):
            where = f"{name}/{LABELS} line {line}"
            if len(cells) != 2 + VOTES or not all(map(is_count, cells[2:])):
                problems.append(Problem(where, f"{','.join(cells)[:60]}, expected a name, a frame and {VOTES} counts"))
                continue
            picture = read_picture(folder / name / Path(cells[0]).name, (SIDE, SIDE))
            if isinstance(picture, str):
                problems.append(Problem(f"{name}/{cells[0][:60]}", picture))
                continue
            images.append(picture)
            usage.append(part)
            votes.append(cells[2:])
    refuse("rows or pictures cannot be read", folder, problems, "make the folders anew with generate_training_data.py")
    if not images:
        raise ReadError(f"the files {LABELS} name no pictures", where=str(folder))
    labels = np.zeros(len(images), np.int64)
    return Faces(np.stack(images), labels, np.array(usage, np.int64), EMOTIONS_PLUS), np.array(votes, np.int64)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return [(line, row) for line, row in enumerate(csv.reader(stream, strict=True), 1) if row]
    except FileNotFoundError as error:
        raise ReadError("no such file", where=str(path), next_step=f"give folders {', '.join(FOLDERS)}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadError("this is no complete csv file", where=str(path), why=str(error)) from error
