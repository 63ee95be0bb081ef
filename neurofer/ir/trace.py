"""The Trace: what a run of a Program recorded, with spikes packed eight to a byte."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neurofer.ir.contract import Readout
from neurofer.ir.nodes import Array, Shape


@dataclass(frozen=True)
class Spikes:
    """A spike train ``[T, N, *shape]``, packed along time and batch: ``bits`` is ``[ceil(T * N / 8), *shape]``.

    Packing over time and batch lets counts per neuron be taken with a popcount, without unpacking.
    """

    bits: NDArray[np.uint8]
    steps: int
    samples: int

    @classmethod
    def pack(cls, train: Array) -> Spikes:
        """Pack a ``[T, N, *shape]`` array of zeros and ones."""
        steps, samples = train.shape[:2]
        flat = np.ascontiguousarray(train != 0).reshape(steps * samples, *train.shape[2:])
        return cls(np.packbits(flat, axis=0), steps, samples)

    @property
    def shape(self) -> Shape:
        """Shape of the node, without time and batch."""
        return self.bits.shape[1:]

    def unpack(self) -> NDArray[np.uint8]:
        """Return the train as ``uint8`` zeros and ones ``[T, N, *shape]``."""
        flat = np.unpackbits(self.bits, axis=0, count=self.steps * self.samples)
        return flat.reshape(self.steps, self.samples, *self.shape)

    @property
    def count(self) -> int:
        """Number of spikes."""
        return int(np.bitwise_count(self.bits).sum(dtype=np.int64))

    @property
    def per_neuron(self) -> NDArray[np.int64]:
        """Number of spikes of each neuron over all steps and samples, ``[*shape]``."""
        counts: NDArray[np.int64] = np.bitwise_count(self.bits).sum(axis=0, dtype=np.int64)
        return counts

    @property
    def rate(self) -> float:
        """Spikes per neuron over all steps, mean over samples (Spiking-FER, equation 4)."""
        return self.count / (self.samples * math.prod(self.shape))


@dataclass(frozen=True)
class Trace:
    """What one run recorded.

    Attributes:
        steps: number of steps T.
        samples: number of samples N.
        inputs: Input node -> what entered, ``[T, N, *shape]`` (a constant input is a broadcast view).
        spikes: spiking node -> its spike train.
        outputs: Output node -> ``[T, N, *shape]`` float64.
    """

    steps: int
    samples: int
    inputs: Mapping[str, Array]
    spikes: Mapping[str, Spikes] = field(default_factory=dict)
    outputs: Mapping[str, Array] = field(default_factory=dict)

    def unpack(self, name: str) -> NDArray[np.uint8]:
        """Return the spike train of ``name`` as ``uint8`` ``[T, N, *shape]``."""
        return self.spikes[name].unpack()

    def read(self, readout: Readout) -> NDArray[np.float64]:
        """Return the readout, ``[N, *shape]`` (``[N]`` for argmax)."""
        return read(self.outputs[readout.output or next(iter(self.outputs))], readout)

    @property
    def count(self) -> int:
        """Number of spikes of all nodes."""
        return sum(train.count for train in self.spikes.values())


def read(output: Array, readout: Readout) -> NDArray[np.float64]:
    """Reduce an output ``[T, N, *shape]`` over time as ``readout`` says: ``[N, *shape]``, or ``[N]`` for argmax."""
    values: NDArray[np.float64] = np.asarray(output, dtype=np.float64)
    match readout.reduction:
        case "last":
            return np.asarray(values[-1])
        case "rate":
            return np.asarray(values.mean(axis=0))
        case "argmax":
            return decision(values.sum(axis=0)).astype(np.float64)
        case "sum":
            return np.asarray(values.sum(axis=0))


def decision(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the class each sample is read as: the index of the largest value of ``[N, *shape]``."""
    return np.asarray(values.reshape(len(values), -1).argmax(axis=1))
