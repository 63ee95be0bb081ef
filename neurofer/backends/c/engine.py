"""A compiled model, called through ctypes: states of its own size, inputs and outputs in its own types."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.backends.c import description
from neurofer.backends.c.description import Description
from neurofer.ir.nodes import Array

SHIM = """#include <stddef.h>
#include "model.h"
size_t neurofer_state_bytes(void);
size_t neurofer_state_bytes(void) { return sizeof(model_state); }
"""
"""What is compiled beside generated code, so that the caller knows how large a state is."""

_ALIGNED = 64


_TOGETHER, _BYTES = 16, 2**26
"""Most samples that run at once in a thread, and most bytes of their states, unless one has more."""


class Weights:
    """Weights in memory, at a multiple of 64 bytes.

    Args:
        held: their bytes, which are copied; or a library that holds them as ``model_weights``.
    """

    def __init__(self, held: bytes | ctypes.CDLL) -> None:
        self._held: Any = held  # what goes away takes its memory with it
        if isinstance(held, bytes):
            self._held = _room(len(held))
            self._held[...] = np.frombuffer(held, np.uint8)
            self.address: int = self._held.ctypes.data
        else:
            self.address = ctypes.addressof(ctypes.c_char.in_dll(held, "model_weights"))


class Engine:
    """A compiled model.

    Args:
        library: the code, with `model_describe` and the shim that tells the size of a state.
        weights: what `model_init` reads.

    Attributes:
        description: what the code says of itself.
        state_bytes: size of a state.
        shared: whether threads can share the work of one sample.
    """

    def __init__(self, library: ctypes.CDLL, weights: Weights) -> None:
        library.model_describe.restype = ctypes.c_char_p
        library.neurofer_state_bytes.restype = ctypes.c_size_t
        library.model_init.restype = library.model_step.restype = library.model_sequence.restype = None
        self.library = library
        self.description: Description = description.read(library.model_describe())
        if self.description.together:
            library.model_batch.restype = None
        self.state_bytes: int = library.neurofer_state_bytes()
        self.shared = hasattr(library, "omp_set_num_threads")  # of the OpenMP runtime that it is linked to
        self._weights = weights

    def state(self, samples: int = 1) -> NDArray[np.uint8]:
        """Return memory for the states of some samples, one behind the other, aligned to a cache line."""
        return _room(samples * self.state_bytes)

    def init(self, state: Array) -> None:
        """Start the samples whose states these are."""
        for at in range(0, len(state), self.state_bytes):
            self.library.model_init(_pointer(state[at:]), ctypes.c_void_p(self._weights.address))

    def step(self, state: Array, inputs: Iterable[Array], outputs: Iterable[Array]) -> None:
        """Run one step on frames ``[*shape]``, into outputs ``[*shape]``."""
        self.library.model_step(_pointer(state), *map(_pointer, inputs), *map(_pointer, outputs))

    def sequence(self, state: Array, inputs: Iterable[Array], outputs: Iterable[Array]) -> None:
        """Run all steps on frames ``[T, *shape]``, into outputs ``[T, *shape]``, from a state just started."""
        self.library.model_sequence(_pointer(state), *map(_pointer, inputs), *map(_pointer, outputs))

    def batch(self, states: Array, inputs: Iterable[Array], outputs: Iterable[Array]) -> None:
        """Run all steps of several samples, from states just started, on frames ``[N, T, *shape]``."""
        samples = ctypes.c_int32(len(states) // self.state_bytes)
        self.library.model_batch(_pointer(states), samples, *map(_pointer, inputs), *map(_pointer, outputs))

    def threads(self, number: int) -> None:
        """Set how many threads share the work of one sample, of those calls that this thread makes."""
        if self.shared:
            self.library.omp_set_num_threads(number)


def _room(size: int) -> NDArray[np.uint8]:
    """Return zeroed memory that starts at a multiple of 64 bytes."""
    room = np.zeros(size + _ALIGNED, np.uint8)
    start = -room.ctypes.data % _ALIGNED
    return room[start : start + size]


def _pointer(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


class Prepared:
    """Inputs in the form the code reads, room for the outputs, and states for each thread: what remains is to run."""

    def __init__(self, engine: Engine, frames: Mapping[str, Array], threads: int) -> None:
        self._engine = engine
        self._steps, self._samples = next(iter(frames.values())).shape[:2]
        ports = engine.description
        self._inputs = [port.feed(frames[port.name]) for port in ports.inputs]
        self._outputs = [port.buffer(self._samples, self._steps) for port in ports.outputs]
        self._workers = max(1, min(threads, self._samples))
        self._inner = max(1, threads // self._workers)
        most = max(1, min(-(self._samples // -self._workers), _TOGETHER, _BYTES // engine.state_bytes))
        self._at_once = most if ports.together and self._steps == ports.steps else 1
        self._states = [engine.state(self._at_once) for _ in range(self._workers)]

    def run(self) -> None:
        """Run all samples: several at once on a thread each, a single one on all."""
        if self._workers == 1:
            self._work(0)
            return
        with ThreadPoolExecutor(self._workers) as pool:  # a call of C lets go of the interpreter's lock
            list(pool.map(self._work, range(self._workers)))

    def _work(self, worker: int) -> None:
        self._engine.threads(self._inner)
        first, end = (self._samples * part // self._workers for part in (worker, worker + 1))
        for start in range(first, end, self._at_once):
            self._some(self._states[worker], start, min(start + self._at_once, end))

    def _some(self, states: Array, start: int, end: int) -> None:
        """Run the samples from ``start`` on, before ``end``."""
        engine = self._engine
        states = states[: (end - start) * engine.state_bytes]
        engine.init(states)
        if end - start > 1:
            engine.batch(states, [x[start:end] for x in self._inputs], [y[start:end] for y in self._outputs])
            return
        inputs, outputs = [x[start] for x in self._inputs], [y[start] for y in self._outputs]
        if self._steps == engine.description.steps:
            engine.sequence(states, inputs, outputs)
            return
        for t in range(self._steps):
            engine.step(states, at(inputs, t), at(outputs, t))

    def outputs(self) -> dict[str, NDArray[np.float64]]:
        """Return what the last run gave: Output node -> ``[T, N, *shape]``."""
        ports = self._engine.description.outputs
        return {port.name: np.moveaxis(port.values(raw), 0, 1) for port, raw in zip(ports, self._outputs, strict=True)}


def at(series: Sequence[Array], t: int) -> list[Array]:
    """Return step ``t`` of every series, the only one where a series is constant."""
    return [x[min(t, len(x) - 1)] for x in series]
