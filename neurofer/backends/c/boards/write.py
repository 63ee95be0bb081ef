"""The C of a network for a board: model, start-up code, linker script and a program that runs recorded samples."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec

from neurofer.backends.board import BOARD, Board
from neurofer.backends.c.boards import fit, toolchain
from neurofer.backends.c.boards.harness import main
from neurofer.backends.c.emit import Sources, sources
from neurofer.backends.c.emit import write as write_model
from neurofer.files import write_file
from neurofer.ir import Program
from neurofer.passes import fold_sumpool

ROOM = 64 * 1024
"""Bytes of flash that weights leave to code, before they grow to save instructions."""


def suited(program: Program, board: Board) -> Sources:
    """Return ``program`` as C for cores without vectors.

    Where all numbers are integers and the flash has room for the weights, sums of spikes are folded into the layers
    behind them, so that these read spikes, too.

    Args:
        program: lowered.
        board: whose flash it is.

    Raises:
        RefusedError: see `neurofer.backends.c.emit.sources`.
    """
    plain = sources(program, small=True)
    folded = fold_sumpool(program)
    if folded is program or any(number.number == "f32" for number in plain.arithmetic.values()):
        return plain
    made = sources(folded, small=True)
    return made if made.plan.flash + ROOM < board.flash else plain


def write(made: Sources, folder: Path, board: Board) -> Path:
    """Write generated sources for a board; return the path of ``model.c``.

    Args:
        made: the model.
        folder: must exist.
        board: where it has to fit: by its weights and buffers, and as linked where the cross compiler is installed.

    Raises:
        RefusedError: it does not fit; every reason is given.
        WriteError: the folder is read-only or full.
    """
    fit.check(made.plan, board)
    path = write_model(made, folder)
    for name, text in {**toolchain.support(board), "main.c": main(made.plan, toolchain.command(board))}.items():
        write_file(folder / name, text)
    write_file(folder / BOARD, msgspec.json.format(msgspec.json.encode(board), indent=2) + b"\n")
    if shutil.which(board.compiler[0]):
        with tempfile.TemporaryDirectory(prefix="neurofer-board-") as place:
            fit.check_linked(toolchain.link(board, folder, Path(place) / "plain.elf"), made.plan, board)
    return path
