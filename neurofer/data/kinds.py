"""What lies at a path: a recording, a video, a built data set, or one of the forms of FER2013 and FER+."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from typing import Literal, get_args

from neurofer.data.build.manifest import MANIFEST, PLAN
from neurofer.data.events import format_of
from neurofer.data.fer2013.read import holds_faces
from neurofer.data.video import PICTURES
from neurofer.errors import ReadError

Kind = Literal["recording", "video", "dataset", "faces", "votes", "arrays"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_VIDEOS = {".3gp", ".avi", ".flv", ".gif", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv"}
_VIDEOS |= {".ts", ".vob", ".webm", ".wmv"}
_FIRST_LINE = 4096
_NEXT = (
    "give a recording, a video or a folder of its frames, a folder that `neurofer data build` made, FER2013 as csv, "
    "folders or mosaic, or an .npz file with x and y; films of a whole set are for `neurofer data build videos`"
)


def kind_of(path: Path) -> Kind:
    """Look at what lies at a path, as far as that takes no time.

    Raises:
        ReadError: nothing lies there, or nothing that is known.
    """
    if not path.exists():
        raise ReadError("there is no such file or folder", where=str(path), next_step="check the path")
    found = _kind_of_folder(path) if path.is_dir() else _kind_of_file(path)
    if found is None:
        what = "this folder holds nothing" if path.is_dir() else "this file is nothing"
        raise ReadError(f"{what} that is known", where=str(path), next_step=_NEXT)
    return found


def _kind_of_folder(path: Path) -> Kind | None:
    if (path / MANIFEST).exists() or (path / PLAN).exists():
        return "dataset"
    if holds_faces(path):
        return "faces"
    return "video" if any(one.suffix.lower() in PICTURES for one in path.iterdir()) else None


def _kind_of_file(path: Path) -> Kind | None:
    known = format_of(path)
    if known == "csv":
        columns = _columns(path)
        if {"emotion", "pixels"} <= columns:
            return "faces"
        if {"neutral", "contempt", "NF"} <= columns:
            return "votes"
    if known == "npz" and {"x", "y"} <= (names := _arrays(path)) and not names & {"t", "ts", "p", "events"}:
        return "arrays"
    if known:
        return "recording"
    return "video" if path.suffix.lower() in _VIDEOS else None


def _columns(path: Path) -> set[str]:
    with path.open("rb") as file:
        line = file.read(_FIRST_LINE).splitlines()[:1]
    names = next(csv.reader([line[0].decode("utf-8-sig", errors="replace")] if line else []), [])
    return {name.strip() for name in names}


def _arrays(path: Path) -> set[str]:
    try:
        with zipfile.ZipFile(path) as file:
            return {name.removesuffix(".npy") for name in file.namelist()}
    except (OSError, zipfile.BadZipFile, ValueError):
        return set()
