"""``neurofer data build``: a data set of events from a source, resumable and in parallel; one command a source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from neurofer.cli import options
from neurofer.cli.data.options import Crop, Policy, Preset, Seed, Weights
from neurofer.cli.group import group
from neurofer.cli.outcome import Outcome, Ticker, doing, note

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.data.build import Manifest, Progress, Source

_SCHEMA = "neurofer.data.build/1"

Out = Annotated[Path, typer.Option(help="Folder to build into, or go on with.", show_default=False)]
Jobs = Annotated[int | None, typer.Option(min=1, help="Clips made at once.", show_default="one for each core")]
Engine = Annotated[Literal["processes", "ray"], typer.Option(help="What runs them.")]
LeaveOut = Annotated[bool, typer.Option("--leave-out", help="Finish without the clips that cannot be made.")]


def synthetic(
    out: Out,
    clips: Annotated[int, typer.Option(min=1, help="Clips; a multiple of 6 is balanced.")] = 600,
    size: Annotated[int, typer.Option(min=16, help="Width and height of the sensor.")] = 200,
    people: Annotated[
        int | None, typer.Option("--subjects", min=1, help="People.", show_default="one for every 12 clips")
    ] = None,
    frames: Annotated[int, typer.Option(min=2, help="Rendered frames of a clip.")] = 30,
    fps: Annotated[float, typer.Option(help="Rendered frames per second.")] = 30.0,
    movement: Annotated[float, typer.Option(min=0.0, help="How far heads move; 1: asked to hold still.")] = 1.0,
    preset: Preset = "spiking-fer",
    seed: Seed = 0,
    jobs: Jobs = None,
    engine: Engine = "processes",
    json: options.Json = False,
) -> Outcome:
    """Build a data set of drawn faces that show six expressions.

    The same options give the same bytes, whatever the number of jobs. Ctrl-C at any time: the same command goes on.
    """
    from neurofer.data.synthetic import source

    wanted = source(
        clips, seed=seed, subjects=people, size=size, frames=frames, fps=fps, movement=movement, params=preset
    )
    return _build(wanted, out, jobs, engine, leave_out=False)


def videos(
    folder: Annotated[Path, typer.Argument(help="Folder that holds the set, as its owners lay it out.")],
    out: Out,
    layout: Annotated[
        Literal["ckplus", "mmi", "adfes", "casia"],
        typer.Option(metavar="<set>", help="ckplus, mmi, adfes or casia.", show_default=False),
    ],
    size: Annotated[int, typer.Option(min=1, help="Width and height of the sensor.")] = 200,
    preset: Preset = "spiking-fer",
    fps: Annotated[
        float | None, typer.Option(help="Frames per second.", show_default="the file's, or the set's")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Length of each film shown.", show_default="all")] = None,
    provider: Annotated[
        Literal["opencv", "net68", "dlib", "none"],
        typer.Option(metavar="<name>", help="Of landmarks: opencv, net68, dlib; or none."),
    ] = "opencv",
    weights: Weights = None,
    crop: Crop = "face",
    policy: Policy = "refuse",
    camera: Annotated[Literal["VL", "NI"] | None, typer.Option(help="Camera of casia.", show_default="VL")] = None,
    light: Annotated[
        Literal["Strong", "Weak", "Dark"] | None, typer.Option(help="Light of casia.", show_default="Strong")
    ] = None,
    seed: Seed = 0,
    jobs: Jobs = None,
    engine: Engine = "processes",
    leave_out: LeaveOut = False,
    json: options.Json = False,
) -> Outcome:
    """Build a data set from CK+, MMI, ADFES or Oulu-CASIA.

    Clips of the six emotions are standardised and seen by a DVS; the manifest says what was left out, and why.
    Ctrl-C at any time: the same command goes on.
    """
    from neurofer.data import videosets

    showing = videosets.Showing(
        size=size,
        params=preset,
        seed=seed,
        fps=fps,
        seconds=seconds,
        provider=None if provider == "none" else provider,
        weights=None if weights is None else str(weights),
        crop=crop,
        policy=policy,
    )
    chosen = {name: value for name, value in (("camera", camera), ("light", light)) if value is not None}
    with doing(f"looking for clips in {folder}"):
        source = videosets.source(layout, folder, showing, **chosen)
    return _build(source, out, jobs, engine, leave_out=leave_out)


def _build(source: Source, out: Path, jobs: int | None, engine: Any, *, leave_out: bool) -> Outcome:
    from neurofer.data import build as room

    note(f"building {len(source.members):,} recordings of {source.size[0]} x {source.size[1]} pixels into {out}")
    try:
        manifest = room.build(
            source, out, jobs=jobs, engine=engine, leave_out=leave_out, progress=_teller(len(source.members))
        )
    except KeyboardInterrupt:
        note("stopped; the same command goes on from here")
        raise
    document = {
        "schema": _SCHEMA,
        "folder": str(out),
        "source": manifest.source,
        "classes": manifest.classes,
        "recordings": len(manifest.recordings),
        "events": sum(one.events for one in manifest.recordings),
        "subjects": len({one.subject for one in manifest.recordings}),
        "left_out": manifest.left_out,
        "failures": manifest.failures,
    }
    return Outcome(document, lambda console: _render(console, document, manifest))


def _teller(of: int) -> Callable[[Progress], None]:
    """Tell how far a build is; one that goes on says what was there."""
    ticker = Ticker("recordings", of)
    told = 0

    def tell(progress: Progress) -> None:
        nonlocal told
        ticker.add()
        if progress.done == of and progress.kept and not told:
            told = progress.kept
            note(f"  {progress.kept:,} of {of:,} recordings were there already")

    return tell


def _render(console: Console, document: dict[str, Any], manifest: Manifest) -> None:
    left = "".join(f", {count:,} {reason}" for reason, count in manifest.left_out.items())
    console.print(
        f"{document['folder']}: {document['recordings']:,} recordings, people: {document['subjects']:,}, "
        f"{document['events']:,} events, {len(manifest.classes)} classes{left}"
    )
    for failure in manifest.failures:
        console.print(f"left out: {failure.id}: {failure.why}")
    console.print(f"next: neurofer data check {document['folder']}, or neurofer data preview {document['folder']}")


def build() -> typer.Typer:
    """Return the group with a command for each source."""
    return group({"synthetic": synthetic, "videos": videos}, help="Build a data set of events, with a manifest.")
