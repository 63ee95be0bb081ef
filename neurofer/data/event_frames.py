"""Recordings as a network of frames reads them, and as the three parts of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.augment import compose
from neurofer.data.dataset import Arrays, Dataset, DataSpec, Picked, Samples
from neurofer.data.events import Events, bin_events
from neurofer.data.folds import assign_folds, overlap, part_folds
from neurofer.data.recordings import Recordings, open_recordings
from neurofer.errors import Problem, UsageError

_OF = {"random": "samples at random", "subject": "whole subjects"}


class EventFrames(Samples):
    """Some recordings as binary frames, uint8 [n, T, 2, H, W], OFF before ON.

    Frames are read once and then kept as bits; those that are augmented are read and made anew every time.

    Args:
        recordings: of a built folder.
        spec: shape, binning and augmentations; frames of another size than the sensor are resized by nearest
            neighbours, as in the code of Spiking-FER's authors.
        steps: T.
        indices: which recordings.
    """

    def __init__(self, recordings: Recordings, spec: DataSpec, steps: int, indices: NDArray[np.intp]) -> None:
        self._recordings, self._spec, self._steps, self._indices = recordings, spec, steps, indices
        self._shape = (steps, *spec.shape)
        self._bits: dict[int, NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, picked: Picked) -> NDArray[np.uint8]:
        count = int(np.prod(self._shape))
        packed = [self._packed(int(index)) for index in self._indices[picked]]
        bits = np.stack(packed) if packed else np.empty((0, -(-count // 8)), np.uint8)
        return np.unpackbits(bits, axis=1, count=count).reshape(-1, *self._shape)

    def draw(self, picked: Picked, rng: np.random.Generator) -> NDArray[np.uint8]:
        if not self._spec.augment:
            return self[picked]
        augmented = compose(self._spec.augment, self._recordings.sensor_size, rng=rng)
        events = (augmented(self._recordings.events(int(index))) for index in self._indices[picked])
        return np.stack([self._frames(one) for one in events])

    def pick(self, picked: Picked) -> EventFrames:
        return EventFrames(self._recordings, self._spec, self._steps, self._indices[picked])

    def digests(self) -> list[bytes]:
        made = self._recordings.manifest.recordings
        return [made[index].sha256.encode() for index in self._indices]

    def description(self) -> str:
        return f"{self._shape} {self._spec.binning} {self._spec.augment}"

    def _packed(self, index: int) -> NDArray[np.uint8]:
        if index not in self._bits:
            self._bits[index] = np.packbits(self._frames(self._recordings.events(index)))
        return self._bits[index]

    def _frames(self, events: Events) -> NDArray[Any]:
        width, height = self._recordings.manifest.size
        wanted = self._spec.shape[1:]
        resize = None if wanted == (height, width) else wanted
        return bin_events(events, self._steps, (height, width), by=self._spec.binning, resize=resize)


def read_recordings(folder: Path, spec: DataSpec, steps: int) -> Dataset:
    """Read a built folder and part it by folds; the same folds every time.

    Args:
        folder: built by `neurofer.data.build`.
        spec: shape, classes, folds and augmentations of the training part.
        steps: T.

    Raises:
        ReadError: no built folder, or a damaged one.
        UsageError: the recordings do not fit the recipe, or cannot be put into its folds.
    """
    found = open_recordings(folder)
    problems = []
    if spec.shape[0] != 2:
        problems.append(Problem("shape", f"{spec.shape[0]} channels, event frames have 2, OFF and ON"))
    if spec.classes != len(found.manifest.classes):
        held = ", ".join(found.manifest.classes)
        problems.append(Problem("classes", f"{spec.classes}, the folder has {len(found.manifest.classes)}: {held}"))
    if problems:
        raise UsageError("the recordings do not fit the recipe", where=str(folder), problems=problems)
    # Tells unknown names now, and not in the first epoch.
    compose(spec.augment, found.sensor_size, rng=np.random.default_rng())
    try:
        fold_of = assign_folds(found.labels, found.subjects, spec.folds, split=spec.split)
        train, validation, test = part_folds(fold_of, spec.fold)
    except UsageError as error:
        error.locate(str(folder))
        raise
    known = overlap(found.subjects, train, test)
    parts = (Arrays(EventFrames(found, spec, steps, part), found.labels[part]) for part in (train, validation, test))
    return Dataset(
        folder.resolve().name,
        *parts,
        parting=f"fold {spec.fold} of {spec.folds}, {_OF[spec.split]}; "
        f"{known.known} of the {known.subjects} people to test on are also trained on ({known.share:.0%})",
    )
