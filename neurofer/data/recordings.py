"""Reading a built folder: a sequence of recordings and labels, as data sets of tonic and torch are."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofer.data.build import Manifest, read_manifest
from neurofer.data.events import Events, read_events
from neurofer.errors import ReadError


@dataclass(frozen=True)
class Recordings:
    """The recordings of a built folder; `recordings[index]` gives events (x, y, t, p) and a label.

    Attributes:
        folder: where they lie.
        manifest: what the folder holds.
    """

    folder: Path
    manifest: Manifest

    def __len__(self) -> int:
        return len(self.manifest.recordings)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        return self.events(index), self.manifest.recordings[index].label

    @functools.cached_property
    def labels(self) -> NDArray[np.int64]:
        """Of all recordings, [N]."""
        return np.array([one.label for one in self.manifest.recordings], np.int64)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Who is seen in each recording."""
        return tuple(one.subject for one in self.manifest.recordings)

    @property
    def sensor_size(self) -> tuple[int, int, int]:
        """(W, H, 2), as tonic has it."""
        return (*self.manifest.size, 2)

    def events(self, index: int) -> Events:
        """The events of one recording, [N], in the order of time.

        Raises:
            ReadError: the file is missing, damaged, or not the one that was built.
        """
        one = self.manifest.recordings[index]
        path = self.folder / one.file
        events = read_events(path, kind="npz")
        span = (int(events["t"][0]), int(events["t"][-1])) if len(events) else (None, None)
        if (len(events), *span) != (one.events, one.first_us, one.last_us):
            raise ReadError(
                "this is not the recording that was built",
                where=str(path),
                why=f"it holds {len(events)} events, the manifest says {one.events}",
                next_step="build the data set again with the same options, which mends it",
            )
        return events


def open_recordings(folder: str | Path) -> Recordings:
    """Open a folder that `neurofer.data.build` has built.

    Raises:
        ReadError: the folder is missing, not finished or none of these, or its manifest is damaged.
    """
    return Recordings(Path(folder), read_manifest(folder))
