"""Writing columns: CSV, NumPy's NPZ and HDF5, each of which holds any time."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from neurofer.data.events.decoder import BLOCK, DTYPE, Events
from neurofer.data.events.encoder import Encoder

_LEVEL = 3
"""Of compression: a third of the time that level 6 takes, and a tenth more bytes."""


def write_csv(path: Path, blocks: Iterator[Events]) -> None:
    """Write text, `t,x,y,p` in the first line, times in microseconds."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write("t,x,y,p\n")
        for events in blocks:
            file.writelines(f"{t},{x},{y},{p}\n" for x, y, t, p in events.tolist())


def write_npz(path: Path, blocks: Iterator[Events]) -> None:
    """Write four compressed arrays x, y, t, p; until their length is known they lie beside the file, without a name."""
    count = 0
    with ExitStack() as stack:
        columns = {key: stack.enter_context(tempfile.TemporaryFile(dir=path.parent)) for key in "xytp"}
        for events in blocks:
            count += len(events)
            for key, column in columns.items():
                column.write(events[key].tobytes())
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as file:
            for key, column in columns.items():
                column.seek(0)
                with file.open(f"{key}.npy", "w", force_zip64=True) as member:
                    described = {"descr": DTYPE[key].str, "fortran_order": False, "shape": (count,)}
                    np.lib.format.write_array_header_1_0(member, described)
                    shutil.copyfileobj(column, member, 1 << 20)


def write_hdf5(path: Path, blocks: Iterator[Events]) -> None:
    """Write a group `events` of x, y, t, p in microseconds, as DSEC does, compressed with HDF5's own gzip."""
    import h5py

    with h5py.File(path, "w") as file:
        columns: dict[str, Any] = {
            key: file.create_dataset(
                f"events/{key}", (0,), DTYPE[key], chunks=(BLOCK,), maxshape=(None,), compression="gzip", shuffle=True
            )
            for key in "xytp"
        }
        count = 0
        for events in blocks:
            for key, column in columns.items():
                column.resize((count + len(events),))
                column[count:] = events[key]
            count += len(events)


CSV_ENCODER = Encoder("csv", ".csv", lambda path, blocks, _: write_csv(path, blocks))
NPZ_ENCODER = Encoder("npz", ".npz", lambda path, blocks, _: write_npz(path, blocks))
HDF5_ENCODER = Encoder("hdf5", ".h5", lambda path, blocks, _: write_hdf5(path, blocks))
