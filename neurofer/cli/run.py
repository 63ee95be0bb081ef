"""``neurofer run``: what a network says of one input, how long it takes, and how much it spikes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurofer.cli import options
from neurofer.cli.outcome import Outcome, doing
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.cli.runtime import Runtime
    from neurofer.data.given import Given
    from neurofer.ir import Program, Trace
    from neurofer.report.subject import Subject

_SCHEMA = "neurofer.run/1"
_SHOWN = 8


def run(
    network: options.Network,
    input: Annotated[  # noqa: A002 - the argument's name
        str,
        typer.Argument(
            help="Array (.npy, .npz), picture, event recording, or the number of a sample of the network's data.",
            show_default=False,
        ),
    ],
    on: Annotated[
        str | None, typer.Option(help="Runtime or simulator, see neurofer targets; or reference.", show_default="c")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the target c.")] = 1,
    output: Annotated[
        Path | None, typer.Option(help="Save the readout, [N, *shape], as .npy.", show_default=False)
    ] = None,
    steps: options.Steps = None,
    dt: options.Dt = None,
    scheme: options.Scheme = None,
    exact: options.Exact = False,
    bits: options.Bits = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> Outcome:
    """Run a network on an input: its class, spikes and time.

    It is compiled to C the first time, and the library is kept in the user's cache folder.
    Pictures are converted to the network's channels and size, events binned to its steps.
    A bundle for the target c runs its own C files.
    """
    from neurofer.cli.runtime import find_runtime, time_run

    subject = _resolve(network, steps, dt, scheme, seed, exact=exact, bits=bits)
    program = subject.snn if subject.baseline else subject.lowered
    given, label = _read(subject, program, input, seed)
    _check_domain(program, given)
    made = find_runtime(subject, program, on, threads)
    with doing(f"running in {made.name}"):
        trace = made.network.run(given.x)
        seconds = time_run(made.network, given.x)
    document = _describe(subject, made, given, label, trace, seconds)
    if output is not None:
        _save(output, trace.read(program.contract.readout))
        document["output"] = str(output)
    return Outcome(document, lambda console: _render(console, document))


def _resolve(
    network: str, steps: int | None, dt: float | None, scheme: Any, seed: int, *, exact: bool, bits: int | None
) -> Subject:
    from neurofer.cli.export import on_grid
    from neurofer.cli.network import resolve

    with doing(f"reading {network}"):
        subject = resolve(network, steps=steps, dt=dt, scheme=scheme, weights_seed=seed)
    if exact or bits is not None or (subject.metrics or {}).get("exact"):  # what was trained on a grid runs on it
        subject = on_grid(subject, bits)
    return subject


def _read(subject: Subject, program: Program, text: str, seed: int) -> tuple[Given, int | None]:
    """Return the input that was named, and the label of a sample of a data set."""
    from neurofer.data.given import read_given

    if text.isdecimal() and not Path(text).exists():
        return _sample(subject, program, int(text), seed)
    return read_given(text, program, binning=subject.binning, seed=seed), None


def _sample(subject: Subject, program: Program, index: int, seed: int) -> tuple[Given, int | None]:
    """Return one sample of what a bundle recorded, or of the test part of a recipe's data, with its label."""
    from neurofer import data
    from neurofer.data.given import Given

    if subject.bundle is not None:
        golden = subject.bundle.golden(program)
        _check_index(index, golden.samples, "the bundle recorded")
        one = {name: x[:, index : index + 1] for name, x in golden.inputs.items()}
        return Given(one, f"sample {index} of the bundle, {subject.bundle.manifest.sample}"), None
    if subject.recipe is None:
        raise UsageError(
            "this network brings no data", where=subject.name, next_step="give an array, a picture or a recording"
        )
    try:
        found = data.load(subject.recipe.data)
    except UsageError as error:
        raise UsageError(error.what, where=subject.name, next_step="give an array, a picture or a recording") from error
    _check_index(index, len(found.test.y), f"the test part of {found.name} has")
    origin = f"sample {index} of the test part of {found.name}"
    sample = subject.as_input(found.test.x[index : index + 1], origin, subject.recipe, seed=seed)
    return Given(sample.x, sample.origin), int(found.test.y[index])


