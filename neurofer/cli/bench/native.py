"""The suite ``native``: generated C against the simulators, and against the ANN in ONNX Runtime and torch.

Every runtime has a process of its own and gets its turn in every round, first on one thread, then on all. None records
spikes while it is timed. All spiking runtimes run the same weights on the same input; what they read out is compared.
``ratio`` is how many times as long as ``native int8`` a runtime takes, ``MSOP`` the million weights that spikes reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neurofer import resources
from neurofer.cli.bench.measure import Asked, Column, Row, number, word
from neurofer.cli.bench.workload import Case
from neurofer.cli.outcome import note

if TYPE_CHECKING:
    from neurofer.cli.bench.turns import Timed
    from neurofer.cli.bench.workload import Activity, Workload

NATIVE = "native int8"

_BATCHES = {"spiking-fer": (1,), "conv-snn": (1, 16)}
_FASTER = {
    "spiking-fer": {"SpikingJelly": 15.0, "SNN in ONNX Runtime": 8.0, "ANN in ONNX Runtime": 1.7},
    "conv-snn": {"SpikingJelly": 5.0, "ANN in ONNX Runtime": 1.0},
}
"""How many times faster than each the native target is meant to be."""

COLUMNS = (
    word("network"),
    number("threads", "threads", "d"),
    word("runtime"),
    number("median ms", "ms_median", ".3f"),
    number("min ms", "ms_min", ".3f"),
    number("ratio", "ratio_to_native", ".2f"),
    Column("goal", lambda row: f">= {row['goal']:g}" if row["goal"] else ""),
    word("readout"),
    Column("MSOP", lambda row: f"{row['synaptic_operations'] / 1e6:,.1f}"),
)


def rows(asked: Asked) -> Iterator[Row]:
    """Yield a row for every network, number of threads and runtime."""
    from neurofer.cli.bench.rivals import RUNTIMES
    from neurofer.cli.bench.turns import timed
    from neurofer.cli.bench.workload import activity, make

    for case in cases(asked):
        note(f"building {case.network}, batch {case.batch}")
        workload = make(case)
        happened = activity(workload)
        for threads, found in timed(workload, tuple(RUNTIMES), threads=all_threads(), rounds=asked.rounds).items():
            yield from _rows(workload, happened, threads, found)


def all_threads() -> tuple[int, ...]:
    """Return one, and as many threads as there are cores for this process."""
    return (1, resources.cores())


def cases(asked: Asked) -> Iterator[Case]:
    """Yield what is timed: the papers' networks, or those asked for.

    Trained weights are taken where `neurofer train` left them in this folder.
    """
    for network in asked.networks or _BATCHES:
        checkpoint = Path(f"{network}.safetensors")
        for batch in (1,) if asked.small else _BATCHES.get(network, (1,)):
            if checkpoint.exists():
                yield Case(str(checkpoint), batch=batch)
            elif asked.small and Path(network).suffix != ".safetensors":
                yield small(Case(network, batch=batch))
            else:
                yield Case(network, batch=batch)


def small(case: Case) -> Case:
    """Return a recipe's case with little to do."""
    return replace(case, size={"spiking-fer": 32}.get(case.network, 16), width=4)


def _rows(workload: Workload, happened: Activity, threads: int, found: list[Timed]) -> Iterator[Row]:
    base = next((timed.median for timed in found if timed.runtime == NATIVE), None)
    goals = _FASTER.get(Path(workload.case.network).stem, {})
    for timed in found:
        yield {
            "network": workload.title,
            "threads": threads,
            **timed.row(base),
            "goal": goals.get(timed.runtime),
            "readout": _readout(timed, happened),
            "weights": workload.weights,
            "rate": happened.rate,
            "rates": happened.layers,
            "synaptic_operations": sum(happened.operations.values()),
        }


def _readout(timed: Timed, happened: Activity) -> str:
    """Return whether a spiking runtime reads out what the recorded run did; ANNs are other networks."""
    if timed.answer is None:
        return "not run"
    if timed.runtime.startswith("ANN"):
        return "another network"
    expected = happened.plain if timed.runtime == "native float32" else happened.readout
    return "same" if np.allclose(timed.answer, expected, rtol=1e-3, atol=1e-3) else "differs"


def notes(rows: list[Row]) -> Iterator[str]:
    """Yield what was chosen for each runtime, why one did not run, and what the weights are."""
    for network in dict.fromkeys(row["network"] for row in rows):
        row = next(row for row in rows if row["network"] == network)
        yield f"{network}: weights {row['weights']}; measured {row['rate']:.1%}"
    said = dict.fromkeys((row["runtime"], row["how"] or f"not run: {row['reason']}") for row in rows)
    for runtime in dict.fromkeys(runtime for runtime, _ in said):
        yield f"{runtime}: {' | '.join(how for name, how in said if name == runtime)}"
