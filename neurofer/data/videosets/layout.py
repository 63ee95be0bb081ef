"""What all layouts share: the clips that are found in a folder, the six emotions, and what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from neurofer.data.synthetic.expression import EXPRESSIONS
from neurofer.data.video import PICTURES
from neurofer.errors import ReadError

EMOTIONS = EXPRESSIONS
"""The classes, in the order of the code of Spiking-FER's authors."""

VIDEOS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".wmv"})

_WORDS = {
    **{name: name for name in EMOTIONS},
    "happiness": "happy",
    "joy": "happy",
    "fearful": "fear",
    "afraid": "fear",
    "surprised": "surprise",
    "angry": "anger",
    "disgusted": "disgust",
    "sad": "sadness",
}


@dataclass(frozen=True)
class Clip:
    """A film of one face that shows one emotion.

    Attributes:
        id: names its recording.
        emotion: of EMOTIONS.
        subject: who is seen.
        path: of the video, or of the folder of its pictures, within the folder that was searched.
        stop: how many frames show the way to the emotion; None for all.
    """

    id: str
    emotion: str
    subject: str
    path: Path
    stop: int | None = None


@dataclass(frozen=True)
class Found:
    """The clips of a folder, and how many there are of those that the papers leave out, by reason."""

    clips: tuple[Clip, ...]
    left_out: Mapping[str, int]


def emotion(word: str) -> str | None:
    """The emotion a word means, in any case and inflection that the sets use; None for any other."""
    return _WORDS.get(word.strip().lower())


def subfolders(folder: Path) -> list[Path]:
    """The visible folders in a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def locate(folder: Path, name: str) -> Path | None:
    """The folder of that name, in upper or lower case: this one, or one at most two levels down.

    Raises:
        ReadError: there are several.
    """
    below = subfolders(folder)
    levels = ([folder], below, [path for one in below for path in subfolders(one)])
    for level in levels:
        named = [path for path in level if path.name.lower() == name.lower()]
        if len(named) > 1:
            raise ReadError(
                f"there are {len(named)} folders {name}",
                where=str(folder),
                why=", ".join(str(path.relative_to(folder)) for path in named),
                next_step="give the folder above one of them",
            )
        if named:
            return named[0]
    return None


def files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """The visible files in a folder with one of these suffixes, in upper or lower case, by name."""
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )


def walk(folder: Path) -> Iterator[Path]:
    """A folder and all visible ones below it, by name; links are not followed, for they may lead in circles."""
    yield folder
    for path in subfolders(folder):
        if not path.is_symlink():
            yield from walk(path)


def found(folder: Path, clips: list[Clip], left_out: Counter[str], expected: str) -> Found:
    """What a layout found.

    Raises:
        ReadError: no clips; it says what was expected and what is there instead.
    """
    if clips:
        return Found(tuple(clips), dict(sorted(left_out.items())))
    there = Counter(
        "videos" if path.suffix.lower() in VIDEOS else "pictures" if path.suffix.lower() in PICTURES else "other files"
        for path in folder.rglob("*")
        if path.is_file()
    )
    counts = ", ".join(f"{count} {what}" for what, count in sorted(there.items())) or "nothing"
    reasons = "; ".join(f"{count} left out: {reason}" for reason, count in sorted(left_out.items()))
    raise ReadError(
        "there are no clips in this folder",
        where=str(folder),
        why=f"expected {expected}; found {counts}{f' ({reasons})' if reasons else ''}",
        next_step="give the folder that holds the set as its owners lay it out",
    )
