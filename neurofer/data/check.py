"""Whether data is what it should be: readable, in order, as its manifest says, and told apart between its parts."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurofer.data.arrays import read_arrays
from neurofer.data.build.manifest import MANIFEST, RECORDINGS
from neurofer.data.describe import LabelledInfo, Labels, describe_arrays, describe_images, describe_recording
from neurofer.data.fer2013 import NAMES, Faces, read_faces
from neurofer.data.kinds import Kind, kind_of
from neurofer.data.recordings import Recordings, open_recordings
from neurofer.data.video import open_video
from neurofer.errors import NeuroferError, Problem, ReadError, UsageError

SCHEMA = "neurofer.data.check/1"

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        path: what was checked.
        kind: which kind of data it is.
        samples: how many recordings, images or frames were looked at.
        problems: everything that is wrong.
        notes: what is worth knowing and not wrong.
        schema: of the document.
    """

    path: str
    kind: Kind
    samples: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    schema: str = SCHEMA


def check(path: Path, *, labels: Labels = "fer2013", progress: Progress = lambda _: None) -> Checked:
    """Check whatever lies at a path, to its end; what is wrong is returned, not raised.

    Args:
        path: see `neurofer.data.kinds.kind_of`.
        labels: whose labels of FER2013's images.
        progress: called with the number of samples that were just looked at.

    Raises:
        ReadError: nothing lies there, nothing that is known, or no data set that was finished.
        UsageError: labels that are not there.
        MissingPackageError: a package that reads it is not installed.
    """
    kind = kind_of(path)
    if kind == "votes":
        raise UsageError("votes without their images cannot be checked", where=str(path), next_step="give the folder")
    try:
        if kind == "dataset":
            return _check_dataset(path, progress)
        if kind == "recording":
            return _check_recording(path)
        if kind == "video":
            return _check_video(path, progress)
        return _check_arrays(path) if kind == "arrays" else _check_faces(path, labels)
    except ReadError as error:
        if kind == "dataset" and not error.problems:  # there is none to check yet
            raise
        return Checked(str(path), kind, 0, error.problems or (Problem(path.name, _words(error)),))


def _check_recording(path: Path) -> Checked:
    found = describe_recording(path)
    problems = []
    if found.damage:
        problems.append(Problem(path.name, f"damaged after {found.events:,} good events: {found.damage}"))
    if not found.rising:
        problems.append(Problem(path.name, "times fall", closest="neurofer data convert --sort"))
    if not found.events:
        problems.append(Problem(path.name, "there are no events"))
    return Checked(str(path), "recording", 1, tuple(problems), (f"{found.events:,} events",))


def _check_video(path: Path, progress: Progress) -> Checked:
    video = open_video(path)
    count, size = 0, None
    problems: list[Problem] = []
    try:
        for frame in video.frames():
            if frame.shape[:2] != (size := size or frame.shape[:2]):
                problems.append(Problem(f"frame {count}", f"its size is {frame.shape[:2]}, of those before {size}"))
            count += 1
            progress(1)
    except ReadError as error:
        problems.append(Problem(f"frame {count}", _words(error)))
    notes = () if video.fps else ("nothing tells how many frames a second has; what reads them takes --fps",)
    return Checked(str(path), "video", count, tuple(problems), notes)


def _check_dataset(path: Path, progress: Progress) -> Checked:
    data = open_recordings(path)
    problems: list[Problem] = []
    for index in range(len(data)):
        problems += _recording_problems(data, index)
        progress(1)
    problems += _manifest_problems(data)
    problems += _copies(data)
    counts = Counter(one.label for one in data.manifest.recordings)
    sizes = [counts[label] for label in range(len(data.manifest.classes))]
    notes = (
        f"recordings per class: {min(sizes)} to {max(sizes)}",
        f"people: {len(set(data.subjects))}",
        *(f"{count:,} left out: {reason}" for reason, count in data.manifest.left_out.items()),
        *(f"not made: {failure.id}: {failure.why}" for failure in data.manifest.failures),
    )
    return Checked(str(path), "dataset", len(data), tuple(problems), notes)


