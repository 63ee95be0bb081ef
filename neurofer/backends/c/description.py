"""What generated C code says of itself (`model_describe`): inputs, outputs, and where a state holds the spikes."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from neurofer.errors import ReadError
from neurofer.ir.nodes import Array

Type = Literal["uint8", "int32", "int64", "float"]
_TYPES: dict[str, type[np.generic]] = {"uint8": np.uint8, "int32": np.int32, "int64": np.int64, "float": np.float32}


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """An input or output of the generated functions.

    Attributes:
        name: the Input or Output node.
        shape: of one step.
        type: C type of its values.
        static: of an input, whether it is given once for all steps.
        exponent: of an output, ``value = n * 2**-exponent``.
    """

    name: str
    shape: tuple[int, ...]
    type: Type
    static: bool = False
    exponent: int = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its values."""
        return np.dtype(_TYPES[self.type])

    def feed(self, frames: Array) -> Array:
        """Return frames ``[T, N, *shape]`` as the functions read them, sample by sample: ``[N, T, *shape]``.

        A static input becomes ``[N, 1, *shape]``.
        """
        given = frames[:1] if self.static else frames
        return np.ascontiguousarray(np.moveaxis(given, 0, 1), dtype=self.dtype)

    def buffer(self, samples: int, steps: int) -> Array:
        """Return room for an output of all samples and steps, ``[N, T, *shape]``."""
        return np.zeros((samples, steps, *self.shape), self.dtype)

    def values(self, raw: Array) -> NDArray[np.float64]:
        """Return raw outputs as the numbers they stand for; exact: sums of 64 bits stay below 2^53."""
        return np.ldexp(raw.astype(np.float64), -self.exponent)


class Plane(msgspec.Struct, frozen=True, kw_only=True):
    """Where a state holds the spikes of a node.

    Row ``(t, y)`` is a bit string in whole 64-bit words, little end first: bit ``x * channels + c``.

    Attributes:
        node: its name.
        shape: of one step; in its order of values it is the grid read as ``[channels, height, width]``.
        grid: channels, height and width.
        offset: bytes from the start of the state.
        steps: number of steps that are kept.
    """

    node: str
    shape: tuple[int, ...]
    grid: tuple[int, int, int]
    offset: int
    steps: int

    def unpack(self, state: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the spikes ``[steps, *shape]`` as zeros and ones."""
        channels, height, width = self.grid
        rows, stride = self.steps * height, 8 * math.ceil(width * channels / 64)
        raw = state[self.offset : self.offset + rows * stride].reshape(rows, stride)
        bits = np.unpackbits(raw, axis=1, count=width * channels, bitorder="little")
        return np.moveaxis(bits.reshape(self.steps, height, width, channels), 3, 1).reshape(self.steps, *self.shape)


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What `model_describe` says.

    Attributes:
        steps: T, the steps of `model_sequence`.
        sequence: ``layers`` where it runs layer by layer over all steps, ``steps`` where it runs step by step, so that
            a state holds the spikes of the last step alone.
        inputs: in the order of the arguments.
        outputs: in the order of the arguments.
        spikes: every node that spikes, of a build that keeps them.
        stages: node whose output each stage computes, in their order.
        together: whether `model_batch` is faster than one sequence after the other.
    """

    steps: int
    sequence: Literal["layers", "steps"]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    spikes: tuple[Plane, ...]
    stages: tuple[str, ...] = ()
    together: bool = False

    def unpack(self, state: bytes | NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
        """Return the spikes of every node that a state holds: node -> ``[steps, *shape]``."""
        raw = np.frombuffer(state, np.uint8) if isinstance(state, bytes) else state
        return {plane.node: plane.unpack(raw) for plane in self.spikes}


def read(text: bytes) -> Description:
    """Read what `model_describe` returned.

    Raises:
        ReadError: it is another version's.
    """
    try:
        return msgspec.json.decode(text, type=Description)
    except msgspec.DecodeError as error:
        raise ReadError(
            "the C code describes itself in no known form", why=str(error), next_step="export it again"
        ) from error
