"""``neurofer energy``: what one inference costs, from measured spikes, and what the ANN would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from neurofer.cli import options
from neurofer.cli.check import DENSITY
from neurofer.cli.outcome import Outcome, doing
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.energy import EnergyReport
    from neurofer.ir import Program, Trace
    from neurofer.report.bundle import Bundle
    from neurofer.report.subject import Subject

Formula = Literal["exact", "eq4-8", "paper-table3"]
_FOREIGN = (
    "the file does not say what enters it, so its first layers are counted as MACs of real values; "
    "the input that is drawn for them is spikes, which would cost AC"
)


def energy(
    network: options.Network,
    formula: Annotated[Formula, typer.Option(help="What is counted.")] = "exact",
    profile: Annotated[str, typer.Option(help="Energy per operation, of targets/profiles.")] = "cmos45",
    input_size: options.InputSize = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=0, help="Samples to run; 0 for the ANN's side alone.", show_default="1, for paper-table3 of a recipe 0"
        ),
    ] = None,
    steps: options.Steps = None,
    density: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Draw Bernoulli spikes.", show_default=f"{DENSITY} for .nir files"),
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> Outcome:
    """Estimate the energy of a network and of its ANN by layer.

    exact counts every spike times the weights it reaches; eq4-8 are the equations of Spiking-FER as printed;
    paper-table3 is what the authors' code computes, with its own settings, and is not physical.
    A bundle brings its recorded sample; a recipe or checkpoint takes samples of its data; other input is drawn.
    """
    from dataclasses import replace

    from neurofer.energy import estimate, read_profile

    if formula == "paper-table3" and input_size is not None:
        raise UsageError(
            "paper-table3 always counts 128 x 128 with 2 channels, as the paper's table does",
            where="--input-size",
            next_step="leave it out, or use --formula eq4-8 or exact",
        )
    constants = read_profile(profile)
    if samples is None:  # Table 3 weighs an ANN of its own, which needs no sample
        quick = formula == "paper-table3" and density is None and not network.endswith(".nir")
        samples = 0 if quick else 1
    subject = _resolve(network, input_size, steps, seed, calibrate=samples > 0)
    program = subject.snn if subject.bundle else _plain(subject.snn)
    ann = None if subject.ann is None else _plain(subject.ann)
    trace, origin = _record(subject, program, samples, density, seed)
    report = estimate(program, ann, trace, profile=constants, formula=formula, weights=subject.weights)
    if subject.bundle is not None:
        report = _with_ann(report, subject.bundle)
    if subject.graph is not None and any(layer.macs for layer in report.layers):
        report = replace(report, notes=(*report.notes, _FOREIGN))
    document = {"network": subject.name, "sample": origin, **_fields(report)}
    return Outcome(document, lambda console: _render(console, document))


def _resolve(network: str, input_size: int | None, steps: int | None, seed: int, *, calibrate: bool) -> Subject:
    from neurofer.cli.network import resolve

    with doing(f"reading {network}"):
        subject = resolve(network, weights_seed=seed, input_size=input_size, steps=steps, calibrate=calibrate)
    if subject.baseline:
        raise UsageError(
            "this is an ANN, whose energy is told beside that of its spiking network",
            where=network,
            next_step="name the recipe or the checkpoint of the spiking network",
        )
    return subject


def _plain(program: Program) -> Program:
    """Return what is counted: no Dropout, no BatchNorm; average pooling stays, as its output is no count of spikes."""
    from neurofer.passes import drop_dropout, fold_batchnorm

    return fold_batchnorm(drop_dropout(program))


def _record(
    subject: Subject, program: Program, samples: int, density: float | None, seed: int
) -> tuple[Trace | None, str]:
    """Return what the reference does with a sample, and where the sample comes from."""
    from neurofer.backends import reference
    from neurofer.data.draw import draw_input

    x: Any
    if subject.bundle is not None:
        _refuse_density(density)
        return subject.bundle.golden(program), subject.bundle.manifest.sample
    if not samples:
        _refuse_density(density)
        return None, "none"
    if density is None and (sample := subject.sample(samples=samples, seed=seed)):
        x, origin = sample.x, sample.origin
    else:
        chosen = DENSITY if density is None else density
        x, origin = draw_input(program, steps=program.contract.steps, samples=samples, density=chosen, seed=seed)
    with doing(f"running {samples} sample(s) in the reference"):
        return reference.run(program, x), origin


def _with_ann(report: EnergyReport, bundle: Bundle) -> EnergyReport:
    """Return an estimate of a bundle with the side of its ANN, which the bundle's report knows by the same formula."""
    from dataclasses import replace

    from neurofer.report.bundle import REPORT
    from neurofer.report.report import read_report

    known = [
        energy
        for energy in read_report(bundle.folder / REPORT).energy
        if (energy.formula, energy.profile) == (report.formula, report.profile)
    ]
    if not known:
        return report
    macs = {layer.name: layer.macs_ann for layer in known[0].layers}
    e_ann, e_snn = known[0].e_ann_mj, report.e_snn_mj
    return replace(
        report,
        e_ann_mj=e_ann,
        ratio=e_ann / e_snn if e_ann is not None and e_snn else None,
        layers=tuple(replace(layer, macs_ann=macs.get(layer.name)) for layer in report.layers),
    )


def _refuse_density(density: float | None) -> None:
    if density is not None:
        raise UsageError("there is no input to draw", where="--density", next_step="leave it out")


def _fields(report: EnergyReport) -> dict[str, Any]:
    import dataclasses

    return {field.name: getattr(report, field.name) for field in dataclasses.fields(report)}


def _render(console: Console, document: dict[str, Any]) -> None:
    from rich.table import Table

    from neurofer.report.markdown import number, per_inference

    shape = " x ".join(map(str, document["input_shape"]))
    console.print(
        f"{document['network']}: formula {document['formula']}, profile {document['profile']}, input {shape}, "
        f"{document['steps']} steps, weights: {document['weights']}, sample: {document['sample']}"
    )
    table = Table(title="per inference", title_justify="left", box=None, pad_edge=False)
    for title in ("layer", "kind", "input"):
        table.add_column(title, no_wrap=True)
    for title in ("ANN MAC", "rate in", "rate out", "AC", "AC nonzero", "MAC", "nJ"):
        table.add_column(title, justify="right", no_wrap=True)
    for layer in document["layers"]:
        nanojoule = None if layer.energy_pj is None else layer.energy_pj / 1e3
        counts = (per_inference(count, document["samples"]) for count in (layer.acs, layer.acs_nnz, layer.macs))
        table.add_row(
            layer.name,
            layer.kind,
            layer.input_class,
            number(layer.macs_ann),
            number(layer.rate_in),
            number(layer.rate_out),
            *map(number, counts),
            number(nanojoule),
        )
    console.print(table)
    for key, label in (("e_ann_mj", "ANN"), ("e_snn_mj", "SNN")):
        value = document[key]
        console.print(f"{label}: {'not known' if value is None else f'{value:.6g} mJ per inference'}")
    if document["ratio"] is not None:
        console.print(f"ratio: {document['ratio']:.4g} (ANN / SNN)")
    for note in document["notes"]:
        console.print(f"note: {note}")
