"""One runtime in a process of its own: it is told over standard input when to run, and answers with times.

Thread pools of several runtimes in one process take each other's cores while they spin.
Run as ``python -m neurofer.cli.bench.worker RUNTIME FOLDER THREADS``; every line is one JSON document.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import IO, Any

_TURN, _MOST = 0.1, 20
"""A turn lasts this many seconds, or this many runs."""


def main() -> None:
    """Make the runtime ready, then do as told until standard input ends."""
    runtime, folder, threads = sys.argv[1:]
    with os.fdopen(os.dup(1), "w") as told:  # what runtimes print goes to standard error
        os.dup2(2, 1)
        try:
            _serve(told, runtime, Path(folder), int(threads))
        except Exception as error:  # noqa: BLE001 - whatever it is, the row says why it is missing
            _tell(told, {"error": f"{type(error).__name__}: {error}"})


def _serve(told: IO[str], runtime: str, folder: Path, threads: int) -> None:
    from neurofer.cli.bench.rivals import RUNTIMES

    chosen = RUNTIMES[runtime]
    for name in chosen.imports:
        import_module(name)
    imported = peak()
    ready = chosen.prepare(folder, threads)
    answer = ready.read(ready.run())
    _tell(told, {"how": ready.how, "answer": answer.tolist(), "imported": imported, "peak": peak()})
    for _ in sys.stdin:
        ready.run()
        times: list[float] = []
        while len(times) < _MOST and sum(times) < _TURN:
            start = perf_counter()
            ready.run()
            times.append(perf_counter() - start)
        _tell(told, {"ms": [1e3 * seconds for seconds in times]})


def _tell(told: IO[str], document: Mapping[str, Any]) -> None:
    told.write(json.dumps(document) + "\n")
    told.flush()


def peak() -> int:
    """Return the largest resident set of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says of a child on Linux starts with its parent's
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
