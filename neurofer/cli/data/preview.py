"""``neurofer data preview``: events over time as a picture to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurofer.cli import options
from neurofer.cli.data.options import Fps, Preset, Seed, Size, parse_size
from neurofer.cli.outcome import Outcome, Ticker, doing
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from neurofer.data.preview import Slices

_SCHEMA = "neurofer.data.preview/1"
_STILL, _MOVING = 6, 48
_MOST = 1 << 26
"""Pixels of all frames of a recording; a gigabyte while they are counted."""


def preview(
    data: Annotated[Path, typer.Argument(help="Recording, video, or folder that data build made.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write: .png or .gif.", show_default="DATA.png, here")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Frames.", show_default=f"{_STILL}; of a .gif {_MOVING}")
    ] = None,
    side: Annotated[int, typer.Option(min=16, max=2000, help="Pixels of a frame's longer side.")] = 240,
    member: Annotated[
        str | None, typer.Option(help="Recording of a data set, by its id.", show_default="the first of each class")
    ] = None,
    size: Size = None,
    preset: Preset = "spiking-fer",
    fps: Fps = None,
    seed: Seed = 0,
    force: options.Force = False,
    json: options.Json = False,
) -> Outcome:
    """Draw events over time as a picture.

    Orange is ON, blue is OFF.

    A .png holds frames of equal time and the rate of events; a .gif moves. A video is seen by a DVS first.
    """
    from neurofer.data.preview import draw

    path = out or Path(f"{data.resolve().stem}.png")
    if path.suffix.lower() not in {".png", ".gif"}:
        raise UsageError("previews are .png or .gif", where=str(path), next_step="give the file such a name")
    if path.exists() and not force:
        raise UsageError("this file exists already", where=str(path), next_step="give another name, or --force")
    count = frames or (_MOVING if path.suffix.lower() == ".gif" else _STILL)
    if count * side * side > _MOST:
        raise UsageError(
            f"{count} frames of {side} x {side} pixels are too large a picture",
            where="--frames, --side",
            next_step=f"ask for at most {_MOST // side**2} frames of that size, or a smaller one",
        )
    with doing(f"reading {data}"):
        rows = _rows(data, count, side, member, (parse_size(size), preset, fps, seed))
    draw(rows, path, side)
    document = {
        "schema": _SCHEMA,
        "source": str(data),
        "out": str(path),
        "frames": count,
        "shown": [{"title": row.title, "events": int(row.counts.sum()), "seconds": row.seconds} for row in rows],
        "bytes": path.stat().st_size,
    }
    return Outcome(document, lambda console: console.print(f"preview: {path}"))


def _rows(data: Path, frames: int, side: int, member: str | None, seen: tuple[Any, ...]) -> list[Slices]:
    """What is shown: one row for each recording."""
    from neurofer.data.kinds import kind_of
    from neurofer.data.preview import slice_recording

    kind = kind_of(data)
    if member is not None and kind != "dataset":
        raise UsageError("only a data set has members", where="--member", next_step="leave it out")
    if kind == "dataset":
        sensor, chosen = _members(data, member)
        return [slice_recording(path, frames, side, title=title, size=sensor) for title, path in chosen]
    if kind == "video":
        return [_video(data, frames, side, *seen)]
    if kind != "recording":
        raise UsageError(f"this is of kind {kind}, which holds no events", where=str(data))
    return [slice_recording(data, frames, side, size=seen[0])]


def _members(folder: Path, member: str | None) -> tuple[tuple[int, int], list[tuple[str, Path]]]:
    """The sensor's size; titles and files of the asked member, or of the first of each class."""
    from neurofer.data.build import read_manifest

    manifest = read_manifest(folder)
    made = [one for one in manifest.recordings if one.events]
    if member is not None:
        found = [one for one in manifest.recordings if one.id == member]
        if not found:
            some = ", ".join(one.id for one in manifest.recordings[:3])
            raise UsageError(f"there is no member '{member}'", where=str(folder), next_step=f"ids are {some}, ...")
    else:
        firsts = {one.label: one for one in reversed(made)}
        found = [firsts[label] for label in sorted(firsts)]
    if not found:
        raise UsageError("there are no recordings with events to show", where=str(folder))
    return manifest.size, [(f"{manifest.classes[one.label]} ({one.id})", folder / one.file) for one in found]


def _video(
    path: Path, frames: int, side: int, size: tuple[int, int] | None, preset: str, fps: float | None, seed: int
) -> Slices:
    from neurofer.data.filmed import film
    from neurofer.data.preview import slice_events

    filmed = film(path, fps=fps, size=size, params=preset, seed=seed)
    ticker, blocks = Ticker("frames"), []
    for block in filmed.blocks:
        ticker.add()
        if len(block):
            blocks.append(block)
    if not blocks:
        raise UsageError("nothing changes in this video, there are no events to show", where=str(path))
    span = int(blocks[0]["t"][0]), int(blocks[-1]["t"][-1])
    return slice_events(blocks, frames, side, size=filmed.size, span=span, title=path.name)
