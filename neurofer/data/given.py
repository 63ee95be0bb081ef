"""What a user gives a network to read: arrays, a picture, or a recording of events."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.binning import By
from neurofer.data.poisson import encode_poisson
from neurofer.data.video import PICTURES
from neurofer.errors import MissingPackageError, ReadError, UsageError
from neurofer.ir import Program
from neurofer.ir.nodes import Array, Shape

_PICTURES = PICTURES | {".gif"}
_FRAMES = {"x", "edges"}
"""The arrays of frames that `neurofer data convert --frames` writes."""


@dataclass(frozen=True)
class Given:
    """An input.

    Attributes:
        x: ``[T, N, *shape]``, or ``[N, *shape]`` where the encoder is ``constant``; by Input node where there are
            several.
        origin: where it comes from and what was done to it, in words.
    """

    x: Array | Mapping[str, Array]
    origin: str


def read_given(path: str | Path, program: Program, *, binning: By = "time", seed: int = 0) -> Given:
    """Read a file as the input of ``program``.

    Args:
        path: ``.npy`` or ``.npz`` with arrays (a missing batch axis is added), frames of ``neurofer data convert``, a
            picture, or a recording of events in any format of `neurofer.data.events`.
        program: what is to read it.
        binning: how events become frames, see `bin_events`.
        seed: of Poisson spikes, which a picture becomes where the encoder is ``poisson``.

    Raises:
        ReadError: missing, damaged, or of no known format.
        UsageError: it is nothing that the network reads.
        MissingPackageError: a package that reads it is not installed.
    """
    path = Path(path)
    if not path.is_file():
        what = "this is a folder" if path.is_dir() else "no such file"
        raise ReadError(what, where=str(path), next_step="give an array, a picture or a recording of events")
    if path.suffix.lower() in _PICTURES:
        return _picture(path, program, seed)
    if path.suffix.lower() in (".npy", ".npz"):
        arrays = _load(path)
        if not _are_events(arrays, program):
            return Given(_arrays(path, arrays, program), f"from {path}")
    return _recording(path, program, binning)


def _load(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            return {"": found} if isinstance(found, np.ndarray) else dict(found)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        why = str(error).splitlines()[0] if str(error) else ""
        raise ReadError(f"this is no complete {path.suffix} file", where=str(path), why=why) from error


def _are_events(arrays: Mapping[str, Array], program: Program) -> bool:
    """Whether these are the columns of events, or one table of them; the time has many names."""
    if set(arrays) >= set(program.inputs):
        return False
    return {"x", "y"} <= set(arrays) or any({"x", "y"} <= set(x.dtype.names or ()) for x in arrays.values())


def _arrays(path: Path, arrays: dict[str, Array], program: Program) -> Mapping[str, Array]:
    """Return one array per Input node, with the batch axis."""
    if set(arrays) == _FRAMES and len(program.inputs) == 1:
        del arrays["edges"]
    if len(arrays) == len(program.inputs) == 1:
        arrays = dict(zip(program.inputs, arrays.values(), strict=True))
    if set(arrays) != set(program.inputs):
        there = f"it holds {', '.join(sorted(arrays)) or 'nothing'}" if path.suffix.lower() == ".npz" else ""
        raise UsageError(
            f"the network reads {', '.join(program.inputs)}",
            where=str(path),
            why=there,
            next_step="save one array per input: numpy.savez(FILE, NAME=array, ...)",
        )
    single = program.contract.encoder == "constant"
    found = {}
    for name, x in arrays.items():
        if x.dtype.kind not in "biuf":
            raise ReadError("the file holds no array of real numbers", where=str(path), why=f"{name} is {x.dtype}")
        lacks = x.ndim == len(program.shapes[name]) + (0 if single else 1)
        found[name] = (x[None] if single else x[:, None]) if lacks else x
    return found


def _picture(path: Path, program: Program, seed: int) -> Given:
    shape = _only_shape(path, program, "a picture")
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise UsageError(
            "the network reads no picture",
            where=str(path),
            why=f"its input is {list(shape)}, not [1, height, width] or [3, height, width]",
            next_step="give an array of that shape, or a recording of events",
        )
    values, was = _decode(path, shape)
    resized = "" if was == shape[1:] else f", resized from {was[0]} x {was[1]} to {shape[1]} x {shape[2]}"
    x, how = as_input(values[None].astype(np.float32) / 255, program, seed=seed)
    return Given(x, f"{path}{resized}, {how}")


def _decode(path: Path, shape: Shape) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return a picture as ``[C, H, W]`` of 0..255, and the height and width it had."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError(
            "Pillow, which reads pictures, is not installed", where=str(path), next_step="pip install 'neurofer[train]'"
        ) from error
    damage = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
    try:
        with Image.open(path) as picture:
            was = (picture.height, picture.width)
            plain = picture.convert("L" if shape[0] == 1 else "RGB")
    except damage as error:
        raise ReadError("damaged, or no picture", where=str(path), why=str(error)) from error
    if was != shape[1:]:
        plain = plain.resize((shape[2], shape[1]), Image.Resampling.BILINEAR)
    values = np.asarray(plain, np.uint8).reshape(*shape[1:], shape[0])
    return np.ascontiguousarray(np.moveaxis(values, 2, 0)), was


def as_input(images: NDArray[Any], program: Program, *, seed: int = 0) -> tuple[Array, str]:
    """Return images ``[N, *shape]`` of 0..1 as ``program`` reads them, and how that was done, in words.

    Raises:
        UsageError: it reads spikes, and its encoder makes none.
    """
    name, contract = program.inputs[0], program.contract
    domain = program.domains[name]
    if contract.encoder == "poisson":
        spikes = encode_poisson(images, contract.steps, np.random.default_rng(seed))
        return spikes, f"as Poisson spikes drawn with seed {seed}"
    if domain.max == 1 or (contract.encoder == "events" and contract.steps > 1):
        raise UsageError(
            "the network reads spikes over time, not a picture",
            where=name,
            why=f"its encoder is {contract.encoder}, its input {domain}",
            next_step="give a recording of events, or an array [T, N, *shape]",
        )
    values, how = images, "as values of 0 to 1"
    if domain.max is not None:
        values, how = np.round(images.astype(np.float64) * domain.max), f"as integers of 0 to {domain.max}"
        values = values.astype(np.min_scalar_type(domain.max))
    return (values if contract.encoder == "constant" else values[None]), how


def _recording(path: Path, program: Program, binning: By) -> Given:
    from neurofer.data.events import bin_events, describe_events, read_events

    shape = _only_shape(path, program, "a recording")
    found = describe_events(path)
    contract = program.contract
    if contract.encoder != "events" or len(shape) != 3 or shape[0] != 2:
        raise UsageError(
            "the network reads no events",
            where=str(path),
            why=f"its encoder is {contract.encoder}, its input {list(shape)}; events need [2, height, width]",
            next_step="give an array or a picture",
        )
    size = _sensor(found.size, found.extent, shape)
    events = read_events(path)
    try:
        frames = bin_events(events, contract.steps, size, by=binning, resize=None if size == shape[1:] else shape[1:])
    except UsageError as error:
        error.locate(str(path))
        raise
    resized = "" if size == shape[1:] else f", {size[0]} x {size[1]} resized to {shape[1]} x {shape[2]}"
    origin = f"{path}: {found.events:,} events in {contract.steps} frames by {binning}{resized}"
    return Given(frames[:, None], origin)


def _sensor(size: tuple[int, int] | None, extent: tuple[int, int], shape: Shape) -> tuple[int, int]:
    """Return height and width of the sensor: the file's; else the network's, if all events lie within; else theirs."""
    width, height = size or (max(extent[0], shape[2]), max(extent[1], shape[1]))
    return height, width


def _only_shape(path: Path, program: Program, what: str) -> Shape:
    if len(program.inputs) > 1:
        raise UsageError(
            f"the network has {len(program.inputs)} inputs, and {what} gives one",
            where=str(path),
            next_step=f"give an .npz with the arrays {', '.join(program.inputs)}",
        )
    return program.shapes[program.inputs[0]]
