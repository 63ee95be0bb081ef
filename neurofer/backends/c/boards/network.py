"""A generated model on an emulated board: cross-compiled, run on recorded samples, read back spike by spike."""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from neurofer.backends.board import Board
from neurofer.backends.c import description as descriptions
from neurofer.backends.c.boards import emulator, toolchain
from neurofer.backends.c.boards.emulator import Counted
from neurofer.backends.c.boards.harness import DESCRIPTION, RECORD, SAMPLES
from neurofer.backends.c.boards.toolchain import Linked
from neurofer.backends.c.description import Description
from neurofer.backends.network import Network, Recorder, check_inputs
from neurofer.errors import SimulatorError, UsageError
from neurofer.ir import Program, Trace
from neurofer.ir.nodes import Array


@dataclass(frozen=True)
class Measured:
    """What a model takes on a board.

    Attributes:
        counted: of every sample that was run, without a record.
        linked: the program without a record.
    """

    counted: Counted
    linked: Linked


@dataclass(frozen=True)
class BoardNetwork(Network):
    """Generated code for a board.

    Attributes:
        folder: holds the sources and the board's support.
        board: what it is compiled for.
    """

    folder: Path = field(kw_only=True)
    board: Board = field(kw_only=True)

    @cached_property
    def _room(self) -> Path:
        """A folder that goes with the network."""
        place = Path(tempfile.mkdtemp(prefix="neurofer-board-"))
        weakref.finalize(self, shutil.rmtree, place, ignore_errors=True)
        return place

    @cached_property
    def _recorder(self) -> Linked:
        """The program that leaves a record of every spike."""
        return toolchain.link(self.board, self.folder, self._room / "record.elf", defines=("MODEL_RECORD",))

    @cached_property
    def description(self) -> Description:
        """What the code says of itself: it writes that also where it is given no sample."""
        place = self._room
        (place / SAMPLES).write_bytes(b"")
        emulator.run(self.board, self._recorder, place)
        return descriptions.read((place / DESCRIPTION).read_bytes())

    def run(self, inputs: Array | Mapping[str, Array]) -> Trace:
        frames = check_inputs(self.program, inputs)
        steps, samples = next(iter(frames.values())).shape[:2]
        recorder = Recorder(self.program, steps, samples)
        counted = self._emulate(self._recorder, frames)
        raw = np.fromfile(self._room / RECORD, np.uint8)
        for sample, record in enumerate(raw.reshape(samples, -1)):
            for t, values in enumerate(self._recorded(record, counted.state, steps)):
                recorder.record(t, values, sample)
        return recorder.trace(frames)

    def values(self, inputs: Array | Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        """Yield what enters and leaves at each step, ``[N, *shape]``: the code keeps the values of no other node."""
        trace = self.run(inputs)
        for t in range(trace.steps):
            yield {name: x[t] for name, x in {**trace.inputs, **trace.outputs}.items()}

    def measure(self, inputs: Array | Mapping[str, Array]) -> Measured:
        """Return what the model takes on ``inputs``, in a build that records nothing.

        Args:
            inputs: see `Network.run`.
        """
        linked = toolchain.link(self.board, self.folder, self._room / "plain.elf")
        return Measured(self._emulate(linked, check_inputs(self.program, inputs)), linked)

    def _emulate(self, program: Linked, frames: Mapping[str, Array]) -> Counted:
        given, most = len(next(iter(frames.values()))), self.description.steps
        if given != most:
            raise UsageError("the code runs as many steps as it was generated for", why=f"{given} instead of {most}")
        fed = [port.feed(frames[port.name]) for port in self.description.inputs]
        place = self._room
        with (place / SAMPLES).open("wb") as file:
            for sample in zip(*fed, strict=True):
                file.writelines(np.ascontiguousarray(x).tobytes() for x in sample)
        counted = emulator.run(self.board, program, place)
        if len(counted.instructions) != len(fed[0]):
            raise SimulatorError(f"{self.board.emulator[0]} ran {len(counted.instructions)} of {len(fed[0])} samples")
        return counted

    def _recorded(self, record: Array, state: int, steps: int) -> Iterator[dict[str, Array]]:
        """Yield what every spiking node and output of one sample gave at each step, ``[1, *shape]``."""
        whole = self.description.sequence == "layers"
        at = state if whole else state * steps
        outputs = {}
        for port in self.description.outputs:
            size = steps * math.prod(port.shape) * port.dtype.itemsize
            raw = np.frombuffer(record[at : at + size].tobytes(), port.dtype)
            outputs[port.name] = port.values(raw.reshape(steps, *port.shape))
            at += size
        spikes = self.description.unpack(record[:state]) if whole else {}
        for t in range(steps):
            if not whole:
                spikes = self.description.unpack(record[t * state : (t + 1) * state])
            now = {name: train[t if whole else 0][None] for name, train in spikes.items()}
            yield now | {name: values[t][None] for name, values in outputs.items()}


def read(folder: str | Path, program: Program, board: Board) -> BoardNetwork:
    """Return the C files in a folder as what was made of ``program``, for a board.

    Args:
        folder: holds the sources and the board's support.
        program: what they were made of.
        board: what they are compiled for.

    Raises:
        MissingPackageError: compiler or emulator are not installed; the command that installs them is named.
    """
    toolchain.require(board)
    lift = partial(np.asarray, dtype=np.float32)
    label = ", ".join([emulator.version(board), *board.emulator[2:3]])  # qemu, its machine
    return BoardNetwork(program, {}, lift, np.asarray, np.concatenate, label, folder=Path(folder), board=board)
