"""The options that several sub-commands share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from neurofer.errors import UsageError

Labels = Annotated[
    Literal["fer2013", "ferplus", "ferplus-majority"], typer.Option(help="Whose labels of FER2013's images.")
]
Fps = Annotated[float | None, typer.Option(help="Frames per second.", show_default="what the file says")]
Size = Annotated[
    str | None,
    typer.Option(metavar="N or WxH", help="Width and height of the sensor.", show_default="what the data says"),
]
Preset = Annotated[
    str, typer.Option(help="DVS pixel that sees a video: spiking-fer, clean, noisy, v2e, v2e-class, ideal or esim.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Unit = Annotated[
    Literal["s", "ms", "us", "ns"] | None,
    typer.Option(help="Unit of the times in text, HDF5 and NPZ.", show_default="us for whole numbers, else s"),
]
Columns = Annotated[
    str | None, typer.Option(help="Columns of text without names, such as txyp.", show_default="the file's names")
]
Weights = Annotated[Path | None, typer.Option(help="File that net68 or dlib reads.", show_default="none")]
Crop = Annotated[Literal["as-written", "face"], typer.Option(help="The authors' is the nose.")]
Policy = Annotated[Literal["refuse", "skip", "hold"], typer.Option(help="For frames without a face.")]


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Return the width and height that ``--size`` gives; one number stands for both.

    Raises:
        UsageError: it is no size.
    """
    if text is None:
        return None
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and 0 < int(side[:6]) < 1 << 15 for side in sides):
        raise UsageError(f"{text!r} is no size", where="--size", next_step="give one such as 200 or 640x480")
    return int(sides[0]), int(sides[-1])
