"""Verification on a microcontroller: the spikes of an emulated board, and what an inference takes there."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from neurofer.backends.board import Board
from neurofer.errors import MissingPackageError
from neurofer.ir import Program, Trace
from neurofer.verify.compare import compare
from neurofer.verify.verdict import Cost, Verdict


def verify_board(program: Program, golden: Trace, folder: Path, board: Board, *, target: str) -> Verdict:
    """Return the Verdict on C sources that were written of ``program`` for a board, with their cost.

    Args:
        program: what they were made of.
        golden: what the reference recorded.
        folder: the sources.
        board: what they were written for.
        target: name of the row.
    """
    from neurofer.backends.c import boards

    try:
        network = boards.read(folder, program, board)
    except MissingPackageError as error:
        return Verdict(target=target, importer="stock", version="", verdict="NOT_RUN", reason=str(error))
    verdict = compare(program, golden, network, network.run(golden.inputs), target=target, importer="stock")
    measured = network.measure(golden.inputs)
    counted, linked = measured.counted, measured.linked
    cost = Cost(
        part=board.part,
        instructions=float(np.mean(counted.instructions)),
        flash=linked.flash,
        flash_limit=board.flash,
        ram=linked.ram,
        ram_limit=board.ram,
        stack=counted.stack,
    )
    return msgspec.structs.replace(verdict, cost=cost)
