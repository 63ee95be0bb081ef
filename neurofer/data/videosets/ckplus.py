"""CK+ (Lucey et al. 2010): 593 sequences of pictures of 123 people, 327 of them with an emotion.

cohn-kanade-images/S005/001/S005_001_00000001.png ...
Emotion/S005/001/S005_001_00000011_emotion.txt       one number, 0 to 7
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from neurofer.data.video import PICTURES
from neurofer.data.videosets.layout import Clip, Found, files, found, locate, subfolders
from neurofer.errors import Problem, ReadError

FPS = 30.0

_EXPECTED = "cohn-kanade-images/S005/001/*.png and Emotion/S005/001/*_emotion.txt"
_CODES = ("neutral", "anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")
_LEFT_OUT = {"neutral", "contempt"}


def find_clips(folder: Path) -> Found:
    """Find the sequences that have one of the six emotions; they end at its apex.

    Raises:
        ReadError: the folders are missing, or labels are none; all of these are named.
    """
    images, labels = locate(folder, "cohn-kanade-images"), locate(folder, "Emotion")
    clips: list[Clip] = []
    left_out: Counter[str] = Counter()
    problems: list[Problem] = []
    sequences = [] if images is None or labels is None else _sequences(images)
    for sequence in sequences:
        subject, number = sequence.parent.name.upper(), sequence.name
        label = _label((labels or folder) / sequence.parent.name / number)
        if isinstance(label, Problem):
            problems.append(label)
        elif label is None:
            left_out["no emotion label"] += 1
        elif label in _LEFT_OUT:
            left_out[label] += 1
        else:
            clips.append(Clip(f"{subject}-{number}", label, subject, sequence.relative_to(folder)))
    if problems:
        raise ReadError("labels that are none", where=str(folder), problems=problems)
    return found(folder, clips, left_out, _EXPECTED)


def _sequences(images: Path) -> list[Path]:
    people = (path for path in subfolders(images) if re.fullmatch(r"S\d+", path.name, re.IGNORECASE))
    return [path for person in people for path in subfolders(person) if files(path, PICTURES)]


def _label(folder: Path) -> str | Problem | None:
    texts = files(folder, frozenset({".txt"})) if folder.is_dir() else []
    if not texts:
        return None
    text = texts[0].read_text(errors="replace").strip()
    try:
        return _CODES[int(float(text))] if float(text) >= 0 else _no_code(texts[0], text)
    except (ValueError, OverflowError, IndexError):
        return _no_code(texts[0], text)


def _no_code(path: Path, text: str) -> Problem:
    return Problem(f"{path.parent.parent.name}/{path.parent.name}/{path.name}", f"'{text[:20]}', expected 0 to 7")
