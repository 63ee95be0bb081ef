"""``neurofer bench``: how long neurofer's own work takes, as ratios to the same work without it, in one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from neurofer.cli import options
from neurofer.cli.outcome import Outcome, note
from neurofer.errors import UsageError

if TYPE_CHECKING:
    import nir
    from rich.console import Console

    from neurofer.cli.network import Subject
    from neurofer.ir.nodes import Array

Suite = Literal["counting", "data", "export", "verify"]
Row = dict[str, Any]

_SCHEMA = "neurofer.bench/1"
_COUNTING, _EXPORT, _SIZE = 1.15, 2.0, 1.1


def bench(
    suite: Annotated[Suite | None, typer.Option(help="One suite.", show_default="all")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds.")] = 7,
    small: Annotated[bool, typer.Option("--small", help="Small networks, to see that it works.")] = False,
    json: options.Json = False,
) -> Outcome:
    """Measure speed against the same work without neurofer.

    counting: a forward of SpikingJelly's own module with counting behind it, against that forward, at most 1.15.
    data: events to frames, against plain numpy (at most 0.4) and tonic, if installed; frames to events by the DVS
    model, against plain numpy (at most 0.5).
    export: writing a .nir file against h5py writing its arrays with the same filters, at most 2.
    verify: a verdict on one simulator, against running the network in it.
    What is compared is run in turns, after a warm-up; ratios are those of the medians.
    """
    import torch

    rows = [row for name in ([suite] if suite else _SUITES) for row in _SUITES[name](rounds, small)]
    if small:
        rows = [{**row, "goal": None} for row in rows]  # fixed costs are all there is to see
    document = {"schema": _SCHEMA, "suite": suite or "all", "threads": torch.get_num_threads(), "rows": rows}
    return Outcome(document, lambda console: _render(console, document))


def interleaved(work: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the durations in ms of each piece of work: all are run once to warm up, then in turns."""
    for action in work.values():
        action()
    times: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds):
        note(f"  round {number + 1} of {rounds}")
        for name, action in work.items():
            start = perf_counter()
            action()
            times[name].append((perf_counter() - start) * 1e3)
    return times


def _rows(network: str, times: Mapping[str, list[float]], against: str, goals: Mapping[str, float]) -> list[Row]:
    base = median(times[against])
    return [
        {
            "network": network,
            "work": work,
            "ms_median": median(values),
            "ms_min": min(values),
            "ratio": median(values) / base,
            "against": against,
            "goal": goals.get(work),
        }
        for work, values in times.items()
    ]


@dataclass(frozen=True)
class _Case:
    """A recipe's network: captured, a sample for it, and a plain forward of SpikingJelly's own module."""

    subject: Subject
    x: Array
    native: Callable[[], object]


def _case(name: str, *, small: bool, size: int | None = None) -> _Case:
    import numpy as np
    import torch

    from neurofer.cli.network import raw_sample, resolve
    from neurofer.train.calibrate import seeded
    from neurofer.train.networks import forward, present

    note(f"building {name}")
    tiny = {"conv-snn": 16, "spiking-fer": 32}
    subject = resolve(name, input_size=tiny[name] if small else size, width=4 if small else None)
    sample = subject.sample(samples=2)
    if sample is None or subject.recipe is None:
        raise UsageError(f"{name} is no recipe")
    raw, _ = raw_sample(subject.recipe, samples=2, seed=0)
    module = seeded(subject.recipe, 0, sample=raw)
    frames = present(subject.recipe, "network", raw, np.random.default_rng(0))

    def native() -> None:
        with torch.no_grad():
            forward(module, frames)

    return _Case(subject, sample.x, native)


