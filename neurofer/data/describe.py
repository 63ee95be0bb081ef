"""What data holds, without training on it: recordings, videos, built data sets, FER2013, arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neurofer.data.arrays import read_arrays
from neurofer.data.build import read_manifest
from neurofer.data.copies import find_copies
from neurofer.data.dataset import Arrays, Dataset
from neurofer.data.events import describe_events
from neurofer.data.fer2013 import EMOTIONS_PLUS, NAMES, PARTS, Faces, class_counts, read_faces
from neurofer.data.fer2013.ferplus import read_table, relabel
from neurofer.data.kinds import Kind, kind_of
from neurofer.data.video import open_video
from neurofer.errors import ReadError

SCHEMA = "neurofer.data.info/1"

Labels = Literal["fer2013", "ferplus", "ferplus-majority"]


@dataclass(frozen=True, kw_only=True)
class Described:
    """What every description says.

    Attributes:
        path: what was described.
        kind: which kind of data it is.
        schema: of the document.
    """

    path: str
    kind: Kind | Literal["installed"]
    schema: str = SCHEMA


@dataclass(frozen=True, kw_only=True)
class RecordingInfo(Described):
    """A recording; see `neurofer.data.events.Recording`.

    Attributes:
        format: name of its format.
        sensor: width and height, None if the file does not say.
        extent: 1 more than the largest x and y that occur.
        events: how many there are.
        on_share: how many of them are ON, 0 to 1; None without events or with colours.
        first_us: earliest time.
        last_us: latest time.
        events_per_second: between these; None if they are the same.
        rising: whether no event is earlier than the one before it.
        damage: why nothing could be read after these; empty if the file is whole.
    """

    format: str
    sensor: tuple[int, int] | None
    extent: tuple[int, int]
    events: int
    on_share: float | None
    first_us: int
    last_us: int
    events_per_second: float | None
    rising: bool
    damage: str


@dataclass(frozen=True, kw_only=True)
class VideoInfo(Described):
    """A video, or a folder of its frames.

    Attributes:
        fps: frames per second, None if nothing tells.
        frames: how many it announces, None if it does not.
        size: width and height.
    """

    fps: float | None
    frames: int | None
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class LabelledInfo(Described):
    """Samples with labels: a built data set, FER2013, arrays, or data that comes with neurofer.

    Attributes:
        name: of the data, or of the source it was built from.
        samples: how many there are.
        shape: of one sample.
        classes: of each class, how many samples each part has; a data set that was not parted has one part, `all`.
        subjects: how many people are seen; None where nobody says.
        events: of all recordings; None if these are none.
        seconds: all recordings after each other; None if these are none.
        parameters: that it was built with.
        left_out: samples of the source that are in no part, by reason.
        copies: samples that are exact copies of others, by the parts that both stand in.
    """

    name: str
    samples: int
    shape: tuple[int, ...]
    classes: Mapping[str, Mapping[str, int]]
    subjects: int | None = None
    events: int | None = None
    seconds: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    copies: Mapping[str, int] = field(default_factory=dict)


def describe(path: Path, *, labels: Labels = "fer2013", fps: float | None = None) -> Described:
    """Describe what lies at a path, whatever it is.

    Args:
        path: see `neurofer.data.kinds.kind_of`.
        labels: whose labels of FER2013's images are counted.
        fps: of a video that does not tell.

    Raises:
        ReadError: nothing lies there, nothing that is known, or something damaged before its first event or sample.
        UsageError: labels that are not there.
    """
    kind = kind_of(path)
    if kind == "recording":
        return describe_recording(path)
    if kind == "video":
        return describe_video(path, fps)
    if kind == "dataset":
        return describe_dataset(path)
    if kind == "votes":
        return describe_votes(path, labels)
    return describe_arrays(path) if kind == "arrays" else describe_faces(path, labels)


def describe_recording(path: Path) -> RecordingInfo:
    """Describe a recording, in memory that does not depend on its length."""
    found = describe_events(path)
    seconds = (found.last - found.first) / 1e6
    return RecordingInfo(
        path=str(path),
        kind="recording",
        format=found.kind,
        sensor=found.size,
        extent=found.extent,
        events=found.events,
        on_share=None if found.on is None or not found.events else found.on / found.events,
        first_us=found.first,
        last_us=found.last,
        events_per_second=found.events / seconds if seconds else None,
        rising=found.rising,
        damage=found.damage,
    )


def describe_video(path: Path, fps: float | None = None) -> VideoInfo:
    """Describe a video by its first frame and what it announces."""
    video = open_video(path, fps=fps)
    first = next(video.frames(), None)
    if first is None:
        raise ReadError("the video has no frames", where=str(path))
    return VideoInfo(
        path=str(path), kind="video", fps=video.fps, frames=video.count, size=(first.shape[1], first.shape[0])
    )


def describe_dataset(path: Path) -> LabelledInfo:
    """Describe a folder that was built, from its manifest alone."""
    manifest = read_manifest(path)
    made = manifest.recordings
    counts = Counter(one.label for one in made)
    spans = ((one.first_us, one.last_us) for one in made)
    return LabelledInfo(
        path=str(path),
        kind="dataset",
        name=manifest.source,
        samples=len(made),
        shape=manifest.size,
        classes={name: {"all": counts[label]} for label, name in enumerate(manifest.classes)},
        subjects=len({one.subject for one in made}),
        events=sum(one.events for one in made),
        seconds=sum(last - first for first, last in spans if first is not None and last is not None) / 1e6,
        parameters=manifest.parameters,
        left_out={**manifest.left_out, **({"could not be made": len(manifest.failures)} if manifest.failures else {})},
        copies=_between("samples", [one.sha256 for one in made]),
    )


def describe_faces(path: Path, labels: Labels = "fer2013") -> LabelledInfo:
    """Describe FER2013 or FER+, and count the images that stand in two of its parts."""
    return describe_images(path, labels, read_faces(path, NAMES[labels]))


def describe_images(path: Path, labels: Labels, faces: Faces) -> LabelledInfo:
    """Describe images that were read already, see `describe_faces`."""
    parts = [Arrays(faces.images[faces.usage == part], faces.labels[faces.usage == part]) for part in range(len(PARTS))]
    return LabelledInfo(
        path=str(path),
        kind="faces",
        name=labels,
        samples=len(faces),
        shape=faces.images.shape[1:],
        classes=class_counts(faces),
        copies=_copies(Dataset(labels, *parts), PARTS),
    )


def describe_votes(path: Path, labels: Labels = "ferplus") -> LabelledInfo:
    """Describe the votes of FER+ without their images, by FER+'s labels."""
    usage, votes, _ = read_table(path)
    rule = NAMES[labels] or "argmax"
    unseen = np.empty((len(usage), 0, 0), np.uint8)
    found = relabel(Faces(unseen, usage, usage, EMOTIONS_PLUS), votes, rule)
    return LabelledInfo(
        path=str(path),
        kind="votes",
        name=next(name for name, known in NAMES.items() if known == rule),
        samples=len(found),
        shape=(),
        classes=class_counts(found),
        left_out={f"without a label by {rule}": len(usage) - len(found)},
    )


