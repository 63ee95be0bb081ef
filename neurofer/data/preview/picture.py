"""Pictures of sliced recordings: one row of frames for each, as a sheet or moving."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurofer.data.events.kernel import INSTALL
from neurofer.data.preview.paint import INK, PAPER, colour, curve, palette
from neurofer.data.preview.slices import Slices
from neurofer.errors import MissingPackageError, UsageError
from neurofer.files import replace_file

if TYPE_CHECKING:
    from PIL.Image import Image

_LETTERS = 12
_EDGE, _LINE, _CURVE = 10, 17, 90
_NARROWEST = 320
"""Pixels that the words need."""

_ACROSS = 6
"""Frames in a line of the sheet of one recording."""

_FASTEST, _SLOWEST = 4, 25
"""Hundredths of a second that a frame of a moving picture lasts."""


def sheet(rows: Sequence[Slices], path: Path, side: int) -> None:
    """Write the frames of each recording side by side, of a single one with the curve of its rates, as PNG.

    Args:
        rows: what is shown; all have the same number of frames.
        path: file to write.
        side: pixels of a frame's longer side.

    Raises:
        WriteError: it cannot be written.
    """
    lines = [line for slices in rows for line in _lines(slices, side, alone=len(rows) == 1)]
    width = max(line.width for line in lines)
    picture = _paper(width, sum(line.height for line in lines))
    top = 0
    for line in lines:
        picture.paste(line, (0, top))
        top += line.height
    replace_file(path, lambda draft: picture.save(draft, "PNG", optimize=True))


def animation(rows: Sequence[Slices], path: Path, side: int) -> None:
    """Write recordings side by side, moving, of a single one with the curve of its rates, as GIF.

    Time passes as it did in recordings of 2 to 12 seconds, if there are 48 frames; a frame lasts no less than 40 ms and
    no more than 250. Arguments and errors as of `sheet`.
    """
    frames = [_moment(rows, number, side) for number in range(len(rows[0].counts))]
    seconds = max(slices.seconds for slices in rows)
    pause = 10 * round(float(np.clip(100 * seconds / len(frames), _FASTEST, _SLOWEST)))  # GIF counts hundredths
    from PIL import Image

    colours = Image.new("P", (1, 1))
    colours.putpalette(palette())
    packed = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    replace_file(
        path,
        lambda draft: packed[0].save(
            draft, "GIF", save_all=True, append_images=packed[1:], duration=pause, loop=0, optimize=True
        ),
    )


def _lines(slices: Slices, side: int, *, alone: bool) -> list[Image]:
    """The lines of one recording: what it is, its frames, and the curve if it stands alone."""
    count = len(slices.counts)
    across = min(count, _ACROSS) if alone else count
    tiles = [_tile(slices, number, side, caption=True) for number in range(count)]
    width = across * (tiles[0].width + _EDGE) + _EDGE
    head = _paper(max(width, _NARROWEST), _LINE + _EDGE)
    sensor = f"{slices.size[0]} x {slices.size[1]}"
    text = f"{slices.title}   {sensor}   {int(slices.counts.sum()):,} events in {slices.seconds:.4g} s"
    _pen(head).text((_EDGE, _EDGE), text, fill=INK, font=_font())
    lines = [head]
    for start in range(0, count, across):
        line = _paper(width, tiles[0].height)
        for place, tile in enumerate(tiles[start : start + across]):
            line.paste(tile, (_EDGE + place * (tile.width + _EDGE), 0))
        lines.append(line)
    if alone:
        below = _paper(max(width, _NARROWEST), _CURVE + 2 * _LINE + _EDGE)
        box = (_EDGE, _LINE, below.width - _EDGE, _LINE + _CURVE)
        curve(_pen(below), slices, box, _font(), now=None)
        lines.append(below)
    return lines


def _moment(rows: Sequence[Slices], number: int, side: int) -> Image:
    """One frame of the moving picture."""
    tiles = [_tile(slices, number, side, caption=False) for slices in rows]
    across = min(len(tiles), 3)
    down = -(-len(tiles) // across)
    cell = max(tile.width for tile in tiles) + _EDGE, max(tile.height for tile in tiles) + _LINE + _EDGE
    width = max(across * cell[0] + _EDGE, _NARROWEST)
    picture = _paper(width, down * cell[1] + _EDGE + (_CURVE + 2 * _LINE if len(rows) == 1 else 0))
    pen, font = _pen(picture), _font()
    for place, (slices, tile) in enumerate(zip(rows, tiles, strict=True)):
        left, top = _EDGE + place % across * cell[0], _EDGE + place // across * cell[1]
        pen.text((left, top), slices.title, fill=INK, font=font)
        picture.paste(tile, (left, top + _LINE))
    if len(rows) == 1:
        top = down * cell[1] + _LINE
        now = (number + 1) / len(rows[0].counts)
        curve(pen, rows[0], (_EDGE, top, width - _EDGE, top + _CURVE), font, now=now)
    return picture


def _tile(slices: Slices, number: int, side: int, *, caption: bool) -> Image:
    """One frame, its pixels enlarged to squares as large as ``side`` lets them be."""
    from PIL import Image

    counts = slices.counts[number]
    factor = max(1, side // max(counts.shape[1:]))
    painted = colour(counts, slices.strongest).repeat(factor, 0).repeat(factor, 1)
    frame = Image.fromarray(painted)
    tile = _paper(frame.width + 2, frame.height + 2 + (_LINE if caption else 0))
    pen = _pen(tile)
    pen.rectangle((0, 0, frame.width + 1, frame.height + 1), outline=INK)
    tile.paste(frame, (1, 1))
    if caption:
        start, end = (slices.seconds * k / len(slices.counts) for k in (number, number + 1))
        text = f"{start:.3g} to {end:.3g} s: {int(counts.sum()):,}"
        pen.text((1, frame.height + 3), text, fill=INK, font=_font())
    return tile


def _paper(width: int, height: int) -> Image:
    from PIL import Image

    return Image.new("RGB", (width, height), PAPER)


def _pen(picture: Image) -> Any:
    from PIL import ImageDraw

    return ImageDraw.Draw(picture)


@cache
def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(_LETTERS)


WRITERS = {".png": sheet, ".gif": animation}


def draw(rows: Sequence[Slices], path: Path, side: int) -> None:
    """Write a sheet or a moving picture, by the file's suffix; arguments as of `sheet`.

    Raises:
        UsageError: another suffix.
        WriteError: the file cannot be written.
        MissingPackageError: Pillow is not installed.
    """
    if path.suffix.lower() not in WRITERS:
        raise UsageError("previews are .png or .gif", where=str(path), next_step="give the file such a name")
    if importlib.util.find_spec("PIL") is None:
        raise MissingPackageError("Pillow, which draws pictures, is not installed", next_step=INSTALL)
    WRITERS[path.suffix.lower()](rows, path, side)
