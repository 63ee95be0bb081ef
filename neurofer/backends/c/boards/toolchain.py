"""The cross compiler of a board: C sources to a program for its emulated machine, and what that takes of the part."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from neurofer.backends.board import Board
from neurofer.backends.c import compiler as compilers
from neurofer.errors import CompilerError, MissingPackageError

LINKER_SCRIPT = "link.ld"
COMMON = ("board.c", "board.h", LINKER_SCRIPT)
"""Files of this folder that every board needs."""

_FLAGS = ("-std=c99", "-ffp-contract=off", "-fno-math-errno", "-ffunction-sections", "-fdata-sections", "-nostartfiles")
_LINK = ("-Wl,--gc-sections", "-Wl,--build-id=none")
_QUOTED = 12


@dataclass(frozen=True)
class Linked:
    """A linked program.

    Attributes:
        path: the ELF file.
        flash: bytes of code, constants and initial values.
        ram: bytes of variables and of the stack set aside.
    """

    path: Path
    flash: int
    ram: int


def support(board: Board) -> dict[str, str]:
    """Return the start-up code, semihosting and linker script of a board: file name -> text."""
    folder = resources.files(__package__)
    return {name: (folder / name).read_text(encoding="utf-8") for name in (*COMMON, f"{board.start}.c")}


def require(board: Board) -> None:
    """Check that compiler and emulator are there.

    Raises:
        MissingPackageError: what is not; the command that installs it is named.
    """
    absent = [command for command in board.tools if shutil.which(command) is None]
    if absent:
        raise MissingPackageError(f"{' and '.join(absent)} not installed", next_step=board.install)


def command(board: Board) -> tuple[str, ...]:
    """Return the command that makes a program for a board's machine; outputs, macros and sources follow it."""
    places = {
        "flash_origin": board.machine_flash.origin,
        "flash_size": board.machine_flash.size,
        "ram_origin": board.machine_ram.origin,
        "ram_size": board.machine_ram.size,
        "stack_size": board.stack,
    }
    symbols = (f"-Wl,--defsym={name}={value:#x}" for name, value in places.items())
    return (*board.compiler, *_FLAGS, *_LINK, *symbols, "-T", LINKER_SCRIPT)


def link(board: Board, folder: Path, out: Path, *, defines: tuple[str, ...] = ()) -> Linked:
    """Compile the ``.c`` files of a folder for a board, and link them into the memories of its emulated machine.

    Args:
        board: what to compile for.
        folder: holds the sources and `support`.
        out: the program to write.
        defines: macros of the build.

    Raises:
        CompilerError: the compiler or linker refused; its words are quoted.
        MissingPackageError: see `require`.
    """
    require(board)
    sources = sorted(path.name for path in folder.glob("*.c"))
    arguments = [*(f"-D{name}" for name in defines), "-o", str(out), *sources]
    said = compilers.run(command(board), arguments, folder=folder)
    if said.code:
        why = f"exit code {said.code}\n{said.complaint(_QUOTED)}"
        raise CompilerError("the cross compiler refused", where=board.compiler[0], why=why)
    sizes = sections(out)
    flash_bytes = sizes.get(".text", 0) + sizes.get(".data", 0)
    return Linked(out, flash_bytes, sum(sizes.get(name, 0) for name in (".stack", ".data", ".bss")))


def sections(path: Path) -> Mapping[str, int]:
    """Return the sizes of the sections of a 32-bit little-endian ELF file in bytes, by name."""
    raw = path.read_bytes()

    def word(at: int, size: int = 4) -> int:
        return int.from_bytes(raw[at : at + size], "little")

    table, entry, count, names = word(0x20), word(0x2E, 2), word(0x30, 2), word(0x32, 2)
    strings = word(table + names * entry + 16)
    found = {}
    for header in range(table, table + count * entry, entry):
        start = strings + word(header)
        found[raw[start : raw.index(b"\0", start)].decode()] = word(header + 20)
    return found
