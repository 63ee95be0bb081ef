"""HDF5 as v2e writes it (one array of t, x, y, p), as DSEC does (a group of four) and as Metavision does (records).

DSEC's own files are compressed with Blosc and Metavision's with ECF, filters that h5py does not bring along.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.columns import find_columns
from neurofer.data.events.decoder import BLOCK, DamagedError, Decoded, Events, Format, Options, Unit, budget, pack
from neurofer.errors import MissingPackageError

_MAGIC = b"\x89HDF\r\n\x1a\n"
_BROKEN = (ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)
"""What h5py raises on contents it does not expect."""

_PLACES = ("events", "CD/events", "/")
_V2E = {"t": 0, "x": 1, "y": 2, "p": 3}
_PLUGINS = {307: "bzip2", 32001: "Blosc", 32004: "LZ4", 32008: "Bitshuffle", 32015: "Zstandard", 32026: "Blosc2"}
"""What hdf5plugin adds to HDF5, by the filters' registered numbers."""

_ECF = 0x8ECF


def _decode(path: Path, options: Options) -> Decoded:
    return Decoded(None, _events(path, options.unit))


def _events(path: Path, unit: Unit | None) -> Iterator[Events]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            columns, offset = _columns(file, h5py), _offset(file, h5py)
            rows = _check(columns, path)
            step = BLOCK
            for column, _ in columns.values():
                if column.chunks:
                    step = max(step, BLOCK // column.chunks[0] * column.chunks[0], column.chunks[0])
            for start in range(0, rows, step):
                x, y, t, p = _block(columns, slice(start, start + step))
                yield from pack(x, y, t + offset if offset else t, p, unit=unit)
    except _BROKEN as error:
        raise DamagedError(f"HDF5 that cannot be read: {error}") from error


def _columns(file: Any, h5py: Any) -> dict[str, tuple[Any, str | int | None]]:
    """Datasets of x, y, t and p, each with the field or column of it."""
    for place in _PLACES:
        found = _get(file, place, h5py)
        if isinstance(found, h5py.Group):
            names = find_columns(found)
            if names is not None:
                members = {key: _get(found, name, h5py) for key, name in names.items()}
                if all(isinstance(member, h5py.Dataset) for member in members.values()):
                    return {key: (member, None) for key, member in members.items()}
        elif isinstance(found, h5py.Dataset):
            if found.dtype.names and (names := find_columns(found.dtype.names)):
                return {key: (found, name) for key, name in names.items()}
            if found.ndim == 2 and found.shape[1] == 4:
                return {key: (found, column) for key, column in _V2E.items()}
    raise DamagedError(
        "no events in it: neither an array `events` nor x, y, t and p, in `events`, `CD/events` or the root"
    )


def _get(group: Any, place: str, h5py: Any) -> Any:
    """What stands at a place in this very file; None if nothing does."""
    for part in place.strip("/").split("/"):
        if not isinstance(group, h5py.Group) or (part and not isinstance(group.get(part, getlink=True), h5py.HardLink)):
            return None
        group = group[part] if part else group
    return group


def _offset(file: Any, h5py: Any) -> int:
    """DSEC's time of the first microsecond."""
    found = _get(file, "t_offset", h5py)
    if not isinstance(found, h5py.Dataset) or found.size != 1 or found.dtype.kind not in "iu":
        return 0
    offset = int(np.ravel(found[()])[0])
    if not 0 <= offset < 2**62:
        raise DamagedError(f"t_offset is {offset}")
    return offset


def _check(columns: dict[str, tuple[Any, str | int | None]], path: Path) -> int:
    """Number of events, before memory is taken for arrays that a file of this size cannot hold."""
    most, rows = budget(path), {len(column) for column, _ in columns.values()}
    if len(rows) != 1:
        raise DamagedError(f"x, y, t and p are of different lengths, {sorted(rows)}")
    for column, field in columns.values():
        kind = (column.dtype if field is None or isinstance(field, int) else column.dtype[field]).kind
        if kind not in "iufb" or (field is None and column.ndim != 1):
            raise DamagedError(
                f"{column.name} is of type {column.dtype} and shape {column.shape}, no column of numbers"
            )
        if column.external or column.is_virtual:
            raise DamagedError(f"{column.name} keeps its data in another file")
        largest = max(column.nbytes, int(np.prod(column.chunks or 0)) * column.dtype.itemsize)
        if largest > most * 32:  # four columns of 8 bytes
            raise DamagedError(
                f"{column.name} claims to hold {largest} bytes, and the whole file has {path.stat().st_size}"
            )
        _check_filters(column)
    return rows.pop()


def _check_filters(column: Any) -> None:
    import h5py

    pipeline = column.id.get_create_plist()
    for number in range(pipeline.get_nfilters()):
        code = pipeline.get_filter(number)[0]
        if h5py.h5z.filter_avail(code):
            continue
        if code == _ECF:
            raise DamagedError(
                f"{column.name} is compressed with Prophesee's ECF, which is not read; convert the recording with "
                "metavision_file_to_dat or metavision_file_to_csv"
            )
        if code not in _PLUGINS:
            raise DamagedError(f"{column.name} is compressed with an unknown HDF5 filter, number {code}")
        try:
            import hdf5plugin  # noqa: F401 - registers its filters
        except ImportError as error:
            raise MissingPackageError(
                f"the events are compressed with {_PLUGINS[code]}, an HDF5 filter that is not installed",
                next_step="pip install hdf5plugin",
            ) from error


def _block(columns: dict[str, tuple[Any, str | int | None]], rows: slice) -> list[NDArray[Any]]:
    """The columns x, y, t and p of some rows; what they share is read once."""
    read: dict[int, NDArray[Any]] = {}
    block = []
    for key in ("x", "y", "t", "p"):
        dataset, field = columns[key]
        values = read.setdefault(id(dataset), dataset[rows]) if id(dataset) not in read else read[id(dataset)]
        column = values if field is None else values[:, field] if isinstance(field, int) else values[field]
        if column.dtype.kind == "b" or (column.dtype.kind == "i" and column.dtype.itemsize < 8):
            column = column.astype(np.int64)
        block.append(column)
    return block


HDF5 = Format("hdf5", "HDF5", lambda head, _: head.startswith(_MAGIC), _decode)
