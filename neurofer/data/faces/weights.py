"""Weights of the 68-landmark networks of face-api.js: a manifest in JSON, and shards of quantised numbers beside it.

The format is that of TensorFlow.js 0.x: groups of arrays, each with name, shape and, where it is quantised, the scale
and least value of its integers; the bytes of a group's arrays follow one another in its shards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from neurofer.errors import Problem, ReadError

Weights = Mapping[str, NDArray[np.float32]]

_STORED: dict[str, np.dtype[Any]] = {"uint8": np.dtype("u1"), "uint16": np.dtype("<u2"), "float32": np.dtype("<f4")}
_MOST = 1 << 26
"""Bytes of the largest file that is read; the larger of the two networks has 356,840."""

_DIMENSIONS = 4
"""Of the arrays of these networks."""


class _Quantised(msgspec.Struct):
    dtype: str
    scale: float
    min: float


class _Array(msgspec.Struct):
    name: str
    shape: list[int]
    dtype: str
    quantization: _Quantised | None = None


class _Group(msgspec.Struct):
    weights: list[_Array]
    paths: list[str]


def read_weights(path: Path) -> Weights:
    """Read all arrays of a manifest.

    Args:
        path: ``*-weights_manifest.json``; its shards lie in the same folder.

    Raises:
        ReadError: the manifest or a shard is missing or damaged, or they do not fit together.
    """
    try:
        groups = msgspec.json.decode(_bytes(path), type=list[_Group])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReadError(
            "this is no manifest of weights",
            where=str(path),
            why=str(error),
            next_step="give the *-weights_manifest.json of a 68-landmark network of face-api.js, its shards beside it",
        ) from error
    weights: dict[str, NDArray[np.float32]] = {}
    for group in groups:
        weights |= _group(group, path)
    return weights


def _group(group: _Group, path: Path) -> dict[str, NDArray[np.float32]]:
    problems = [
        Problem(repr(name), "a shard lies beside its manifest")
        for name in group.paths
        if not name or "\0" in name or Path(name).name != name
    ]
    for array in group.weights:
        if _stored(array) not in _STORED:
            problems.append(Problem(array.name, f"numbers of type {_stored(array)}", closest=", ".join(_STORED)))
        if len(array.shape) > _DIMENSIONS or any(not 0 <= length <= _MOST for length in array.shape):
            problems.append(Problem(array.name, f"shape {array.shape}"))
    if problems:
        raise ReadError("the manifest cannot be followed", where=str(path), problems=problems)
    data = b"".join(_bytes(path.with_name(name)) for name in group.paths)
    sizes = [math.prod(array.shape) * _STORED[_stored(array)].itemsize for array in group.weights]
    if sum(sizes) != len(data):
        raise ReadError(
            f"the shards hold {len(data)} bytes, and the manifest tells of {sum(sizes)}",
            where=str(path),
            next_step="get complete copies of manifest and shards",
        )
    starts = np.cumsum([0, *sizes])
    return {
        array.name: _values(array, data[start : start + size])
        for array, start, size in zip(group.weights, starts.tolist(), sizes, strict=False)
    }


def _stored(array: _Array) -> str:
    return array.quantization.dtype if array.quantization else array.dtype


def _values(array: _Array, data: bytes) -> NDArray[np.float32]:
    numbers: NDArray[np.float32] = np.frombuffer(data, _STORED[_stored(array)]).reshape(array.shape).astype(np.float32)
    if array.quantization is not None:
        numbers *= np.float32(array.quantization.scale)
        numbers += np.float32(array.quantization.min)
    return numbers


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST:
            raise ReadError(f"{path.stat().st_size} bytes are too many for these weights", where=str(path))
        return path.read_bytes()
    except OSError as error:
        raise ReadError("cannot be read", where=str(path), why=error.strerror or str(error)) from error
