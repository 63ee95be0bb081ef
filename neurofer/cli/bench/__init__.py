"""``neurofer bench``: how long work takes, as ratios to the same work done otherwise, in one run.

A suite is one file of this folder: a function ``rows(asked)`` and, where it has them, ``COLUMNS`` of its own and a
function ``notes(rows)`` with sentences that follow the table. Its docstring introduces it in Markdown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from neurofer.cli import options
from neurofer.cli.bench import tables
from neurofer.cli.bench.measure import Asked, Row, machine
from neurofer.cli.outcome import Outcome, note
from neurofer.errors import MissingPackageError, UsageError

Suite = Literal["counting", "data", "density", "embedded", "export", "memory", "native", "roof", "scaling", "verify"]

_SCHEMA = "neurofer.bench/1"


def bench(
    suite: Annotated[Suite | None, typer.Option(help="One suite.", show_default="all")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds.")] = 7,
    small: Annotated[bool, typer.Option("--small", help="Small networks, to see that it works.")] = False,
    network: Annotated[
        list[str] | None,
        typer.Option(help="Recipe or checkpoint to time; may be repeated.", show_default="the papers'"),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Picture of the suite density.", show_default=False)] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as Markdown.")] = False,
    json: options.Json = False,
) -> Outcome:
    """Measure speed against the same work done otherwise.

    native: generated C against the simulators, and the ANN in ONNX Runtime and torch, on one thread and on all.
    density: the same against the ANN over firing rates and input densities, and where they take equally long.
    scaling: what a synaptic operation costs as Spiking-FER grows.
    roof: synaptic operations a second of each layer, against how fast this machine sums up rows of weights.
    embedded: instructions on microcontrollers under qemu, against dense code, at least 4 times as many.
    memory: the largest resident set of a process.
    counting: a forward of SpikingJelly's own module with counting behind it, against that forward, at most 1.15.
    data: events to frames, against plain numpy (at most 0.4) and tonic, if installed; frames to events by the DVS
    model, against plain numpy (at most 0.5).
    export: writing a .nir file against h5py writing its arrays with the same filters, at most 2.
    verify: a verdict on one simulator, against running the network in it.
    What is compared is run in turns, after a warm-up; ratios are those of the medians.
    """
    import torch

    _refuse(suite, {"--network": (network, ("native", "roof")), "--plot": (plot, ("density",))})
    asked = Asked(rounds, small, tuple(network or ()), plot)
    rows: list[Row] = []
    for name in get_args(Suite) if suite is None else (suite,):
        try:
            rows += [{"suite": name, **row} for row in tables.module(name).rows(asked)]
        except MissingPackageError as error:
            if suite is not None:
                raise
            note(f"{name} left out: {error}")
    if small:
        rows = [{**row, "goal": None} for row in rows]  # fixed costs are all there is to see
    document = {
        "schema": _SCHEMA,
        "suite": suite or "all",
        "threads": torch.get_num_threads(),
        "machine": machine(),
        "rounds": rounds,
        "rows": rows,
    }
    if markdown:
        return Outcome(document, lambda console: console.print(tables.markdown(document), end=""))
    return Outcome(document, lambda console: tables.show(console, document))


def _refuse(suite: Suite | None, given: Mapping[str, tuple[object, Sequence[str]]]) -> None:
    """Refuse options that the suite has no use for: they would be measured without."""
    for option, (value, suites) in given.items():
        if value is not None and suite not in suites:
            raise UsageError(
                f"{option} belongs to {' and '.join(suites)}",
                where=f"--suite {suite or 'all'}",
                next_step=f"give --suite {suites[0]}",
            )
