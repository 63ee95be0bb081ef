"""``neurofer export``: write a network for a target, and put it with its recorded sample and report into a bundle."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurofer.cli import options
from neurofer.cli.check import DENSITY, Importers, condense, importers, show
from neurofer.cli.outcome import Outcome, doing, note
from neurofer.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.backends.targets import Target
    from neurofer.report.report import Report
    from neurofer.report.subject import Subject


def export(
    network: options.Network,
    to: Annotated[str, typer.Option(help="Target, see neurofer targets; or the path of a .toml file.")],
    out: options.Out = None,
    reset: options.Reset = None,
    input_size: options.InputSize = None,
    width: options.Width = None,
    steps: options.Steps = None,
    dt: options.Dt = None,
    baseline: Annotated[bool, typer.Option("--baseline", help="The ANN that a recipe is compared with.")] = False,
    samples: options.Samples = 1,
    seed: options.Seed = 0,
    importer: Annotated[Importers, typer.Option(help="Importers that verify it.")] = "both",
    exact: options.Exact = False,
    bits: options.Bits = None,
    force: options.Force = False,
    json: options.Json = False,
) -> Outcome:
    """Write a network for a target, as a verified bundle.

    The bundle holds artifact, recorded sample (golden.npz), manifest.json, report.json and report.md. A network
    that diverges is written all the same; the exit code says so.
    """
    from neurofer.cli.network import resolve
    from neurofer.report.bundle import check_free
    from neurofer.report.export import Order, export_bundle

    target = writable_target(to)
    folder = out or Path(f"{Path(network).resolve().stem}-{target.name}")
    check_free(folder, force=force)
    changes = {"reset": reset, "input-size": input_size, "width": width, "steps": steps, "dt": dt}
    with doing(f"reading {network}"):
        subject = resolve(
            network, weights_seed=seed, reset=reset, input_size=input_size, width=width, steps=steps, dt=dt
        )
    flags = [flag for flag, given in (("--baseline", baseline), ("--exact", exact)) if given]
    chosen = {"out": out, "importer": None if importer == "both" else importer}
    said = command_line("export", network, *flags, to=to, **changes, bits=bits, samples=samples, seed=seed, **chosen)
    if baseline:
        subject = baseline_of(subject)
    if exact or bits is not None:
        subject = on_grid(subject, bits)
    if dt is None:
        subject = in_unit_of(target, subject)
    order = Order(subject, target, str(folder), samples, seed, DENSITY, importers(importer), said, note)
    report, code = export_bundle(order, folder, force=force)
    return Outcome(report, lambda console: _render(console, report, folder), code)


def writable_target(name: str) -> Target:
    """Return the target called ``name``.

    Raises:
        UsageError: there is none, or nothing is written for it.
    """
    from neurofer.backends.targets import load_target

    target = load_target(name)
    if not target.artifact:
        raise UsageError(
            f"nothing is written for the target {target.name!r}", where="--to", next_step="see neurofer targets"
        )
    return target


def in_unit_of(target: Target, subject: Subject) -> Subject:
    """Return the network with the step that readers of the target assume; its coefficients stay, hence its spikes."""
    from neurofer.backends.registry import SIMULATORS

    if target.backend not in SIMULATORS or target.options.dt is None:
        return subject
    return under(subject, dt=target.options.dt)


def under(subject: Subject, **changed: Any) -> Subject:
    """Return the network with a changed contract."""
    from dataclasses import replace

    return replace(subject, snn=subject.snn.with_contract(replace(subject.snn.contract, **changed)))


def on_grid(subject: Subject, bits: int | None) -> Subject:
    """Return the network as one that is lowered onto a dyadic grid; a checkpoint trained on one brings its width.

    Raises:
        UsageError: it is an ANN or a bundle, or the width is neither 8 nor 16.
    """
    from dataclasses import replace

    if bits not in (None, 8, 16):
        raise UsageError(f"integer weights of {bits} bits are not offered", where="--bits", next_step="use 8 or 16")
    if subject.baseline or subject.bundle is not None:
        kind = "an ANN, whose values are real" if subject.baseline else "a bundle, which holds its own sample"
        raise UsageError(f"--exact does not take {kind}", where=subject.name, next_step="name a spiking network")
    trained = (subject.metrics or {}).get("bits")
    return replace(subject, exact=True, bits=trained if bits is None else bits)


def baseline_of(subject: Subject) -> Subject:
    """Return the ANN that a network is compared with, as the network to export.

    Raises:
        RefusedError: there is none, or none that was trained as the network was.
    """
    from dataclasses import replace

    if subject.baseline:
        return subject
    if subject.ann is None or subject.weights != "random":
        raise RefusedError(
            "no ANN of the same training comes with this network",
            where=subject.name,
            next_step="train it with neurofer train --baseline, and export that checkpoint",
        )
    return replace(subject, snn=subject.ann, baseline=True)


def command_line(verb: str, *arguments: str, **given: Any) -> str:
    """Return the command that does the same again, without what was not given."""
    named = [text for name, value in given.items() if value is not None for text in (f"--{name}", str(value))]
    return shlex.join(["neurofer", verb, *arguments, *named])


def _render(console: Console, report: Report, out: Path) -> None:
    from neurofer.report.markdown import exactness, numbers

    if report.verification:
        show(console, report.verification, emitted=report.target == "nir")
    for energy in report.energy:
        if energy.e_snn_mj is not None:
            ann = "" if energy.e_ann_mj is None else f", ANN {energy.e_ann_mj:.6g} mJ, ratio {energy.ratio or 0:.3g}"
            console.print(f"energy ({energy.formula}): SNN {energy.e_snn_mj:.6g} mJ{ann}")
    if report.caveats:
        text = condense("\n".join(f"  - {caveat}" for caveat in report.caveats))
        console.print(f"what only neurofer's importers read from the artifact:\n{text}")
    for line in exactness(report.proof, report.contract.steps):
        console.print(f"exact: {line}")
    for line in numbers(report.arithmetic):
        console.print(f"computes in {line}")
    console.print(f"bundle: {out}")
    console.print(f"next: neurofer verify {out}")
