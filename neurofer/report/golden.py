"""The recorded sample ``golden.npz``: a Trace on disk that is read one node at a time."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurofer.errors import BundleError
from neurofer.files import cannot_write
from neurofer.ir import Contract, Program, Spikes, Trace
from neurofer.ir.nodes import Array, spikes

_INPUT, _SPIKES, _OUTPUT = "input.", "spikes.", "output."


def write_golden(path: Path, trace: Trace, contract: Contract) -> None:
    """Write a Trace as a compressed ``.npz``; the same trace gives the same bytes.

    Arrays: ``size`` [T, N]; ``input.NODE`` ``[T, N, *shape]``, of a constant input ``[N, *shape]``; ``spikes.NODE``
    packed along time and batch ``[ceil(T * N / 8), *shape]`` (`Spikes`); ``output.NODE`` ``[T, N, *shape]`` float64;
    ``readout`` ``[N, *shape]``.

    Raises:
        WriteError: the folder is full.
    """
    arrays: dict[str, Array] = {"size": np.array([trace.steps, trace.samples], dtype=np.int64)}
    for name, x in trace.inputs.items():
        arrays[_INPUT + name] = x[0] if contract.encoder == "constant" else x
    arrays |= {_SPIKES + name: train.bits for name, train in trace.spikes.items()}
    arrays |= {_OUTPUT + name: x for name, x in trace.outputs.items()}
    arrays["readout"] = trace.read(contract.readout)
    try:
        np.savez_compressed(path, allow_pickle=False, **arrays)
    except OSError as error:
        raise cannot_write(path, error) from error


def read_golden(path: Path, program: Program) -> Trace:
    """Read what `write_golden` wrote; spikes are read when they are asked for, and not kept.

    Raises:
        BundleError: the file is damaged, or was recorded from another program.
    """
    store = _Store(path)
    steps, samples = (int(v) for v in store["size"])
    constant = program.contract.encoder == "constant"
    inputs = {}
    for name in program.inputs:
        x = store[_INPUT + name]
        inputs[name] = np.broadcast_to(x, (steps, *x.shape)) if constant else x
    outputs = {name: store[_OUTPUT + name] for name in program.outputs}
    names = tuple(name for name, node in program.nodes.items() if spikes(node))
    if missing := [name for name in names if _SPIKES + name not in store.names]:
        raise BundleError("spikes were not recorded", where=f"{path}: {', '.join(missing)}")
    return Trace(steps, samples, inputs, _LazySpikes(store, names, steps, samples), outputs)


class _Store:
    """The arrays of an ``.npz`` file, each read when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrays: Any = self._try(lambda: np.load(path, allow_pickle=False))
        self.names = frozenset(self._arrays.files)

    def __getitem__(self, name: str) -> Array:
        if name not in self.names:
            raise BundleError("an array is missing", where=f"{self.path}: {name}")
        found: Array = self._try(lambda: self._arrays[name])
        return found

    def _try(self, read: Any) -> Any:
        try:
            return read()
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise BundleError("the recorded sample is damaged", where=str(self.path), why=str(error)) from error


@dataclass(frozen=True)
class _LazySpikes(Mapping[str, Spikes]):
    store: _Store
    names: tuple[str, ...]
    steps: int
    samples: int

    def __getitem__(self, name: str) -> Spikes:
        if name not in self.names:
            raise KeyError(name)
        return Spikes(self.store[_SPIKES + name], self.steps, self.samples)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)