def _check_index(index: int, count: int, what: str) -> None:
    if index >= count:
        known = f"choose from 0 to {count - 1}"
        raise UsageError(f"there is no sample {index}", why=f"{what} {count}", next_step=known)


def _check_domain(program: Program, given: Given) -> None:
    """Check that the values are those that the network was made for; a runtime would take others without a word."""
    from neurofer.backends.network import check_inputs

    for name, x in check_inputs(program, given.x).items():
        if not program.domains[name].holds(x):
            raise UsageError(
                f"the input is not {program.domains[name]}",
                where=name,
                why=f"its values go from {x.min():g} to {x.max():g}, {given.origin}",
                next_step="give whole numbers of that range",
            )


def _describe(
    subject: Subject, made: Runtime, given: Given, label: int | None, trace: Trace, seconds: float | None
) -> dict[str, Any]:
    from neurofer.data import class_names
    from neurofer.ir.trace import decision
    from neurofer.report.report import count_spikes

    program = made.network.program
    readout = trace.read(program.contract.readout)
    classes = readout.astype(int) if program.contract.readout.reduction == "argmax" else decision(readout)
    names = () if subject.recipe is None else class_names(subject.recipe.data)
    return {
        "schema": _SCHEMA,
        "network": subject.name,
        "weights": subject.weights,
        "input": given.origin,
        "steps": trace.steps,
        "samples": trace.samples,
        "on": made.name,
        "version": made.network.version,
        "instead_of_c": made.instead or None,
        "arithmetic": made.arithmetic,
        "readout": readout,
        "classes": [int(k) for k in classes],
        "names": [names[k] if k < len(names) else str(k) for k in classes] if names else None,
        "label": label,
        "ms_per_inference": None if seconds is None else 1e3 * seconds / trace.samples,
        "spikes": count_spikes(program, trace),
        "output": None,
    }


def _save(path: Path, readout: Any) -> None:
    import numpy as np

    from neurofer.files import replace_file

    def write(draft: str) -> None:
        with Path(draft).open("wb") as file:
            np.save(file, readout, allow_pickle=False)

    replace_file(path, write)


def _render(console: Console, document: dict[str, Any]) -> None:
    from rich.table import Table

    from neurofer.report.markdown import numbers

    console.print(f"{document['network']}: {document['steps']} steps, weights: {document['weights']}")
    console.print(f"input      {document['input']}")
    console.print(f"runs in    {document['on']}, {document['version']}")
    for line in numbers(document["arithmetic"]):
        console.print(f"computes   in {line}")
    for sample in range(min(document["samples"], _SHOWN)):
        named = document["names"][sample] if document["names"] else document["classes"][sample]
        values = document["readout"][sample].ravel() if document["readout"].ndim > 1 else ()
        told = " ".join(f"{value:.4g}" for value in values[:_SHOWN]) + (" ..." if len(values) > _SHOWN else "")
        right = "" if document["label"] is None else f", labelled {document['label']}"
        console.print(f"class      {named}{right}" + (f"; readout {told}" if told else ""))
    if document["samples"] > _SHOWN:
        console.print(f"           and {document['samples'] - _SHOWN} samples more, see --json or --output")
    if document["ms_per_inference"] is not None:
        console.print(f"time       {document['ms_per_inference']:.3g} ms per inference (median)")
    table = Table("node", "spikes", "per neuron", box=None, pad_edge=False)
    for node in document["spikes"]:
        table.add_row(node.name, f"{node.spikes:,}", f"{node.rate:.3f}")
    if document["spikes"]:
        console.print(table)
    if document["output"]:
        console.print(f"readout saved to {document['output']}")
    console.print(f"next: neurofer energy {document['network']}")
