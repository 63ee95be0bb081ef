"""The suite ``embedded``: instructions of an inference on microcontrollers under qemu, over input densities.

A small network of convolutions with random 8-bit weights, as ``neurofer export`` writes it: event-driven. Its rival is
the same network as dense int8 code, which visits every synapse in every step: hand-written C with an inner loop over
contiguous bytes, for one output at a time, or (blocked) for four whose sums stay in registers. Both give the same
spikes. The ANN of the same layers runs once for all steps, in float32 as neurofer writes it. Rates are spikes per
neuron and step, of each layer. qemu counts instructions, not cycles.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neurofer.cli.bench.embedded_case import STEPS, Case, dense, make
from neurofer.cli.bench.measure import Asked, Column, Row, number, word
from neurofer.cli.outcome import note

if TYPE_CHECKING:
    from neurofer.backends.board import Board
    from neurofer.backends.c.boards import BoardNetwork
    from neurofer.ir import Program, Trace

TARGETS = ("cortex-m4", "cortex-m7", "riscv32")
DENSITIES = (0.02, 0.05, 0.1, 0.15, 0.25, 0.4)
GOAL = 4.0
"""Least ratio of instructions, dense to event-driven, at a density of 15 %."""

_GOAL_AT = 0.15
_BLOCKS = {"dense": 1, "blocked": 4}
"""Rivals -> outputs that are summed at a time."""


def _ratio(title: str, key: str) -> Column:
    return Column(title, lambda row: f"{row[key] / row['instructions']:.2f}")


COLUMNS = (
    word("target"),
    Column("density", lambda row: f"{row['density']:.0%}"),
    Column("rates", lambda row: ", ".join(f"{rate:.0%}" for rate in row["rates"])),
    word("verdict"),
    number("instructions", "instructions", ",.0f"),
    number("dense int8", "dense", ",.0f"),
    _ratio("ratio", "dense"),
    number("blocked", "blocked", ",.0f"),
    _ratio("ratio", "blocked"),
    Column("goal", lambda row: f">= {row['goal']:g}" if row["goal"] else ""),
    number("ANN, float32", "ann", ",.0f"),
    number("flash", "flash", ",d"),
    number("RAM", "ram", ",d"),
)


def rows(asked: Asked) -> Iterator[Row]:
    """Yield a row for every target and density.

    Raises:
        MissingPackageError: a cross compiler or emulator is not installed.
    """
    from neurofer.backends import reference
    from neurofer.backends.c import boards
    from neurofer.backends.targets import load_target

    found = [board for name in TARGETS if (board := load_target(name).board) is not None]
    for board in found:
        boards.require(board)
    densities = (_GOAL_AT,) if asked.small else DENSITIES
    case = make(densities)
    golden = reference.run(case.network, case.x)
    for name, board in zip(TARGETS, found, strict=True):
        note(f"cross-compiling for {name}")
        yield from _rows(case, golden, name, board)


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what one dense step takes: about that is what an int8 ANN would."""
    for row in rows:
        if row["density"] == _GOAL_AT:
            step = row["blocked"] / STEPS
            yield (
                f"{row['target']}: a step of the blocked dense network, about what an int8 ANN of its layers takes, "
                f"has {step:,.0f} instructions; the {STEPS} steps of the spiking network at {_GOAL_AT:.0%} have "
                f"{row['instructions'] / step:.1f} times as many"
            )


def _rows(case: Case, golden: Trace, target: str, board: Board) -> Iterator[Row]:
    from neurofer.verify.compare import compare

    with tempfile.TemporaryDirectory(prefix="neurofer-bench-") as place:
        folder = Path(place)
        network = _written(case.network, folder / "network", board)
        verdict = compare(case.network, golden, network, network.run(case.x), target=target, importer="stock")
        taken = network.measure(case.x)
        rivals = {name: _dense(case, golden, folder / name, board, block) for name, block in _BLOCKS.items()}
        ann = _written(case.ann, folder / "ann", board).measure(case.frames)
    hidden = [train.unpack() for train in golden.spikes.values()]
    for sample, density in enumerate(case.densities):
        yield {
            "target": target,
            "density": density,
            "rates": [float(train[:, sample].mean()) for train in hidden],
            "verdict": verdict.verdict,
            "instructions": taken.counted.instructions[sample],
            **{name: counts[sample] for name, counts in rivals.items()},
            "ann": ann.counted.instructions[sample],
            "flash": taken.linked.flash,
            "ram": taken.linked.ram,
            "goal": GOAL if density == _GOAL_AT else None,
        }


def _written(program: Program, folder: Path, board: Board) -> BoardNetwork:
    from neurofer.backends.c import boards

    folder.mkdir()
    boards.write(boards.suited(program, board), folder, board)
    return boards.read(folder, program, board)


def _dense(case: Case, golden: Trace, folder: Path, board: Board, block: int) -> tuple[int, ...]:
    """Return the instructions of the dense rival for every sample.

    Raises:
        SimulatorError: its spikes are not those of the network.
    """
    from neurofer.backends.c.boards import emulator, harness, toolchain
    from neurofer.backends.c.plan import plan
    from neurofer.errors import SimulatorError

    folder.mkdir()
    main = harness.main(plan(case.network), toolchain.command(board))
    for name, text in {**dense(case.network), **toolchain.support(board), "main.c": main}.items():
        (folder / name).write_text(text)
    samples = np.ascontiguousarray(np.moveaxis(case.x, 0, 1))
    samples.tofile(folder / harness.SAMPLES)
    counted = []
    for defines in (("MODEL_RECORD",), ()):
        linked = toolchain.link(board, folder, folder / "dense.elf", defines=(*defines, f"BLOCK={block}"))
        counted.append(emulator.run(board, linked, folder))
    record = np.fromfile(folder / harness.RECORD, np.uint8).reshape(len(samples), -1)[:, counted[0].state :]
    wanted = golden.outputs["output"]
    if not np.array_equal(np.moveaxis(record.reshape(len(samples), *wanted[:, 0].shape), 0, 1), wanted):
        raise SimulatorError("the dense rival is another network", where=str(board.part))
    return counted[1].instructions
