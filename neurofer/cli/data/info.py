"""``neurofer data info``: what a recording, a video or a data set holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurofer.cli import options
from neurofer.cli.data.options import Fps, Labels
from neurofer.cli.outcome import Outcome, doing
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.data.describe import Described, LabelledInfo, RecordingInfo, VideoInfo


def info(
    data: Annotated[
        str, typer.Argument(help="Recording, video, folder, FER2013, or the name of a recipe.", show_default=False)
    ],
    labels: Labels = "fer2013",
    fps: Fps = None,
    json: options.Json = False,
) -> Outcome:
    """Show what data holds.

    A recording: format, sensor, events, times and rate. A data set: its classes by part, people, and samples that are
    exact copies of others.
    """
    from neurofer.data.describe import describe

    path = Path(data)
    with doing(f"reading {data}"):
        named = not path.exists() and not path.suffix and len(path.parts) == 1
        found = _named(data) if named else describe(path, labels=labels, fps=fps)
    return Outcome(found, lambda console: render(console, found, fps))


def _named(name: str) -> LabelledInfo:
    from neurofer import data as room
    from neurofer.data.describe import describe_parts
    from neurofer.train.recipe import load_recipe

    recipe = load_recipe(name)
    steps = recipe.contract.steps if recipe.contract.encoder == "events" else None
    try:
        found = room.load(recipe.data, frames=steps)
    except UsageError as error:
        raise UsageError(error.what, where=name, next_step="give the path of the data itself") from error
    return describe_parts(name, found)


def render(console: Console, found: Described, fps: float | None = None) -> None:
    """Show a description; fps is what the user said of a video."""
    from neurofer.data.describe import LabelledInfo, RecordingInfo, VideoInfo

    if isinstance(found, RecordingInfo):
        _render_recording(console, found)
    elif isinstance(found, VideoInfo):
        _render_video(console, found, fps)
    elif isinstance(found, LabelledInfo):
        render_classes(console, found)


def _facts(console: Console, title: str, facts: dict[str, str]) -> None:
    console.print(title)
    for name, value in facts.items():
        if value:
            console.print(f"  {name:<10} {value}")


def _render_recording(console: Console, found: RecordingInfo) -> None:
    from neurofer.data.events import FORMATS

    sensor = "the file does not say" if found.sensor is None else f"{found.sensor[0]} x {found.sensor[1]}"
    rate = "" if found.events_per_second is None else f"{found.events_per_second:,.0f} events/s"
    share = f"{found.on_share:.1%}" if found.on_share is not None else "no polarities, but colours" * (found.events > 0)
    facts = {
        "format": FORMATS[found.format].title,
        "sensor": f"{sensor}; events lie within {found.extent[0]} x {found.extent[1]}",
        "events": f"{found.events:,}",
        "ON": share,
        "time": f"{found.first_us:,} to {found.last_us:,} us, {(found.last_us - found.first_us) / 1e6:.6g} s",
        "rate": rate,
        "order": "times never fall" if found.rising else "times fall: sort them with neurofer data convert --sort",
        "damage": found.damage,
    }
    _facts(console, found.path, facts)
    if found.on_share is not None:
        console.print(f"next: neurofer data preview {found.path}")


def _render_video(console: Console, found: VideoInfo, asked: float | None) -> None:
    rate = "nothing tells how many frames a second has" if found.fps is None else f"{found.fps:g} frames/s"
    facts = {
        "frames": "not announced" if found.frames is None else f"{found.frames:,}",
        "size": f"{found.size[0]} x {found.size[1]}",
        "rate": rate,
        "time": f"{found.frames / found.fps:.4g} s" if found.frames and found.fps else "",
    }
    _facts(console, found.path, facts)
    told = "" if found.fps and not asked else f" --fps {asked or 30:g}"
    console.print(f"next: neurofer data convert {found.path} OUT.npz{told}")


def render_classes(console: Console, found: LabelledInfo) -> None:
    """Show the table of classes, and what is known of all samples."""
    from rich.table import Table

    shape = f", each {' x '.join(map(str, found.shape))}" if found.shape else ""
    console.print(f"{found.path}: {found.name}, {found.samples:,} samples{shape}")
    parts = list(next(iter(found.classes.values()), {}))
    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    for part in parts:
        table.add_column(part, justify="right")
    if len(parts) > 1:
        table.add_column("sum", justify="right")
    for name, counts in (*found.classes.items(), ("sum", _sums(found))):
        cells = [f"{counts[part]:,}" for part in parts]
        table.add_row(name, *cells, *([f"{sum(counts.values()):,}"] if len(parts) > 1 else []))
    console.print(table)
    facts = {
        "people": "" if found.subjects is None else f"{found.subjects:,}",
        "events": "" if found.events is None else f"{found.events:,} in {found.seconds or 0:,.1f} s",
        "left out": ", ".join(f"{count:,} {reason}" for reason, count in found.left_out.items()),
        "built with": ", ".join(f"{key} {value}" for key, value in found.parameters.items() if _is_plain(value)),
        "copies": ", ".join(f"{count:,} {where}" for where, count in found.copies.items() if count) or "none",
    }
    for name, value in facts.items():
        if value:
            console.print(f"{name:<10} {value}")


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float))


def _sums(found: LabelledInfo) -> dict[str, int]:
    parts = next(iter(found.classes.values()), {})
    return {part: sum(counts[part] for counts in found.classes.values()) for part in parts}
