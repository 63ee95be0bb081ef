"""Where members are made: in this process, on all cores by a pool of processes, or on Ray."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Literal, TypeVar, get_args

from neurofer import resources
from neurofer.errors import MissingPackageError, NeuroferError, UsageError

Engine = Literal["processes", "ray"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

Item = TypeVar("Item")
Result = TypeVar("Result")


def check(engine: Engine, jobs: int | None) -> None:
    """Refuse an engine that cannot be used.

    Raises:
        UsageError: no jobs, or an unknown engine.
        MissingPackageError: Ray is asked for and not installed.
    """
    if engine not in ENGINES or (jobs is not None and jobs < 1):
        raise UsageError(
            f"{jobs} jobs on the engine '{engine}'", next_step=f"give 1 or more jobs and one of {', '.join(ENGINES)}"
        )
    if engine == "ray":
        try:
            import ray  # noqa: F401 - it must be known before anything is written
        except ImportError as error:
            raise MissingPackageError("Ray is not installed", next_step="pip install 'neurofer[ray]'") from error


def run_tasks(
    task: Callable[[Item], Result], items: Sequence[Item], *, jobs: int | None = None, engine: Engine = "processes"
) -> Iterator[tuple[int, Result]]:
    """Yield the place of each item and what the task gave for it, as they come.

    Args:
        task: a function of a module, or `functools.partial` of one.
        items: what it is called with, one by one.
        jobs: how many at once; the number of cores if not given. 1 stays in this process.
        engine: `processes`, or `ray`: the cluster this process is connected to, else Ray on this machine.

    Raises:
        UsageError: as `check`, like MissingPackageError.
        NeuroferError: a process of the pool was killed.
    """
    check(engine, jobs)
    if engine == "ray":
        return _on_ray(task, items, jobs)
    jobs = min(resources.cores() if jobs is None else jobs, len(items))
    return _on_processes(task, items, jobs) if jobs > 1 else ((place, task(item)) for place, item in enumerate(items))


def _on_processes(task: Callable[[Item], Result], items: Sequence[Item], jobs: int) -> Iterator[tuple[int, Result]]:
    # Spawned, not forked: this process may have threads, and a lock that is held in a fork is never let go of.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)
    try:
        places = {pool.submit(task, item): place for place, item in enumerate(items)}
        for future in as_completed(places):
            yield places.pop(future), future.result()
    except BrokenProcessPool as error:
        raise NeuroferError(
            "a process of the pool was killed",
            why="often for want of memory",
            next_step="start the same again with fewer jobs, it goes on where it was",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leave Ctrl-C to the parent, which ends the pool, and end with the parent however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _on_ray(task: Callable[[Item], Result], items: Sequence[Item], jobs: int | None) -> Iterator[tuple[int, Result]]:
    import ray

    own = not ray.is_initialized()
    if own:
        ray.init(num_cpus=jobs, include_dashboard=False, log_to_driver=False)
    shared = ray.put(task)
    call = ray.remote(_call)
    pending = {call.remote(shared, item): place for place, item in enumerate(items)}
    try:
        while pending:
            done, _ = ray.wait(list(pending))
            for reference in done:
                yield pending.pop(reference), ray.get(reference)
    finally:
        for reference in pending:
            ray.cancel(reference)
        if own:
            ray.shutdown()


def _call(task: Callable[[Item], Result], item: Item) -> Result:
    return task(item)
