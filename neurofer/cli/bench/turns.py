"""Runtimes timed in turns, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from neurofer.cli.bench.measure import Row
from neurofer.cli.outcome import note
from neurofer.errors import SimulatorError
from neurofer.ir.nodes import Array

if TYPE_CHECKING:
    from neurofer.cli.bench.workload import Workload

_POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LAST = 3
_REST = 0.05
"""Seconds between turns, in which the threads of the one before stop to spin for more work."""


@dataclass
class Timed:
    """What is known of a runtime.

    Attributes:
        runtime: its name.
        ms: all durations.
        how: what was chosen for it.
        answer: its readout.
        imported: bytes that its process took once the runtime was imported.
        peak: bytes that it took at most, until it had run.
        reason: why it did not run; empty if it did.
    """

    runtime: str
    ms: list[float] = field(default_factory=list)
    how: str = ""
    answer: Array | None = None
    imported: int = 0
    peak: int = 0
    reason: str = ""

    @property
    def median(self) -> float | None:
        """Of the durations; None without any."""
        return median(self.ms) if self.ms else None

    def row(self, native: float | None) -> Row:
        """Return what every suite tells of the runtime; ``native`` is the median of the native build, if it ran."""
        return {
            "runtime": self.runtime,
            "ms_median": self.median,
            "ms_min": min(self.ms, default=None),
            "runs": len(self.ms),
            "ratio_to_native": self.median / native if self.median and native else None,
            "how": self.how,
            "reason": self.reason,
        }


def timed(
    workload: Workload, runtimes: Sequence[str], *, threads: Sequence[int], rounds: int
) -> dict[int, list[Timed]]:
    """Time runtimes on a workload, with each number of threads in turn; see `in_turns`."""
    from neurofer.cli.bench import forms

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        forms.save_spiking(workload, folder)
        if any(runtime.startswith("ANN") for runtime in runtimes):
            forms.save_ann(workload, folder)
        return {count: in_turns(runtimes, folder, threads=count, rounds=rounds) for count in dict.fromkeys(threads)}


def in_turns(runtimes: Sequence[str], folder: Path, *, threads: int, rounds: int) -> list[Timed]:
    """Time runtimes on a workload: every round gives each its turn, a run to warm up and then some that count.

    Args:
        runtimes: of `rivals.RUNTIMES`.
        folder: of the workload's files.
        threads: that each may use.
        rounds: how many turns each gets.
    """
    with ExitStack() as stack:
        workers: list[tuple[Timed, _Worker]] = []
        found = []
        for runtime in runtimes:
            note(f"  starting {runtime}, {threads} thread(s)")
            worker = stack.enter_context(_started(runtime, folder, threads))
            told = _first(worker)
            found.append(told)
            if told.reason:
                note(f"  {runtime} left out: {told.reason}")
            else:
                workers.append((told, worker))
        for number in range(rounds):
            note(f"  round {number + 1} of {rounds}")
            for told, worker in [pair for pair in workers if not pair[0].reason]:
                time.sleep(_REST)
                try:
                    told.ms += worker.run()
                except SimulatorError as error:
                    told.reason = error.why
                    note(f"  {told.runtime} given up: {told.reason}")
    return found


@contextmanager
def _started(runtime: str, folder: Path, threads: int) -> Iterator[_Worker]:
    """Start a runtime's process; it is gone at the end, whatever happened."""
    command = [sys.executable, "-m", "neurofer.cli.bench.worker", runtime, str(folder), str(threads)]
    environ = {**os.environ, **dict.fromkeys(_POOLS, str(threads))}
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, env=environ
        ) as process,
    ):
        if process.stdin is None or process.stdout is None:
            raise SimulatorError("a runtime has no pipes", where=runtime)
        try:
            yield _Worker(runtime, process, process.stdin, process.stdout, said)
        finally:
            process.kill()
            with suppress(BrokenPipeError):  # of an order that it did not live to read
                process.stdin.close()


def _first(worker: _Worker) -> Timed:
    """Return what a runtime says once it is ready, or why it is not."""
    try:
        told = worker.heard()
    except SimulatorError as error:
        return Timed(worker.runtime, reason=error.why)
    if "error" in told:
        return Timed(worker.runtime, reason=" ".join(told["error"].split()))
    answer = np.asarray(told["answer"])
    return Timed(worker.runtime, how=told["how"], answer=answer, imported=told["imported"], peak=told["peak"])


@dataclass(frozen=True)
class _Worker:
    """A runtime's process."""

    runtime: str
    process: subprocess.Popen[str]
    orders: IO[str]
    answers: IO[str]
    said: IO[bytes]

    def run(self) -> list[float]:
        """Give the runtime its turn, and return durations in ms.

        Raises:
            SimulatorError: see `heard`.
        """
        with suppress(BrokenPipeError):  # its last words say more
            self.orders.write("run\n")
            self.orders.flush()
        ms: list[float] = self.heard()["ms"]
        return ms

    def heard(self) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            SimulatorError: the process ended instead.
        """
        if line := self.answers.readline():
            told: dict[str, Any] = json.loads(line)
            return told
        self.said.seek(0)
        last = self.said.read().decode(errors="replace").strip().splitlines()[-_LAST:]
        why = f"its process ended with {self.process.wait()}: {' '.join(last)}"
        raise SimulatorError("a runtime broke down", where=self.runtime, why=why)
