"""``neurofer data faces``: the face of a video turned, cropped, gray and of one size, ready for a DVS model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from neurofer.cli import options
from neurofer.cli.data.options import Crop, Fps, Policy, Weights
from neurofer.cli.outcome import Outcome, Ticker, doing
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.data.faces import Standardised
    from neurofer.data.video import Video

_SCHEMA = "neurofer.data.faces/1"
_REPORT = "report.json"


def faces(
    source: Annotated[Path, typer.Argument(help="Video, or folder of frames.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write PNGs to, or .npz.", show_default=False)],
    provider: Annotated[
        Literal["opencv", "net68", "dlib"], typer.Option(help="What finds the landmarks; opencv only finds eyes.")
    ] = "opencv",
    weights: Weights = None,
    crop: Crop = "as-written",
    policy: Policy = "refuse",
    level: Annotated[bool, typer.Option("--level", help="Turn the eyes of the first frame level.")] = False,
    size: Annotated[int, typer.Option(min=1, max=4096, help="Height and width of the pictures.")] = 200,
    fps: Fps = None,
    force: options.Force = False,
    json: options.Json = False,
) -> Outcome:
    """Standardise the face of a video: upright, cropped and gray.

    Each frame is turned to the first, and cropped around the nose.

    As the authors of Spiking-FER describe, 200 x 200. Frames without one upright face are told, all at once, and
    nothing is written unless --policy says what becomes of them.
    """
    from neurofer.data.faces import named_provider, standardise
    from neurofer.data.video import open_video
    from neurofer.report.bundle import check_free

    alone = out.suffix == ".npz"
    if not alone:
        check_free(out, force=force, mark=_REPORT)
    elif out.exists() and not force:
        raise UsageError("this file exists already", where=str(out), next_step="give another name, or --force")
    finder = named_provider(provider, weights)
    video = open_video(source, fps=fps)
    try:
        with doing(f"finding faces in {source}"):
            found = standardise(_told(video), provider=finder, crop=crop, policy=policy, level=level, size=size)
    except UsageError as error:
        error.locate(str(source))
        raise
    document = _document(video, found, out, crop)
    if alone:
        _write_arrays(out, found, video.fps)
    else:
        _write_pictures(out, found, document, force=force)
    return Outcome(document, lambda console: _render(console, document))


def _told(video: Video) -> Iterator[Any]:
    ticker = Ticker("frames", video.count)
    for frame in video.frames():
        yield frame
        ticker.add()


def _document(video: Video, found: Standardised, out: Path, crop: str) -> dict[str, Any]:
    report = found.report
    return {
        "schema": _SCHEMA,
        "source": str(video.path),
        "out": str(out),
        "fps": video.fps,
        "provider": report.provider,
        "crop": {"name": crop, **asdict(report.crop)},
        "policy": report.policy,
        "size": found.frames.shape[1],
        "frames": report.count,
        "pictures": len(found.frames),
        "visible_landmarks": report.visible,
        "faults": [{"frame": fault.frame, "reason": fault.reason.value} for fault in report.faults],
        "placements": [
            {"frame": int(number), **asdict(placement)}
            for number, placement in zip(found.numbers, report.placements, strict=True)
        ],
    }


def _write_arrays(out: Path, found: Standardised, fps: float | None) -> None:
    import numpy as np

    from neurofer.files import replace_file

    arrays: dict[str, Any] = {"frames": found.frames, "numbers": found.numbers}
    if fps is not None:
        arrays["fps"] = np.float64(fps)

    def write(draft: str) -> None:
        with Path(draft).open("wb") as file:
            np.savez_compressed(file, **arrays)

    replace_file(out, write)


def _write_pictures(out: Path, found: Standardised, document: dict[str, Any], *, force: bool) -> None:
    """One PNG for each picture, named by the number of its frame, and the report beside them."""
    import cv2
    import msgspec

    from neurofer.files import write_file
    from neurofer.report.bundle import publish

    with publish(out, force=force, mark=_REPORT) as folder:
        for number, picture in zip(found.numbers, found.frames, strict=True):
            write_file(folder / f"frame_{number:06d}.png", cv2.imencode(".png", picture)[1].tobytes())
        write_file(folder / _REPORT, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _render(console: Console, document: dict[str, Any]) -> None:
    crop, side = document["crop"], document["size"]
    console.print(
        f"{document['out']}: {document['pictures']} pictures of {side} x {side} from {document['frames']} frames of "
        f"{document['source']}"
    )
    console.print(_table(document))
    if document["visible_landmarks"] < 0.5:
        console.print(
            f"note: the crop '{crop['name']}' holds {document['visible_landmarks']:.0%} of the landmarks"
            + ("; --crop face holds the face" if crop["name"] != "face" else "")
        )
    if not document["out"].endswith(".npz"):
        console.print(f"next: neurofer data convert {document['out']} OUT.npz --fps {document['fps'] or 30:g}")


def _table(document: dict[str, Any]) -> Any:
    from rich.table import Table

    from neurofer.data.faces.face import Fault, Reason, as_problems

    crop, placements = document["crop"], document["placements"]
    table = Table(box=None, pad_edge=False, show_header=False)
    lengths = f"{crop['width']:.3g} eye distances by {crop['height']:.3g} nose lengths"
    measured = "each frame" if crop["lengths"] == "each" else "the first frame"
    turns = [math.degrees(placement["angle"]) for placement in placements]
    moves = [math.hypot(at["x"] - placements[0]["x"], at["y"] - placements[0]["y"]) for at in placements]
    table.add_row("landmarks", document["provider"])
    table.add_row("crop", f"{crop['name']}: {lengths}, measured in {measured}")
    table.add_row("in the first frame", f"{placements[0]['width']:.1f} x {placements[0]['height']:.1f} pixels")
    table.add_row("turned by", f"{min(turns):.1f} to {max(turns):.1f} degrees, clockwise")
    table.add_row("moved by", f"up to {max(moves):.1f} pixels")
    done = {"refuse": "", "skip": "left out", "hold": "placed as the frame before"}[document["policy"]]
    for problem in as_problems(Fault(fault["frame"], Reason(fault["reason"])) for fault in document["faults"]):
        table.add_row(problem.where, f"{problem.why}, {done}")
    return table
