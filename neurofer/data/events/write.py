"""Writing recordings: in which formats, and to which file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.decoder import Events
from neurofer.data.events.encoder import checked
from neurofer.data.events.write_aedat4 import AEDAT4_ENCODER
from neurofer.data.events.write_columns import CSV_ENCODER, HDF5_ENCODER, NPZ_ENCODER
from neurofer.data.events.write_evt import EVT2_ENCODER, EVT3_ENCODER
from neurofer.data.events.write_records import DAT_ENCODER, NMNIST_ENCODER
from neurofer.errors import UsageError
from neurofer.files import replace_file

WRITABLE = {
    known.name: known
    for known in (
        EVT2_ENCODER,
        EVT3_ENCODER,
        DAT_ENCODER,
        NMNIST_ENCODER,
        AEDAT4_ENCODER,
        HDF5_ENCODER,
        NPZ_ENCODER,
        CSV_ENCODER,
    )
}
"""By name; of two with one suffix the first is meant where no name is given."""

_SUFFIXES = {known.suffix: name for name, known in reversed(WRITABLE.items())} | {".hdf5": "hdf5", ".txt": "csv"}


def write_events(
    path: str | Path,
    events: NDArray[Any] | Iterable[NDArray[Any]],
    *,
    kind: str | None = None,
    size: tuple[int, int] | None = None,
) -> int:
    """Write a recording in one step, in memory that does not depend on its length; `read_events` reads the same.

    Args:
        path: file to write.
        events: of dtype ``DTYPE``, as one array [N] or in chunks, such as `stream_events` gives them.
        kind: format, a key of ``WRITABLE``; else what the file's suffix says.
        size: width and height of the sensor, which EVT, DAT and AEDAT 4.0 tell and only the last one needs.

    Returns:
        How many events were written.

    Raises:
        UsageError: an unknown format, or an event that it cannot hold.
        WriteError: the folder is missing, read-only or full. In either case nothing is left there.
        MissingPackageError: a package that this format needs is not installed.
    """
    path = Path(path)
    encoder = WRITABLE[kind_of(path, kind)]
    count = 0

    def counted() -> Iterator[Events]:
        nonlocal count
        for block in checked([events] if isinstance(events, np.ndarray) else events, encoder, size):
            count += len(block)
            yield block

    replace_file(path, lambda draft: encoder.encode(Path(draft), counted(), size))
    return count


def kind_of(path: Path, kind: str | None = None) -> str:
    """The format of a file that is to be written.

    Raises:
        UsageError: it cannot be written, or is not known from the suffix.
    """
    known = ", ".join(WRITABLE)
    if kind is not None and kind not in WRITABLE:
        raise UsageError(f"the format {kind!r} is not written", next_step=f"choose one of {known}")
    if kind is None and path.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"the suffix {path.suffix!r} tells no format that is written" if path.suffix else "the name has no suffix",
            where=str(path),
            next_step=f"use one of {', '.join(_SUFFIXES)}, or name the format: {known}",
        )
    return kind or _SUFFIXES[path.suffix.lower()]