def _recording_problems(data: Recordings, index: int) -> Iterator[Problem]:
    one = data.manifest.recordings[index]
    try:
        content = (data.folder / one.file).read_bytes()
    except OSError as error:
        yield Problem(one.file, error.strerror or str(error))
        return
    if hashlib.sha256(content).hexdigest() != one.sha256:
        yield Problem(one.file, "its SHA-256 is not that of the manifest")
    try:
        events = data.events(index)
    except NeuroferError as error:
        yield Problem(one.file, _words(error))
        return
    if not len(events):
        yield Problem(one.file, "there are no events")
        return
    if bool((np.diff(events["t"]) < 0).any()):
        yield Problem(one.file, "times fall")
    for key, limit in zip("xy", data.manifest.size, strict=True):
        if events[key].min() < 0 or events[key].max() >= limit:
            yield Problem(one.file, f"{key} up to {events[key].max()}, the sensor ends at {limit - 1}")


def _manifest_problems(data: Recordings) -> Iterator[Problem]:
    manifest, listed = data.manifest, {one.file for one in data.manifest.recordings}
    for name, count in Counter(one.id for one in manifest.recordings).items():
        if count > 1:
            yield Problem(MANIFEST, f"{count} recordings are called {name}")
    for label, name in enumerate(manifest.classes):
        if all(one.label != label for one in manifest.recordings):
            yield Problem(MANIFEST, f"no recording is of the class {name}")
    for path in sorted((data.folder / RECORDINGS).glob("[!.]*")):
        if f"{RECORDINGS}/{path.name}" not in listed:
            yield Problem(f"{RECORDINGS}/{path.name}", "the manifest does not name it")


def _copies(data: Recordings) -> Iterator[Problem]:
    same = defaultdict(list)
    for one in data.manifest.recordings:
        if one.events:
            same[one.sha256].append(f"{one.id} ({data.manifest.classes[one.label]}, {one.subject})")
    for copies in same.values():
        if len(copies) > 1:
            yield Problem(MANIFEST, f"exact copies of each other, which folds may part: {', '.join(copies)}")


def _check_faces(path: Path, labels: Labels) -> Checked:
    faces = read_faces(path, NAMES[labels])
    info = describe_images(path, labels, faces)
    return Checked(
        str(path), "faces", info.samples, (*_copied(info), *_image_problems(faces)), (_balance(info.classes),)
    )


def _image_problems(faces: Faces) -> Iterator[Problem]:
    groups = defaultdict(set)
    for image, label in zip(faces.images, faces.labels.tolist(), strict=True):
        groups[image.tobytes()].add(label)
    contradictory = sum(len(found) > 1 for found in groups.values())
    if contradictory:
        yield Problem("labels", f"{contradictory:,} images stand there more than once, with different labels")
    blank = int((faces.images.min((1, 2)) == faces.images.max((1, 2))).sum())
    if blank:
        yield Problem("images", f"{blank:,} are of one value")


def _check_arrays(path: Path) -> Checked:
    info = describe_arrays(path)
    arrays = read_arrays(path, "")
    problems = list(_copied(info))
    if arrays["x"].dtype.kind == "f" and (faulty := int((~np.isfinite(arrays["x"])).sum())):
        problems.append(Problem("x", f"{faulty:,} values are not finite"))
    missing = sorted(set(range(int(arrays["y"].max(initial=-1)) + 1)) - {int(name) for name in info.classes})
    if missing:
        problems.append(Problem("y", f"no sample has the labels {', '.join(map(str, missing[:9]))}"))
    if arrays["y"].min(initial=0) < 0:
        problems.append(Problem("y", f"labels from {arrays['y'].min()}, expected 0 and up"))
    return Checked(str(path), "arrays", info.samples, tuple(problems), (_balance(info.classes),))


def _copied(info: LabelledInfo) -> Iterator[Problem]:
    for where, count in info.copies.items():
        if count:
            text = f"{count:,} are exact copies of others" if where == "samples" else f"{count:,} are exact copies"
            yield Problem(where, text, closest="data.distinct in a recipe leaves them out")


def _balance(classes: Mapping[str, Mapping[str, int]]) -> str:
    sizes = [sum(parts.values()) for parts in classes.values()]
    return f"classes have {min(sizes, default=0):,} to {max(sizes, default=0):,} samples"


def _words(error: NeuroferError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what
