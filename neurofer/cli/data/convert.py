"""``neurofer data convert``: a recording into another format, a video into events, either into frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from neurofer.cli import options
from neurofer.cli.data.options import Columns, Fps, Preset, Seed, Size, Unit, parse_size
from neurofer.cli.outcome import Outcome, Ticker, doing, note
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.data.events import Events

_SCHEMA = "neurofer.data.convert/1"
_NEED_SIZE = {"aedat4"}


def convert(
    source: Annotated[Path, typer.Argument(help="Recording, video, or folder of frames.", show_default=False)],
    out: Annotated[
        Path, typer.Argument(help="File to write: .raw .dat .bin .aedat4 .h5 .npz .csv.", show_default=False)
    ],
    kind: Annotated[
        str | None,
        typer.Option("--format", help="Format of OUT: evt2, evt3, ... .", show_default="by suffix"),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Write T frames [T, 2, H, W] as .npz.", show_default="no")
    ] = None,
    by: Annotated[Literal["time", "count", "window"], typer.Option(help="What --frames have equal.")] = "time",
    counts: Annotated[bool, typer.Option("--counts", help="Count the events of --frames.")] = False,
    size: Size = None,
    preset: Preset = "spiking-fer",
    fps: Fps = None,
    crossfade: Annotated[int, typer.Option(min=1, help="N times as many frames, by a plain cross-fade.")] = 1,
    seed: Seed = 0,
    sort: Annotated[bool, typer.Option("--sort", help="Sort by time first (in memory).")] = False,
    zero: Annotated[bool, typer.Option("--from-zero", help="Let times begin at 0.")] = False,
    columns: Columns = None,
    unit: Unit = None,
    partial: Annotated[bool, typer.Option("--partial", help="Keep the good events of a damaged recording.")] = False,
    force: options.Force = False,
    json: options.Json = False,
) -> Outcome:
    """Convert a recording to another format, or a video to events.

    A video, or a folder of frames, is seen by a model of a DVS (v2e's), resized to --size.
    """
    from neurofer.data.events import write_events

    written = _refuse(out, kind, frames, by, counts=counts, force=force)
    asked = _Asked(parse_size(size), preset, fps, crossfade, seed, columns, unit)
    sensor, blocks = _events(source, asked)
    if sensor is None and (frames is not None or written in _NEED_SIZE):
        sensor = _measured(source, asked)
    blocks = _told(blocks, partial=partial)
    with doing(f"reading {source}"):
        if sort:
            blocks = [_sorted(_joined(blocks))]
        if zero:
            blocks = _from_zero(blocks)
        if frames is None:
            document = {"format": written, "events": write_events(out, blocks, kind=written, size=sensor)}
        else:
            document = _bin(_joined(blocks), out, frames, sensor or (1, 1), by, counts=counts)
    document = {
        "schema": _SCHEMA,
        "source": str(source),
        "out": str(out),
        "sensor": sensor,
        "bytes": out.stat().st_size,
        **document,
    }
    return Outcome(document, lambda console: _render(console, document))


@dataclass(frozen=True)
class _Asked:
    """How a source is to be read: a video by the first five, a recording by the size and the last two."""

    size: tuple[int, int] | None
    preset: str
    fps: float | None
    crossfade: int
    seed: int
    columns: str | None
    unit: Any


def _refuse(out: Path, kind: str | None, frames: int | None, by: str, *, counts: bool, force: bool) -> str:
    """Refuse what cannot be written before anything is read; return the format of a recording, empty for frames."""
    from neurofer.data.events.write import kind_of

    if out.exists() and not force:
        raise UsageError("this file exists already", where=str(out), next_step="give another name, or --force")
    if frames is None:
        if by != "time" or counts:
            raise UsageError("these belong to --frames", where="--by, --counts", next_step="add --frames T")
        return kind_of(out, kind)
    if kind is not None or out.suffix != ".npz":
        raise UsageError("frames are written as .npz", where=str(out), next_step="call it .npz and leave out --format")
    return ""


def _events(source: Path, asked: _Asked) -> tuple[tuple[int, int] | None, Iterable[Events]]:
    """The size of the sensor, if it is known, and the events in chunks."""
    from neurofer.data.kinds import kind_of

    kind = kind_of(source)
    if kind == "video":
        from neurofer.data.filmed import film

        filmed = film(
            source, fps=asked.fps, size=asked.size, params=asked.preset, seed=asked.seed, crossfade=asked.crossfade
        )
        return filmed.size, filmed.blocks
    if kind != "recording":
        one = f"{source}/recordings/ID.npz" if kind == "dataset" else "a recording, a video or a folder of frames"
        raise UsageError("this holds no events to convert", where=str(source), next_step=f"give {one}")
    from neurofer.data.events import sensor_of, stream_events

    size = asked.size or (None if asked.columns else sensor_of(source))
    return size, stream_events(source, columns=asked.columns, unit=asked.unit)


def _measured(source: Path, asked: _Asked) -> tuple[int, int]:
    """The extent of the events, by reading all of them."""
    from neurofer.data.events import describe_events

    with doing(f"measuring {source}"):
        width, height = describe_events(source, columns=asked.columns, unit=asked.unit).extent
    note(f"the sensor is taken for {width} x {height}, where events lie; --size tells otherwise")
    return width, height


def _told(blocks: Iterable[Events], *, partial: bool) -> Iterator[Events]:
    """The same events, counted; those before a damage are all that is asked for if they may be partial."""
    from neurofer.data.events import RecordingError

    ticker = Ticker("events")
    try:
        for block in blocks:
            yield block
            ticker.add(len(block))
    except RecordingError as error:
        if not (partial and error.good):
            raise
        note(error.in_one_line())


def _joined(blocks: Iterable[Events]) -> Events:
    import numpy as np

    from neurofer.data.events import DTYPE

    found = list(blocks)
    events: Events = np.concatenate(found) if found else np.empty(0, DTYPE)
    return events


def _sorted(events: Events) -> Events:
    import numpy as np

    return events[np.argsort(events["t"], kind="stable")]


def _from_zero(blocks: Iterable[Events]) -> Iterator[Events]:
    first: int | None = None
    for block in blocks:
        if len(block):
            first = int(block["t"][0]) if first is None else first
            if block["t"].min() < first:
                raise UsageError("times fall below the first one", where="--from-zero", next_step="add --sort")
            shifted = block.copy()
            shifted["t"] -= first
            yield shifted


def _bin(events: Events, out: Path, frames: int, sensor: tuple[int, int], by: Any, *, counts: bool) -> dict[str, Any]:
    import numpy as np

    from neurofer.data.events import bin_edges, bin_events
    from neurofer.files import replace_file

    binned = bin_events(events, frames, (sensor[1], sensor[0]), by=by, counts=counts)
    edges = bin_edges(events, frames, by=by)

    def write(draft: str) -> None:
        with Path(draft).open("wb") as file:
            np.savez_compressed(file, x=binned, edges=edges)

    replace_file(out, write)
    return {"format": "frames", "events": len(events), "shape": list(binned.shape), "by": by}


def _render(console: Console, document: dict[str, Any]) -> None:
    sensor = f" of a {' x '.join(map(str, document['sensor']))} sensor" if document["sensor"] else ""
    shape = f" in frames {document['shape']}" if "shape" in document else ""
    console.print(
        f"{document['out']}: {document['format']}, {document['events']:,} events{sensor}{shape}, "
        f"{document['bytes']:,} bytes"
    )
    following = "data info" if "shape" not in document else "run NETWORK"
    console.print(f"next: neurofer {following} {document['out']}")
