"""The export: a network written for a target, recorded, verified, weighed, and published as a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurofer.backends import reference
from neurofer.backends.registry import RUNTIMES, SIMULATORS
from neurofer.backends.targets import Target
from neurofer.data.draw import draw_input
from neurofer.errors import UsageError
from neurofer.files import write_file
from neurofer.ir import Program, Trace, program_file, serde
from neurofer.ir.nodes import Array
from neurofer.passes import prove
from neurofer.report.artifact import Artifact, emit
from neurofer.report.bundle import GOLDEN, MARKDOWN, PROGRAM, REPORT, Manifest, publish, seal
from neurofer.report.golden import write_golden
from neurofer.report.markdown import markdown
from neurofer.report.report import Report, count_spikes, versions, weigh, write_report
from neurofer.report.subject import Subject
from neurofer.verify import Verification, exit_code, verified, verify, verify_artifact
from neurofer.verify.verdict import Importer
from neurofer.verify.verify import IMPORTERS


def _quiet(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Order:
    """What to export.

    Attributes:
        subject: the network.
        target: what it is written for.
        bundle: name of the bundle, for its report.
        samples: how many samples are recorded.
        seed: of drawn samples.
        density: of spikes that are drawn where the network brings no data.
        importers: who verifies it, of ours and the simulator's own.
        command: the command line that does the same.
        tell: is told what is going on.
    """

    subject: Subject
    target: Target
    bundle: str = ""
    samples: int = 1
    seed: int = 0
    density: float = 0.3
    importers: tuple[Importer, ...] = IMPORTERS
    command: str = ""
    tell: Callable[[str], None] = _quiet


def export_bundle(order: Order, out: str | Path, *, force: bool = False) -> tuple[Report, int]:
    """Write, verify and publish a bundle; returns its report and the exit code of the verification.

    Raises:
        RefusedError: the target cannot run the network; nothing is written.
        WriteError: the output exists or cannot be written.
    """
    with publish(out, force=force) as folder:
        order.tell(f"writing for {order.target.name} ...")
        artifact = emit(order.subject, order.target, folder)
        golden, origin = _record(order, artifact.program)
        write_golden(folder / GOLDEN, golden, artifact.program.contract)
        if order.target.backend in RUNTIMES:
            program_file.write(folder / PROGRAM, artifact.program)
        verification = _verify(order, artifact, golden, origin)
        order.tell("weighing the recorded spikes ...")
        report = _report(order, artifact, golden, verification, origin)
        write_report(folder / REPORT, report)
        write_file(folder / MARKDOWN, markdown(report))
        seal(folder, _manifest(order, artifact, report, verification))
    alone = order.importers[0] if len(order.importers) == 1 else "both"
    decides = "stock" if order.target.backend in RUNTIMES else alone
    return report, exit_code(verification.targets, importer=decides)


def _manifest(order: Order, artifact: Artifact, report: Report, verification: Verification) -> Manifest:
    return Manifest(
        network=order.subject.name,
        weights=order.subject.weights,
        target=order.target.name,
        backend=order.target.backend,
        artifact=artifact.path.name,
        command=order.command,
        seed=order.seed,
        sample=report.sample,
        contract=artifact.program.contract,
        verdict={f"{row.target}/{row.importer}": row.verdict for row in verification.targets},
        caveats=report.caveats,
        proof=report.proof,
        versions=versions(),
    )


def _record(order: Order, program: Program) -> tuple[Trace, str]:
    """Run the reference on samples of the network's data, else on drawn ones; also say where they come from."""
    subject = order.subject
    x: Array | Mapping[str, Array]
    if subject.bundle is not None:
        golden = subject.bundle.golden(subject.snn)
        x, origin = golden.inputs, subject.bundle.manifest.sample
    elif sample := subject.sample(samples=order.samples, seed=order.seed):
        x, origin = sample.x, sample.origin
    else:
        x, origin = draw_input(
            program, steps=program.contract.steps, samples=order.samples, density=order.density, seed=order.seed
        )
    if subject.exact:
        _check_domain(program, x)
    order.tell("recording the sample with the reference ...")
    return reference.run(program, x), origin


def _check_domain(program: Program, x: Array | Mapping[str, Array]) -> None:
    """Check that a sample is what the proof holds for: whole numbers within the declared domain."""
    for name in program.inputs:
        values, domain = np.asarray(x[name] if isinstance(x, Mapping) else x), program.domains[name]
        if domain.max is None or not domain.holds(values):
            raise UsageError(
                f"the sample is not {domain}, for which the proof would hold",
                where=name,
                why=f"its values go from {values.min():g} to {values.max():g}",
            )


def _verify(order: Order, artifact: Artifact, golden: Trace, origin: str) -> Verification:
    """Verify what was written, as it is read back."""
    backend, target = order.target.backend, order.target.name
    if backend in RUNTIMES:
        order.tell(f"running in {RUNTIMES[backend]} ...")
        rows = [verify_artifact(artifact.program, golden, artifact.path, backend=backend, target=target)]
    else:
        dialect = backend in SIMULATORS
        on = (backend,) if dialect else SIMULATORS
        graph = serde.read_graph(artifact.path) if dialect else None

        def progress(simulator: str, route: Importer) -> None:
            order.tell(f"running in {simulator}, importer {route} ...")

        rows = verify(artifact.program, golden, on=on, importers=order.importers, graph=graph, progress=progress)
    return verified(order.bundle, golden, rows, weights=order.subject.weights, sample=origin)


def _report(order: Order, artifact: Artifact, golden: Trace, verification: Verification, origin: str) -> Report:
    subject = order.subject
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
        accuracy=_accuracy(subject),
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
