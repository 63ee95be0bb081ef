"""Boards: what a target says of a microcontroller, and of the machine under qemu that stands for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from neurofer.errors import ReadError

BOARD = "board.json"
"""In a folder of sources: the board they were written for."""

Text = Annotated[str, msgspec.Meta(min_length=1)]
Words = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
Size = Annotated[int, msgspec.Meta(gt=0, lt=2**32)]
Address = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A memory of the emulated machine: first address, and size in bytes (more than the part has)."""

    origin: Address
    size: Size


class Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A microcontroller and how it is emulated.

    Attributes:
        part: a typical part, whose memories are the limits.
        source: where its sizes stand.
        flash: bytes for code and weights.
        ram: bytes for state, input, output and stack.
        stack: bytes of the RAM set aside for the stack.
        start: the start-up code, a file of `neurofer.backends.c.boards`.
        compiler: command, with the flags of the processor.
        emulator: command, with the machine.
        machine_flash: where the emulated machine holds code and weights.
        machine_ram: where it holds the rest.
        packages: of Debian, which bring compiler and emulator.
    """

    part: Text
    source: Text
    flash: Size
    ram: Size
    stack: Size = 4096
    start: Literal["cortex-m", "riscv"]
    compiler: Words
    emulator: Words
    machine_flash: Memory
    machine_ram: Memory
    packages: Words

    @property
    def tools(self) -> tuple[str, str]:
        """The commands of compiler and emulator."""
        return self.compiler[0], self.emulator[0]

    @property
    def install(self) -> str:
        """The command that installs compiler and emulator."""
        return f"apt-get install {' '.join(self.packages)}"


def board_of(folder: str | Path) -> Board | None:
    """Return the board that a folder of sources was written for; None where it was written for none.

    Raises:
        ReadError: the board's file is damaged.
    """
    path = Path(folder) / BOARD
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Board)
    except (OSError, msgspec.DecodeError) as error:
        raise ReadError(
            "this describes no board", where=str(path), why=str(error), next_step="export it again"
        ) from error
