"""The C of a network for a board: model, start-up code, linker script and a program that runs recorded samples."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec

from neurofer.backends.board import Board
from neurofer.backends.c.boards import fit, toolchain
from neurofer.backends.c.boards.harness import main
from neurofer.backends.c.emit import emit
from neurofer.backends.c.plan import plan
from neurofer.errors import ReadError
from neurofer.files import write_file
from neurofer.ir import Program

BOARD = "board.json"
"""The board a folder of sources was written for."""


def write(program: Program, folder: Path, board: Board) -> Path:
    """Write the sources of ``program`` for a board; return the path of ``model.c``.

    Args:
        program: lowered.
        folder: must exist.
        board: where it has to fit: by its weights and buffers, and as linked where the cross compiler is installed.

    Raises:
        RefusedError: it does not fit, or has no form in C; every reason is given.
        WriteError: the folder is read-only or full.
    """
    planned = plan(program)
    fit.check(planned, board)
    path = emit(program, folder)
    for name, text in {**toolchain.support(board), "main.c": main(planned, toolchain.command(board))}.items():
        write_file(folder / name, text)
    write_file(folder / BOARD, msgspec.json.format(msgspec.json.encode(board), indent=2) + b"\n")
    if shutil.which(board.compiler[0]):
        with tempfile.TemporaryDirectory(prefix="neurofer-board-") as place:
            fit.check_linked(toolchain.link(board, folder, Path(place) / "plain.elf"), planned, board)
    return path


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
