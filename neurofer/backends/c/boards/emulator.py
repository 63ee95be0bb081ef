"""A board's machine under qemu: runs a program beside its files, and reads what it counted."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from neurofer.backends.board import Board
from neurofer.backends.c.boards.harness import COUNTS, ROUNDS
from neurofer.backends.c.boards.toolchain import Linked
from neurofer.errors import SimulatorError

TIMEOUT = 600.0
"""Seconds after which a run is given up."""

FAULT = 255
"""Exit code of the start-up code at a processor fault."""

_QUIET = ("-nographic", "-monitor", "none", "-serial", "none")
# semihosting opens files of the host; one instruction takes 1 ns of the machine's time, so that its timers count them
_HOW = ("-semihosting-config", "enable=on,target=native", "-icount", "shift=0")


@dataclass(frozen=True)
class Counted:
    """What a run counted.

    Attributes:
        instructions: of each sample, as fine as the counter's tick.
        tick: instructions per tick of the counter.
        state: bytes of a state.
        stack: bytes of the stack that were used.
    """

    instructions: tuple[int, ...]
    tick: int
    state: int
    stack: int


@lru_cache
def version(board: Board) -> str:
    """Return name and version of a board's emulator."""
    done = subprocess.run(  # noqa: S603 - the emulator that the target names
        [board.emulator[0], "--version"], capture_output=True, text=True, check=False
    )
    return f"qemu {found[1]}" if (found := re.search(r"version ([\w.]+)", done.stdout)) else board.emulator[0]


def run(board: Board, program: Linked, folder: Path) -> Counted:
    """Run a program in a folder that holds its samples; it leaves its files there.

    Raises:
        SimulatorError: it faulted, hung, left no counts, or qemu does not count instructions.
    """
    command = [*board.emulator, *_QUIET, *_HOW, "-kernel", str(program.path)]
    try:
        done = subprocess.run(  # noqa: S603 - the emulator that the target names
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SimulatorError(
            f"{board.emulator[0]} gave no answer in {TIMEOUT:g} s", next_step="take fewer steps or samples"
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        why = said if said and done.returncode != FAULT else "a processor fault: the stack may be too small"
        raise SimulatorError(f"{board.emulator[0]} left with exit code {done.returncode}", why=why)
    return _counted(board, folder / COUNTS)


def _counted(board: Board, path: Path) -> Counted:
    raw = np.fromfile(path, "<u8") if path.is_file() else np.zeros(0, "<u8")
    if raw.size < 3:
        raise SimulatorError(f"{board.emulator[0]} left no counts")
    loop, state, *ticks, stack = (int(value) for value in raw)
    if stack >= board.stack:
        raise SimulatorError(f"the stack is too small: all of its {stack} bytes were used")
    tick = round(2 * ROUNDS / loop) if loop else 0
    if tick < 1 or abs(loop * tick / (2 * ROUNDS) - 1) > 1e-3:
        raise SimulatorError(
            f"{board.emulator[0]} does not count instructions",
            why=f"{2 * ROUNDS} of them took {loop} ticks",
            next_step="use the emulator that the target names",
        )
    return Counted(tuple(count * tick for count in ticks), tick, state, stack)