def _counting(rounds: int, small: bool) -> Iterator[Row]:
    from neurofer.backends import registry
    from neurofer.energy import count
    from neurofer.passes import drop_dropout, fold_batchnorm

    for name in ("conv-snn", "spiking-fer"):
        case = _case(name, small=small, size=128 if name == "spiking-fer" else None)
        program = fold_batchnorm(drop_dropout(case.subject.snn))
        record = partial(registry.load("spikingjelly", program).run, case.x)
        work: dict[str, Callable[[], object]] = {
            "forward": case.native,
            "forward, then counting": _in_a_row(case.native, partial(count, program, record())),
            "forward step by step, recorded": record,
        }
        yield from _rows(name, interleaved(work, rounds), "forward", {"forward, then counting": _COUNTING})


def _in_a_row(*actions: Callable[[], object]) -> Callable[[], object]:
    return lambda: [action() for action in actions]


def _export(rounds: int, small: bool) -> Iterator[Row]:
    from neurofer.ir import serde

    program = _case("spiking-fer", small=small).subject.lowered
    graph = serde.to_nir(program)
    with tempfile.TemporaryDirectory() as folder:
        ours, plain = Path(folder) / "model.nir", Path(folder) / "arrays.h5"
        work = {
            "h5py": lambda: _write_arrays(plain, graph),
            "export": lambda: serde.write(ours, serde.to_nir(program)),
        }
        yield from _rows("spiking-fer", interleaved(work, rounds), "h5py", {"export": _EXPORT})
        size, weights = ours.stat().st_size, 4 * program.parameters
    yield {
        "network": "spiking-fer",
        "work": "file",
        "bytes": size,
        "ratio": size / weights,
        "against": "weights",
        "goal": _SIZE,
    }


def _write_arrays(path: Path, graph: nir.NIRGraph) -> None:
    """Write every array of a graph with h5py and the filter that `nir.write` uses."""
    import h5py
    import numpy as np

    def arrays(prefix: str, found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for key, value in found.items():
            if isinstance(value, dict):
                yield from arrays(f"{prefix}/{key}", value)
            elif isinstance(value, np.ndarray) and value.ndim:
                yield f"{prefix}/{key}", value

    with h5py.File(path, "w") as file:
        for name, value in arrays("", graph.to_dict()["nodes"]):
            file.create_dataset(name, data=value, compression="gzip")


def _verify(rounds: int, small: bool) -> Iterator[Row]:
    from neurofer.backends import reference, registry
    from neurofer.verify.compare import compare

    case = _case("conv-snn", small=small)
    program = case.subject.lowered
    golden = reference.run(program, case.x)
    for target in registry.SIMULATORS:
        network = registry.load(target, program)
        run = partial(network.run, case.x)
        check = partial(compare, program, golden, network, target=target, importer="neurofer")
        work: dict[str, Callable[[], object]] = {"run": run, "run and compare": _chained(run, check)}
        yield from _rows(f"conv-snn in {target}", interleaved(work, rounds), "run", {})


def _data(rounds: int, small: bool) -> Iterator[Row]:
    from neurofer.cli.bench_data import binning
    from neurofer.cli.bench_dvs import converting

    yield from binning(rounds, small, interleaved, _rows)
    yield from converting(rounds, small, interleaved, _rows)


def _chained(first: Callable[[], Any], then: Callable[[Any], object]) -> Callable[[], object]:
    return lambda: then(first())


_SUITES: Mapping[Suite, Callable[[int, bool], Iterator[Row]]] = {
    "counting": _counting,
    "data": _data,
    "export": _export,
    "verify": _verify,
}


def _render(console: Console, document: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("network", "work"):
        table.add_column(title, no_wrap=True)
    for title in ("median ms", "min ms", "ratio", "goal"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in document["rows"]:
        times = [f"{row[key]:.1f}" if key in row else "-" for key in ("ms_median", "ms_min")]
        goal = f"<= {row['goal']:g}" if row["goal"] else ""
        table.add_row(row["network"], row["work"], *times, f"{row['ratio']:.2f} {row['against']}", goal)
    console.print(table)
    console.print(f"{document['threads']} thread(s)")
