"""The suite ``roof``: synaptic operations a second of every stage, against how fast this machine sums up weight rows.

A spike adds the weights it reaches, a row for every 64 outputs, to as many membranes. The bound is the rate at which
rows taken at random from a block as large as the layer's can be summed up, measured by ``probe.c`` between the runs,
with the compiler that builds the network. A stage whose input is dense is computed otherwise and may exceed it. Both
are run once to warm up in every round, and are the best of all rounds, which other work of the machine disturbs least.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from neurofer.cli.bench.measure import Asked, Row, number, word
from neurofer.cli.outcome import note

if TYPE_CHECKING:
    from neurofer.cli.bench.workload import Workload
    from neurofer.ir import Program
    from neurofer.ir.nodes import Array

GOAL = 0.6
_ROW = 64
_LIST, _REPEATS, _MOST = 4096, 16, 2**16
_HERE = Path(__file__).parent

COLUMNS = (
    word("network"),
    word("stage"),
    number("min ms", "ms_min", ".3f"),
    number("MSOP", "mega_operations", ",.1f"),
    number("GSOP/s", "giga_per_second", ".1f"),
    number("roof GSOP/s", "roof", ".1f"),
    number("ratio", "ratio", ".2f"),
    number("goal", "goal", ".1f"),
)


def rows(asked: Asked) -> Iterator[Row]:
    """Yield a row for every stage of the generated code, and one for the whole network."""
    from neurofer.cli.bench.native import cases
    from neurofer.cli.bench.workload import make

    for case in cases(asked):
        if case.batch == 1:
            note(f"building {case.network}")
            yield from _stages(make(case), asked.rounds)


def _stages(workload: Workload, rounds: int) -> Iterator[Row]:
    from neurofer.cli.bench.workload import activity

    program, operations = workload.exact, activity(workload).operations
    stages, run = _timed(workload)
    layers = computed(program, stages)
    blocks = sorted({_block(program, name) for found in layers for name in found})
    probe = Probe(blocks)
    times: list[list[float]] = [[] for _ in stages]
    roofs: dict[int, list[float]] = {block: [] for block in blocks}
    for turn in range(rounds):
        note(f"  round {turn + 1} of {rounds}")
        for block in blocks:
            roofs[block].append(probe.rate(block))
        run()
        for series, seconds in zip(times, run(), strict=True):
            series.append(seconds)
    roof = {block: max(found) for block, found in roofs.items()}
    done = [sum(operations.get(name, 0) for name in found) for found in layers]
    least = [sum(operations.get(name, 0) / roof[_block(program, name)] for name in found) for found in layers]
    taken = [min(series) for series in times]
    for stage, operated, bound, seconds in zip(stages, done, least, taken, strict=True):
        yield _row(workload.title, stage, operated, bound, seconds)
    yield _row(workload.title, "all", sum(done), sum(least), sum(taken), GOAL)


def _row(network: str, stage: str, done: int, least: float, taken: float, goal: float | None = None) -> Row:
    """Return a row: operations, the seconds they would take at the bound, and those they took."""
    row: Row = {"network": network, "stage": stage, "ms_min": taken * 1e3, "goal": goal}
    if done:
        row |= {"mega_operations": done / 1e6, "giga_per_second": done / taken / 1e9, "roof": done / least / 1e9}
        row["ratio"] = least / taken
    return row


def _timed(workload: Workload) -> tuple[Sequence[str], Callable[[], list[float]]]:
    """Return the nodes of the stages, and a run that returns the seconds of each."""
    from neurofer.backends import c

    sources = {"times.c": (_HERE / "times.c").read_text()}
    network = c.load(workload.exact, defines=("MODEL_TIMES",), sources=sources)
    prepared, library = network.prepare(workload.x), network.engine.library
    stages = network.engine.description.stages
    library.neurofer_spent.restype = ctypes.c_double

    def run() -> list[float]:
        prepared.run()
        return [float(library.neurofer_spent(stage)) for stage in range(1, len(stages) + 1)]

    return stages, run


def computed(program: Program, stages: Sequence[str]) -> list[list[str]]:
    """Return the layers that each stage computes: its own node, or those that feed it and have no stage."""
    found = []
    for node in stages:
        before = [edge.source for edge in program.predecessors(node) if edge.source not in stages]
        found.append([name for name in (node, *before) if program.nodes[name].synaptic])
    return found


def _block(program: Program, layer: str) -> int:
    """Return the rows of a block of a layer: its inputs at one output."""
    node: Any = program.nodes[layer]
    inputs: int = math.prod(node.weight.shape[1:])
    return min(inputs, _MOST)


class Probe:
    """Sums up rows of weights from blocks of several sizes.

    Args:
        blocks: numbers of rows.
    """

    def __init__(self, blocks: Sequence[int]) -> None:
        from neurofer.backends.c import build, compiler

        found = compiler.find()
        files = {"probe.c": (_HERE / "probe.c").read_text()}
        self._sum = build.load(build.Build(files, found, compiler.flags(found))).neurofer_sum_rows
        rng = np.random.default_rng(0)
        self._rows = {block: _aligned(rng.integers(0, 256, (block, _ROW), np.uint8)) for block in blocks}
        self._order = {block: rng.integers(0, block, _LIST).astype(np.uint16) for block in blocks}
        self._out = np.zeros(4 * _ROW, np.uint8)

    def rate(self, block: int) -> float:
        """Return synaptic operations a second, a weight each, once the block is in the caches."""
        self._run(block, 1)
        start = perf_counter()
        self._run(block, _REPEATS)
        return _REPEATS * _LIST * _ROW / (perf_counter() - start)

    def _run(self, block: int, repeats: int) -> None:
        arrays = (self._rows[block], self._order[block])
        self._sum(
            *(ctypes.c_void_p(x.ctypes.data) for x in arrays), _LIST, repeats, ctypes.c_void_p(self._out.ctypes.data)
        )


def _aligned(rows: Array) -> Array:
    """Return rows that each lie in one cache line, as those of a network do."""
    room = np.empty(rows.size + _ROW, np.uint8)
    start = -room.ctypes.data % _ROW
    place = room[start : start + rows.size].reshape(rows.shape)
    place[...] = rows
    return place
