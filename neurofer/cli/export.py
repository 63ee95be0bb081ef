"""``neurofer export``: write a network for a target, and put it with its recorded sample and report into a bundle."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurofer.cli import options
from neurofer.cli.check import DENSITY, RUNS_IN, Importers, check, condense, show, verified
from neurofer.cli.outcome import Outcome, doing, note
from neurofer.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.backends.targets import Target
    from neurofer.cli.network import Subject
    from neurofer.ir import Program, Trace
    from neurofer.report.report import Computed, Report
    from neurofer.verify import Verification


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
    order = Order(subject, target, str(folder), samples, seed, importer, said)
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


@dataclass(frozen=True)
class Order:
    """What to export: network, target, name of the bundle, how many samples from which seed, who verifies."""

    subject: Subject
    target: Target
    bundle: str
    samples: int
    seed: int
    importer: Importers
    command: str


def command_line(verb: str, *arguments: str, **given: Any) -> str:
    """Return the command that does the same again, without what was not given."""
    named = [text for name, value in given.items() if value is not None for text in (f"--{name}", str(value))]
    return shlex.join(["neurofer", verb, *arguments, *named])


def export_bundle(order: Order, out: Path, *, force: bool = False) -> tuple[Report, int]:
    """Write, verify and publish a bundle; returns its report and the exit code of the verification.

    Raises:
        RefusedError: the target cannot run the network; nothing is written.
        WriteError: the output exists or cannot be written.
    """
    from neurofer.backends.registry import RUNTIMES
    from neurofer.files import write_file
    from neurofer.ir import program_file
    from neurofer.report.bundle import GOLDEN, MARKDOWN, PROGRAM, REPORT, Manifest, publish, seal
    from neurofer.report.golden import write_golden
    from neurofer.report.markdown import markdown
    from neurofer.report.report import versions, write_report
    from neurofer.verify import exit_code

    with publish(out, force=force) as folder:
        with doing(f"writing for {order.target.name}"):
            artifact = _EMIT.get(order.target.backend, _emit_dialect)(order, folder / order.target.artifact)
        golden, origin = _record(order, artifact.program)
        write_golden(folder / GOLDEN, golden, artifact.program.contract)
        if order.target.backend in RUNTIMES:
            program_file.write(folder / PROGRAM, artifact.program)
        verification = _verify(order, artifact, golden, origin)
        with doing("weighing the recorded spikes"):
            report = _report(order, artifact, golden, verification, origin)
        write_report(folder / REPORT, report)
        write_file(folder / MARKDOWN, markdown(report))
        subject = order.subject
        manifest = Manifest(
            network=subject.name,
            weights=subject.weights,
            target=order.target.name,
            backend=order.target.backend,
            artifact=artifact.path.name,
            command=order.command,
            seed=order.seed,
            sample=origin,
            contract=artifact.program.contract,
            verdict={f"{row.target}/{row.importer}": row.verdict for row in verification.targets},
            caveats=report.caveats,
            proof=report.proof,
            versions=versions(),
        )
        seal(folder, manifest)
    decides = "stock" if order.target.backend in RUNTIMES else order.importer
    return report, exit_code(verification.targets, importer=decides)


@dataclass(frozen=True)
class _Artifact:
    """What was written: its file, the program as it is read back from there, and the numbers of generated code."""

    path: Path
    program: Program
    arithmetic: tuple[Computed, ...] = ()


def _emit_nir(order: Order, path: Path) -> _Artifact:
    from neurofer.ir import serde

    serde.write(path, order.subject.lowered)
    return _Artifact(path, serde.read(path))


def _emit_dialect(order: Order, path: Path) -> _Artifact:
    from neurofer.backends import registry
    from neurofer.ir import serde

    _, graph = registry.simulator(order.target.backend).STOCK.emit(order.subject.lowered)
    serde.write(path, graph)
    return _Artifact(path, serde.read(path))


def _emit_onnx(order: Order, path: Path) -> _Artifact:
    from neurofer.backends import onnx

    program = order.subject.snn if order.subject.baseline else order.subject.lowered
    onnx.emit(program, path, order.target.options.form)
    return _Artifact(path, program)


def _emit_c(order: Order, path: Path) -> _Artifact:
    from neurofer.backends import c
    from neurofer.backends.c import boards
    from neurofer.report.report import computed

    program = order.subject.lowered
    if (board := order.target.board) is None:
        made = c.sources(program)
        c.write(made, path.parent)
    else:
        made = boards.suited(program, board)
        boards.write(made, path.parent, board)
    return _Artifact(path, program, computed(made.arithmetic))


_EMIT: dict[str, Callable[[Order, Path], _Artifact]] = {"nir": _emit_nir, "onnx": _emit_onnx, "c": _emit_c}


def _record(order: Order, program: Program) -> tuple[Trace, str]:
    from neurofer.backends import reference
    from neurofer.data.draw import draw_input

    subject = order.subject
    x: Any
    if subject.bundle is not None:
        golden = subject.bundle.golden(subject.snn)
        x, origin = golden.inputs, subject.bundle.manifest.sample
    elif sample := subject.sample(samples=order.samples, seed=order.seed):
        x, origin = sample.x, sample.origin
    else:
        x, origin = draw_input(
            program, steps=program.contract.steps, samples=order.samples, density=DENSITY, seed=order.seed
        )
    if subject.exact:
        _check_domain(program, x)
    with doing("recording the sample with the reference"):
        return reference.run(program, x), origin


def _check_domain(program: Program, x: Any) -> None:
    """Check that a sample is what the proof holds for: whole numbers within the declared domain."""
    import numpy as np

    for name in program.inputs:
        values, top = np.asarray(x[name] if isinstance(x, dict) else x), program.domains[name].max
        if top is None or np.any(values != np.round(values)) or values.min() < 0 or values.max() > top:
            raise UsageError(
                f"the sample is not {program.domains[name]}, for which the proof would hold",
                where=name,
                why=f"its values go from {values.min():g} to {values.max():g}",
            )


def _verify(order: Order, artifact: _Artifact, golden: Trace, origin: str) -> Verification:
    """Verify what was written, as it is read back."""
    from neurofer.backends.registry import RUNTIMES, SIMULATORS
    from neurofer.ir import serde
    from neurofer.verify import verify_artifact

    backend, target = order.target.backend, order.target.name
    if backend in RUNTIMES:
        note(f"running in {RUNS_IN[backend]} ...")
        rows = [verify_artifact(artifact.program, golden, artifact.path, backend=backend, target=target)]
    else:
        dialect = order.target.backend in SIMULATORS
        on = (order.target.backend,) if dialect else SIMULATORS
        graph = serde.read_graph(artifact.path) if dialect else None
        rows = check(artifact.program, golden, on=on, importer=order.importer, graph=graph)
    return verified(order.bundle, golden, rows, weights=order.subject.weights, sample=origin)


def _report(order: Order, artifact: _Artifact, golden: Trace, verification: Verification, origin: str) -> Report:
    from neurofer.backends.registry import RUNTIMES
    from neurofer.ir import serde
    from neurofer.passes import prove
    from neurofer.report.report import Report, count_spikes, versions, weigh

    subject = order.subject
    accuracy = _accuracy(subject)
    unsaid = [] if order.target.backend in RUNTIMES else serde.unsaid(artifact.program)
    energy = []
    if not subject.baseline:
        energy = weigh(subject.snn, subject.ann, golden, weights=subject.weights, profile=order.target.profile)
    return Report(
        network=subject.name,
        weights=subject.weights,
        target=order.target.name,
        command=order.command,
        seed=order.seed,
        sample=origin,
        contract=artifact.program.contract,
        parameters=subject.snn.parameters,
        mult_adds=subject.snn.mult_adds,
        accuracy=accuracy,
        spikes=count_spikes(artifact.program, golden),
        verification=verification,
        energy=energy,
        caveats=[str(problem) for problem in unsaid],
        proof=list(prove(artifact.program).values()) if subject.exact else [],
        arithmetic=list(artifact.arithmetic),
        versions=versions(),
    )


def _accuracy(subject: Subject) -> dict[str, float]:
    """Return what a checkpoint knows, under a name that says so where it is not that of what is exported."""
    metrics = subject.metrics or {}
    if "test_accuracy" not in metrics:
        return {}
    found = {"test": float(metrics["test_accuracy"])}
    if metrics.get("exact"):
        found |= {"test, float": float(metrics["float_accuracy"]), "test, rounded": float(metrics["rounded_accuracy"])}
    if bool(metrics.get("exact")) == subject.exact and metrics.get("bits") == subject.bits:
        return found
    return {f"{name}, before this export's rounding": value for name, value in found.items()}


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
