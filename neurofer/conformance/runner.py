"""Running the suite: every simulator in a process of its own, which a crash, a hang or endless printing cannot outlive.

A process takes one case at a time. What does not answer in time is ended, and the next case starts a new process; so
does a case that brought its process down.
"""

from __future__ import annotations

import contextlib
import copy
import faulthandler
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np

from neurofer.conformance.case import Case
from neurofer.conformance.cases import suite
from neurofer.conformance.compare import judge
from neurofer.conformance.report import Column, Description, Report, Result, Word
from neurofer.conformance.simulator import Simulator
from neurofer.errors import MissingPackageError, NeuroferError, UsageError

TIMEOUT = 60.0
"""Seconds one case may take, the import of the simulator included."""

_GRACE = 3.0
_WORDS = 600

Progress = Callable[[Result, int, int], None]
"""Called with each result, how many of its column there are by now, and how many there will be."""


@dataclass(frozen=True)
class Attempt:
    """What became of one case: an output, or the word and its reason where there is none."""

    output: Any = None
    word: Word = "exact"
    reason: str = ""


def run(
    simulators: Simulator | Sequence[Simulator],
    cases: Sequence[Case] | None = None,
    *,
    timeout: float | None = TIMEOUT,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run cases in simulators and return what each made of each.

    Args:
        simulators: one or several.
        cases: some of `suite`; all by default.
        timeout: seconds for one case. None: everything runs in this process, for a debugger.
        jobs: simulators at a time; default: one per processor.
        progress: is told each result.

    Raises:
        UsageError: two simulators would have the same column.
    """
    chosen = [simulators] if isinstance(simulators, Simulator) else list(simulators)
    cases = suite() if cases is None else tuple(cases)
    columns = [Column(simulator=_name(s), importer=s.importer, version=s.version) for s in chosen]
    if len({column.title for column in columns}) < len(columns):
        raise UsageError("simulators share a name", why=", ".join(c.title for c in columns), next_step="set `name`")
    results: dict[tuple[int, int], Result] = {}
    done = [0] * len(chosen)
    attempts = _here(chosen, cases) if timeout is None else _apart(chosen, cases, timeout, jobs or os.cpu_count() or 1)
    for column, index, attempt, seconds in attempts:
        result = _result(cases[index], columns[column], attempt, seconds)
        results[column, index] = result
        done[column] += 1
        if progress is not None:
            progress(result, done[column], len(cases))
    ordered = [results[key] for key in sorted(results)]
    return Report(cases=[_describe(case) for case in cases], columns=columns, results=ordered)


def _name(simulator: Simulator) -> str:
    return simulator.name or type(simulator).__name__


def _describe(case: Case) -> Description:
    steps, samples = case.inputs.shape[:2]
    return Description(name=case.name, kind=case.kind, what=case.what, dt=case.dt, steps=steps, samples=samples)


def _result(case: Case, column: Column, attempt: Attempt, seconds: float) -> Result:
    word, reason, differing, entries, first = attempt.word, attempt.reason, 0, 0, None
    if attempt.output is not None:
        found = judge(case, attempt.output)
        word, reason, differing, entries, first = found.word, found.reason, found.differing, found.entries, found.first
    return Result(
        case=case.name,
        simulator=column.simulator,
        importer=column.importer,
        word=word,
        differing=differing,
        entries=entries,
        first=first,
        reason=reason,
        seconds=round(seconds, 3),
    )


def attempt(simulator: Simulator, case: Case) -> Attempt:
    """Import one case and run it; whatever is raised is the answer."""
    step = "import"
    try:
        running = simulator.load(copy.deepcopy(case.graph), case.dt)
        step = "run"
        output = running(case.inputs.copy())
        many = isinstance(output, (list, tuple))
        output = [np.array(value, np.float64) for value in output] if many else np.array(output, np.float64)
    except MissingPackageError as error:
        return Attempt(word="not run", reason=str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a simulator raises is a result about it
        words = str(error).strip()[:_WORDS]
        if isinstance(error, NeuroferError):  # of our importer, or of one in an environment of its own: it says enough
            return Attempt(word="refused" if simulator.refuses(error) else "crashes", reason=words)
        told = f"{type(error).__name__}: {words}" if words else type(error).__name__
        if step == "import" and simulator.refuses(error):
            return Attempt(word="refused", reason=told)
        return Attempt(word="crashes", reason=f"at {step}: {told}")
    return Attempt(output)


def _here(simulators: Sequence[Simulator], cases: Sequence[Case]) -> Iterator[tuple[int, int, Attempt, float]]:
    for column, simulator in enumerate(simulators):
        for index, case in enumerate(cases):
            start = time.perf_counter()
            yield column, index, attempt(simulator, case), time.perf_counter() - start
        simulator.close()


# -- processes --------------------------------------------------------------------------------------------------------


@dataclass
class _Worker:
    """The process of one simulator, and the case it is at."""

    column: int
    simulator: Simulator
    waiting: list[int]
    process: BaseProcess | None = None
    connection: Connection | None = None
    started: float = 0.0

    def begin(self, cases: Sequence[Case]) -> None:
        """Hand over the next case, to a new process if there is none."""
        if self.process is None or self.connection is None:
            # forked where that is possible: a Simulator need not be importable by name, and no script need be guarded
            method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
            context = multiprocessing.get_context(method)
            self.connection, theirs = context.Pipe()
            self.process = context.Process(target=_serve, args=(self.simulator, cases, theirs), daemon=True)  # type: ignore[attr-defined]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # threads of others, which the child does not need
                self.process.start()
            theirs.close()
        self.started = time.perf_counter()
        with contextlib.suppress(OSError):  # a process that has gone is seen by `end`
            self.connection.send(self.waiting[0])

    def end(self, timeout: float) -> Attempt | None:
        """Return what became of the case, if it is decided."""
        if self.connection is None or self.process is None:
            return None
        if self.connection.poll():
            try:
                found: Attempt = self.connection.recv()
                return found
            except (EOFError, OSError):
                self.process.join(_GRACE)
                code = self.process.exitcode
                self.stop()
                return Attempt(word="crashes", reason=_died(code))
        if time.perf_counter() - self.started < timeout:
            return None
        self.stop()
        return Attempt(word="crashes", reason=f"no answer in {timeout:g} s")

    def stop(self) -> None:
        """End the process: first so that it can end what it started itself."""
        if self.process is not None:
            self.process.terminate()
            self.process.join(_GRACE)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()
            self.process.close()
        if self.connection is not None:
            self.connection.close()
        self.process = self.connection = None


def _died(code: int | None) -> str:
    if code is not None and code < 0:
        return f"the process was ended by {signal.Signals(-code).name}"
    return f"the process left with exit code {code}"


def _apart(
    simulators: Sequence[Simulator], cases: Sequence[Case], timeout: float, jobs: int
) -> Iterator[tuple[int, int, Attempt, float]]:
    queue = [_Worker(column, simulator, list(range(len(cases)))) for column, simulator in enumerate(simulators)]
    queue = [worker for worker in queue if worker.waiting]
    running: list[_Worker] = []
    try:
        while queue or running:
            while queue and len(running) < jobs:
                running.append(queue.pop(0))
                running[-1].begin(cases)
            left = min(worker.started for worker in running) + timeout - time.perf_counter()
            wait([w.connection for w in running if w.connection is not None], max(left, 0.0))
            for worker in list(running):
                found = worker.end(timeout)
                if found is None:
                    continue
                seconds = time.perf_counter() - worker.started
                yield worker.column, worker.waiting.pop(0), found, seconds
                if found.word == "not run":  # nor will the others
                    for index in worker.waiting:
                        yield worker.column, index, found, 0.0
                    worker.waiting.clear()
                if worker.waiting:
                    worker.begin(cases)
                else:
                    worker.stop()
                    running.remove(worker)
    finally:
        for worker in running:
            worker.stop()


def _serve(simulator: Simulator, cases: Sequence[Case], connection: Connection) -> None:
    """Answer cases until there are no more; what the simulator prints goes nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdout = sys.stderr = os.fdopen(nowhere, "w")
    faulthandler.disable()  # it may know where the parent's standard error was
    signal.signal(signal.SIGTERM, _leave)
    _one_thread()
    warnings.simplefilter("ignore")
    try:
        with contextlib.suppress(EOFError, OSError):
            while True:
                connection.send(attempt(simulator, cases[connection.recv()]))
    finally:
        simulator.close()


class _Stop(BaseException):
    """Ends a simulator from outside, so that it can end processes of its own."""


def _leave(number: int, frame: Any) -> None:
    del number, frame
    raise _Stop


def _one_thread() -> None:
    """Keep the simulator to one thread, which also lets a forked process use a torch that its parent has used."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)
