"""NumPy's own files: `.npz` with arrays x, y, t and p or one structured array, and `.npy` with a structured array."""

from __future__ import annotations

import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.columns import find_columns
from neurofer.data.events.decoder import BLOCK, DamagedError, Decoded, Events, Format, Options, Unit, budget, pack

_BROKEN = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile and numpy raise on contents they do not expect."""


@dataclass
class _Array:
    """A one-dimensional array that is read from front to back."""

    stream: IO[bytes]
    dtype: np.dtype[Any]
    rows: int

    def read(self, rows: int) -> NDArray[Any]:
        """The next rows; fewer where the file ends early."""
        data = self.stream.read(min(rows, self.rows) * self.dtype.itemsize)
        found = np.frombuffer(data, self.dtype, len(data) // self.dtype.itemsize)
        self.rows -= min(rows, self.rows)
        return found


def _array(stream: IO[bytes], name: str, most: int) -> _Array:
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise DamagedError(f"{name} is of version {version} of NumPy's format")
    with warnings.catch_warnings():  # numpy says so where Python 2 wrote the file
        warnings.simplefilter("ignore", UserWarning)
        shape, _, dtype = readers[version](stream)
    if len(shape) != 1 or dtype.hasobject or not dtype.itemsize or not 0 <= shape[0] <= most:
        raise DamagedError(f"{name} is of type {dtype} and shape {shape}, no column of a file of this size")
    return _Array(stream, dtype, shape[0])


def _decode_npz(path: Path, options: Options) -> Decoded:
    return Decoded(None, _guarded(_npz(path, options.unit)))


def _decode_npy(path: Path, options: Options) -> Decoded:
    return Decoded(None, _guarded(_npy(path, options.unit)))


def _guarded(blocks: Iterator[Events]) -> Iterator[Events]:
    try:
        yield from blocks
    except _BROKEN as error:
        raise DamagedError(f"no whole NumPy file: {error}") from error


def _npz(path: Path, unit: Unit | None) -> Iterator[Events]:
    with ExitStack() as stack:
        file = stack.enter_context(zipfile.ZipFile(path))
        members = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
        names = find_columns(members)
        wanted = sorted(set(names.values())) if names else list(members) if len(members) == 1 else ["events"]
        if not set(wanted) <= set(members):
            raise DamagedError(f"no arrays x, y, t and p in it, only {', '.join(sorted(members)[:9]) or 'nothing'}")
        arrays = {}
        for name in wanted:
            if members[name].compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise DamagedError(f"{name} is compressed in a way NumPy does not use")
            arrays[name] = _array(stack.enter_context(file.open(members[name])), name, budget(path))
        if names:
            yield from _joined([arrays[names[key]] for key in "xytp"], unit)
        else:
            yield from _structured(arrays[wanted[0]], wanted[0], unit)


def _npy(path: Path, unit: Unit | None) -> Iterator[Events]:
    with path.open("rb") as file:
        yield from _structured(_array(file, path.name, budget(path)), path.name, unit)


def _joined(arrays: list[_Array], unit: Unit | None) -> Iterator[Events]:
    lengths = [array.rows for array in arrays]
    if len(set(lengths)) != 1:
        raise DamagedError(f"x, y, t and p are of different lengths, {lengths}")
    for name, array in zip("xytp", arrays, strict=True):
        _check(array.dtype, name)
    for start in range(0, lengths[0], BLOCK):
        columns = [array.read(BLOCK) for array in arrays]
        whole = min(map(len, columns))
        yield from _packed([column[:whole] for column in columns], unit)
        if whole < min(BLOCK, lengths[0] - start):
            raise DamagedError("the file ends inside an event")


def _structured(array: _Array, name: str, unit: Unit | None) -> Iterator[Events]:
    names = find_columns(array.dtype.names or ())
    if names is None:
        raise DamagedError(f"{name} is of type {array.dtype}, without fields x, y, t and p")
    for key in "xytp":
        _check(array.dtype[names[key]], f"{name}.{names[key]}")
    left = array.rows
    while left:
        records = array.read(BLOCK)
        yield from _packed([records[names[key]] for key in "xytp"], unit)
        if len(records) < min(BLOCK, left):
            raise DamagedError("the file ends inside an event")
        left -= len(records)


def _check(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind not in "iufb" or dtype.shape:
        raise DamagedError(f"{name} is of type {dtype}, expected numbers")


def _packed(columns: list[NDArray[Any]], unit: Unit | None) -> Iterator[Events]:
    x, y, t, p = (column if column.dtype.kind in "uf" else column.astype(np.int64) for column in columns)
    with np.errstate(all="ignore"):  # what is not finite is found and named
        yield from pack(x, y, t, p, unit=unit)


NPZ = Format("npz", "NPZ", lambda head, _: head.startswith((b"PK\x03\x04", b"PK\x05\x06")), _decode_npz)
NPY = Format("npy", "NPY", lambda head, _: head.startswith(b"\x93NUMPY"), _decode_npy)
