"""FER+: ten people's votes on every image of FER2013, and the two rules that make labels of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurofer.data.fer2013.faces import PARTS, Faces, refuse
from neurofer.data.fer2013.table import rows_of
from neurofer.errors import Problem, ReadError

Rule = Literal["argmax", "majority"]

EMOTIONS_PLUS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
_COLUMNS = (*EMOTIONS_PLUS, "unknown", "NF")
VOTES = len(_COLUMNS)
FILES = ("fer2013new.csv", "ferplus_votes.csv")


def relabel(faces: Faces, votes: NDArray[np.int64], rule: Rule = "argmax") -> Faces:
    """The images that have a label in FER+, with it.

    `argmax` is the rule of Conv-SNN (section 4.3): the emotion with most votes, the first of equals; images that are
    "unknown" or no face (NF) are left out. `majority` is FERPlus' own (Barsoum et al. 2016, `ferplus.py`): single votes
    count nothing, and an image stays only if its emotion has more than half of the votes left.

    Args:
        faces: all images of FER2013.
        votes: [N, 10], the eight emotions, unknown and NF.
        rule: `argmax` or `majority`.
    """
    if rule == "majority":
        votes = np.where(votes <= 1, 0, votes)
    labels = votes.argmax(1)
    kept = labels < len(EMOTIONS_PLUS)
    if rule == "majority":
        kept &= 2 * votes.max(1) > votes.sum(1)
    return Faces(faces.images[kept], labels[kept].astype(np.int64), faces.usage[kept], EMOTIONS_PLUS)


def read_votes(folder: Path, usage: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read FERPlus' `fer2013new.csv` (or `ferplus_votes.csv`) in a folder: int64 [N, 10], a row for each image.

    Args:
        folder: where the file lies.
        usage: of the images, which the file must repeat.

    Raises:
        ReadError: no such file, a missing column, votes that are no counts, or rows of other images.
    """
    path = next((folder / name for name in FILES if (folder / name).exists()), None)
    if path is None:
        raise ReadError(
            "FER+ needs the file of its votes",
            where=str(folder),
            next_step=f"put {FILES[0]} of github.com/microsoft/FERPlus there",
        )
    told, votes, lines = read_table(path)
    problems = [
        Problem(f"line {line}", f"Usage '{PARTS[part]}', the image's is {PARTS[wanted]}")
        for line, part, wanted in zip(lines, told, usage, strict=False)
        if part != wanted
    ]
    refuse("rows of the votes cannot be used", path, problems, "images and votes must be those of the same fer2013.csv")
    if len(votes) != len(usage):
        raise ReadError(f"{len(votes)} rows of votes for {len(usage)} images", where=str(path))
    return votes


def read_table(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
    """Read a file of votes without its images.

    Returns:
        The part that each image belongs to, its votes [N, 10], and the line they stand in.

    Raises:
        ReadError: no such file, a missing column, no votes, or rows that are none; the first of them are named.
    """
    usage, votes, lines, problems = [], [], [], []
    for line, (part, *cells) in rows_of(path, ("Usage", *_COLUMNS)):
        if not all(map(is_count, cells)):
            problems.append(Problem(f"line {line}", f"votes {','.join(cells)[:40]}, expected {VOTES} counts"))
        elif part not in PARTS:
            problems.append(Problem(f"line {line}", f"Usage '{part[:20]}', expected {', '.join(PARTS)}"))
        else:
            usage.append(PARTS.index(part))
            votes.append([int(cell) for cell in cells])
            lines.append(line)
    refuse("rows of the votes cannot be used", path, problems, "images and votes must be those of the same fer2013.csv")
    if not votes:
        raise ReadError("the file holds no votes", where=str(path))
    return np.array(usage, np.int64), np.array(votes, np.int64), lines


def is_count(cell: str) -> bool:
    """Whether a cell of a table is a number of votes."""
    return cell.isascii() and cell.isdigit() and len(cell) < 4
