"""``neurofer verify``: is what a target runs still the same network, spike by spike?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurofer.cli import options
from neurofer.cli.check import DENSITY, Importers, check, parse_targets, show
from neurofer.cli.outcome import Outcome, doing, note
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.ir import Program, Trace
    from neurofer.report.bundle import Bundle
    from neurofer.report.subject import Subject
    from neurofer.verify import Verification

Samples = Annotated[int | None, typer.Option(min=1, help="Samples to record or draw.", show_default="1")]
Seed = Annotated[
    int | None, typer.Option(min=0, help="Seed of drawn input and of a recipe's weights.", show_default="0")
]


def verify(
    artifact: options.Network,
    on: Annotated[
        str | None,
        typer.Option(
            help="Of norse,snntorch,spikingjelly,sinabs,nest,brian2,spyx,rockpool,c,onnx.", show_default="the target's"
        ),
    ] = None,
    importer: Annotated[Importers, typer.Option(help="Ours, the simulator's own, or both.")] = "both",
    input: Annotated[  # noqa: A002 - the option's name
        Path | None, typer.Option(help="Input: array (.npy, .npz), picture or event recording.", show_default=False)
    ] = None,
    density: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Draw Bernoulli spikes.", show_default=str(DENSITY))
    ] = None,
    steps: options.Steps = None,
    samples: Samples = None,
    seed: Seed = None,
    dt: options.Dt = None,
    scheme: options.Scheme = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail where a simulator is not installed.")] = False,
    json: options.Json = False,
) -> Outcome:
    """Run a network in simulators and compare every spike.

    What it is compared with is the float64 reference.
    A bundle brings its recorded sample; a recipe or checkpoint takes samples of its data; other input is drawn.
    Exit code: 1 DIVERGENT or SILENT, 2 REFUSED, 3 wrong call or input, 4 not installed; only rows of our importer
    count, unless --importer stock.
    """
    from neurofer.backends.registry import SIMULATORS
    from neurofer.verify import exit_code, verified

    named = parse_targets(on)
    drawing = {"--input": input, "--density": density, "--samples": samples}
    if Path(artifact).is_dir():
        given = {**drawing, "--steps": steps, "--dt": dt, "--scheme": scheme, "--seed": seed}
        _refuse_drawing(artifact, given)
        verification, emitted = verify_bundle(artifact, named, importer)
    else:
        from neurofer.cli.network import resolve

        subject = resolve(artifact, steps=steps, dt=dt, scheme=scheme, weights_seed=seed or 0)
        program, golden, origin = _record(subject, input, density, 1 if samples is None else samples, seed or 0)
        rows = check(program, golden, on=named or SIMULATORS, importer=importer, graph=subject.graph)
        verification = verified(subject.name, golden, rows, weights=subject.weights, sample=origin)
        emitted = subject.graph is None and not subject.baseline
    only = "stock" if all(row.importer == "stock" for row in verification.targets) else importer
    code = exit_code(verification.targets, importer=only, named=named is not None, strict=strict)
    return Outcome(verification, lambda console: _render(console, verification, code, emitted=emitted), code)


def _refuse_drawing(artifact: str, options: dict[str, Any]) -> None:
    if given := [name for name, value in options.items() if value is not None]:
        raise UsageError(
            f"a bundle brings its own sample and does not take {', '.join(given)}",
            where=artifact,
            next_step="leave it out, or verify the .nir file inside",
        )


def verify_bundle(artifact: str, named: tuple[str, ...] | None, importer: Importers) -> tuple[Verification, bool]:
    """Verify a bundle from what it holds, after checking its hashes; also whether stock importers read another form."""
    from neurofer.backends.registry import RUNTIMES, SIMULATORS
    from neurofer.ir import serde
    from neurofer.report.bundle import open_bundle
    from neurofer.verify import verified

    bundle = open_bundle(artifact)
    if bundle.manifest.backend in RUNTIMES:
        return _verify_artifact(artifact, bundle, named), False
    program = bundle.program()
    golden = bundle.golden(program)
    dialect = bundle.manifest.backend in SIMULATORS
    on = named or ((bundle.manifest.backend,) if dialect else SIMULATORS)
    manifest = bundle.manifest
    graph = serde.read_graph(bundle.artifact) if dialect else None
    rows = check(program, golden, on=on, importer=importer, graph=graph)
    return verified(artifact, golden, rows, weights=manifest.weights, sample=manifest.sample), not dialect


def _verify_artifact(artifact: str, bundle: Bundle, named: tuple[str, ...] | None) -> Verification:
    """Verify a bundle for a runtime: what lies in it is run as it is."""
    from neurofer.backends.registry import RUNTIMES
    from neurofer.verify import verified, verify_artifact

    manifest = bundle.manifest
    place = RUNTIMES[manifest.backend]
    if named:
        raise UsageError(f"this bundle runs in {place} alone", where=artifact, next_step="leave out --on")
    program = bundle.program()
    golden = bundle.golden(program)
    note(f"running in {place} ...")
    rows = [verify_artifact(program, golden, bundle.artifact, backend=manifest.backend, target=manifest.target)]
    return verified(artifact, golden, rows, weights=manifest.weights, sample=manifest.sample)


def _record(
    subject: Subject, path: Path | None, density: float | None, samples: int, seed: int
) -> tuple[Program, Trace, str]:
    """Run the reference on the input that was asked for."""
    from neurofer.backends import reference
    from neurofer.data.draw import draw_input
    from neurofer.data.given import read_given

    program = subject.lowered
    x: Any
    if path is not None:
        given = read_given(path, program, binning=subject.binning, seed=seed)
        x, origin = given.x, given.origin
    elif density is None and (sample := subject.sample(samples=samples, seed=seed)):
        x, origin = sample.x, sample.origin
    else:
        chosen = DENSITY if density is None else density
        x, origin = draw_input(program, steps=program.contract.steps, samples=samples, density=chosen, seed=seed)
    with doing("running the reference"):
        return program, reference.run(program, x), origin


def _render(console: Console, verification: Verification, code: int, *, emitted: bool) -> None:
    show(console, verification, emitted=emitted)
    words = {row.verdict for row in verification.targets}
    if "SILENT" in words:
        console.print(f"next: neurofer verify {verification.artifact} --density 0.5, or --input with data that spike")
    elif "NOT_RUN" in words:
        console.print("next: neurofer doctor")
    elif "DIVERGENT" in words or "REFUSED" in words:
        console.print(f"next: neurofer inspect {verification.artifact}")
    elif not code and not Path(verification.artifact).is_dir():
        console.print(f"next: neurofer export {verification.artifact} --to nir")
