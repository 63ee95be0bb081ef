"""``neurofer demo``: the whole way once, on a small network and real data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurofer.cli import options
from neurofer.cli.check import verdict_text
from neurofer.cli.outcome import Outcome, note

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.data import Dataset
    from neurofer.report.report import Report
    from neurofer.train.loop import Epoch, Trained
    from neurofer.train.networks import Which
    from neurofer.train.recipe import Recipe

_RECIPE = "digits"
_SAMPLES = 32
_SNN, _ANN = "snn.safetensors", "ann.safetensors"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, bundles and the report.")] = Path("neurofer-demo"),
    keep: Annotated[bool, typer.Option("--keep", help="Do not replace the folder of an earlier demo.")] = False,
    json: options.Json = False,
) -> Outcome:
    """Go the whole way on a small network and real data.

    Train, export, verify and weigh, in under three minutes.
    A Conv-SNN and the CNN of the same layers learn scikit-learn's digits. The SNN is exported to NIR and compared with
    the reference spike by spike in Norse, snnTorch and SpikingJelly; the CNN is exported to ONNX and checked in ONNX
    Runtime; the energy of both follows from the recorded spikes.
    """
    from neurofer import data
    from neurofer.report.bundle import REPORT, check_free, publish
    from neurofer.train.recipe import load_recipe
    from neurofer.verify import exit_code

    check_free(out, force=not keep, mark=REPORT)
    recipe = load_recipe(_RECIPE)
    loaded = data.load(recipe.data)
    note(f"1  data: {len(loaded.train.y)} images of digits to train, {len(loaded.test.y)} to test")
    with publish(out, force=not keep, mark=REPORT) as folder:
        snn = _train(recipe, loaded, folder / _SNN, "network", "2  Conv-SNN")
        ann = _train(recipe, loaded, folder / _ANN, "baseline", "3  CNN of the same layers")
        note("4  Conv-SNN -> one exact program -> NIR, then every spike in three simulators, two importers each")
        deployed = _export(folder, _SNN, "nir", out)
        note("5  CNN -> ONNX, then every value in ONNX Runtime")
        baseline = _export(folder, _ANN, "onnx", out)
        note("6  operations counted from the recorded spikes, energy of both, report")
        report = _join(recipe, deployed, baseline, snn, ann, out)
        _write(folder, report)
    rows = report.verification.targets if report.verification else []
    code = exit_code(rows) or exit_code([row for row in rows if row.target == "onnx"], importer="stock")
    return Outcome(report, lambda console: _render(console, report, out), code)


def _train(recipe: Recipe, loaded: Dataset, path: Path, which: Which, title: str) -> Trained:
    from neurofer.train.loop import train

    def progress(epoch: Epoch) -> None:
        if epoch.number in (1, epoch.of):
            note(f"     epoch {epoch.number:2} of {epoch.of}: loss {epoch.loss:.3f}, validation {epoch.accuracy:.1%}")

    note(f"{title}, trained with surrogate gradients" if which == "network" else f"{title}, trained alike")
    trained = train(recipe, loaded, path, which=which, progress=progress)
    note(f"     test accuracy {trained.test_accuracy:.1%}")
    return trained


def _export(folder: Path, checkpoint: str, target: str, out: Path) -> Report:
    """Export a checkpoint into a bundle beside it; the report names it by where it will lie."""
    from dataclasses import replace

    from neurofer.cli.export import command_line, writable_target
    from neurofer.cli.network import resolve
    from neurofer.report.export import Order, export_bundle

    subject = replace(resolve(str(folder / checkpoint)), name=str(out / checkpoint))
    said = command_line("export", subject.name, to=target, samples=_SAMPLES, out=out / target)
    order = Order(subject, writable_target(target), str(out / target), _SAMPLES, command=said, tell=note)
    report, _ = export_bundle(order, folder / target)
    return report


def _join(recipe: Recipe, deployed: Report, baseline: Report, snn: Trained, ann: Trained, out: Path) -> Report:
    """Return one report of both networks."""
    from msgspec.structs import replace

    from neurofer.errors import NeuroferError

    if deployed.verification is None or baseline.verification is None:
        raise NeuroferError("nothing was verified", where=str(out))
    rows = [*deployed.verification.targets, *baseline.verification.targets]
    return replace(
        deployed,
        network=recipe.name,
        target="norse, snntorch, spikingjelly; its CNN on onnx",
        command=f"neurofer demo --out {out}",
        accuracy={"Conv-SNN": snn.test_accuracy, "CNN": ann.test_accuracy},
        verification=replace(deployed.verification, artifact=str(out), targets=rows),
    )


def _write(folder: Path, report: Report) -> None:
    from neurofer.files import write_file
    from neurofer.report.bundle import MARKDOWN, REPORT
    from neurofer.report.markdown import markdown
    from neurofer.report.report import write_report

    write_report(folder / REPORT, report)
    write_file(folder / MARKDOWN, markdown(report))


def _render(console: Console, report: Report, out: Path) -> None:
    from rich.table import Table

    energy = report.energy[0]
    cost = {"onnx": energy.e_ann_mj or 0.0}
    table = Table(box=None, pad_edge=False)
    for title in ("network", "target", "importer", "verdict"):
        table.add_column(title, no_wrap=True)
    table.add_column("spikes compared", justify="right")
    table.add_column("energy per image", justify="right")
    for row in report.verification.targets if report.verification else []:
        name = "CNN" if row.target == "onnx" else "Conv-SNN"
        spikes = "none, an ANN" if row.target == "onnx" else f"{row.spikes_compared:,}"
        millijoule = cost.get(row.target, energy.e_snn_mj or 0.0)
        table.add_row(name, row.target, row.importer, verdict_text(row.verdict), spikes, f"{millijoule * 1e6:.1f} nJ")
    console.print(table)
    accuracy = ", ".join(f"{name} {value:.1%}" for name, value in report.accuracy.items())
    console.print(f"test accuracy: {accuracy}")
    console.print(
        f"energy: profile {energy.profile}, formula {energy.formula}, from {sum(n.spikes for n in report.spikes):,} "
        f"recorded spikes of {energy.samples} images; the CNN needs {energy.ratio or 0:.2f} times the Conv-SNN's"
    )
    console.print(f"report: {out}/report.md   bundles: {out}/nir, {out}/onnx")
    console.print(f"next: neurofer verify {out}/nir")