def describe_arrays(path: Path) -> LabelledInfo:
    """Describe an `.npz` file with samples x and labels y."""
    arrays = read_arrays(path, "save x and y with numpy.savez")
    x, y = arrays.get("x"), arrays.get("y")
    if x is None or y is None or y.shape != x.shape[:1] or not np.issubdtype(y.dtype, np.integer):
        shapes = ", ".join(f"{key} {array.dtype} {list(array.shape)}" for key, array in sorted(arrays.items()))
        raise ReadError("x [N, ...] and whole labels y [N] are expected", where=str(path), why=f"it holds {shapes}")
    values, counts = np.unique(y, return_counts=True)
    return LabelledInfo(
        path=str(path),
        kind="arrays",
        name=path.name,
        samples=len(y),
        shape=x.shape[1:],
        classes={str(value): {"all": int(count)} for value, count in zip(values, counts, strict=True)},
        copies=_between("samples", [sample.tobytes() for sample in x]),
    )


def describe_parts(name: str, data: Dataset) -> LabelledInfo:
    """Describe data that is parted already, such as what comes with neurofer."""
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    present = sorted({int(label) for part in parts.values() for label in part.y})
    return LabelledInfo(
        path=name,
        kind="installed",
        name=data.name,
        samples=sum(len(part.y) for part in parts.values()),
        shape=tuple(np.shape(data.train.x[:1])[1:]),
        classes={str(label): {key: int((part.y == label).sum()) for key, part in parts.items()} for label in present},
        copies=_copies(data, tuple(parts)),
    )


def _copies(data: Dataset, names: Sequence[str]) -> dict[str, int]:
    found = find_copies(data)
    return {
        f"{names[1]} in {names[0]}": int(found.validation.sum()),
        f"{names[2]} in {names[0]}": int(found.test.sum()),
        f"{names[2]} in {names[1]}": int(found.test_of_validation.sum()),
    }


def _between(what: str, contents: Iterable[Any]) -> dict[str, int]:
    """How many are equal to one before them."""
    often = Counter(contents)
    return {what: sum(often.values()) - len(often)}
