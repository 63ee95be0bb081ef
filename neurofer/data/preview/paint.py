"""Colours of events, and the curve of their rates. ON is orange and OFF is blue, as Okabe and Ito (2008) chose them.

People with any of the common colour deficiencies tell the two apart, and so does a grey print: ON is the lighter one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

    from neurofer.data.preview.slices import Slices

OFF, ON = (0, 114, 178), (230, 159, 0)
PAPER, INK, GRID = (255, 255, 255), (40, 40, 40), (215, 215, 215)
_FAINTEST = 0.45
"""How much of its colour the fewest events get: a single one must be seen."""


def colour(counts: NDArray[np.int64], strongest: float) -> NDArray[np.uint8]:
    """Paint counts of events, OFF before ON, [2, H, W], on white: RGB [H, W, 3].

    A place takes the mean of both colours by its events, the stronger the more there are, up to ``strongest``.
    """
    total = counts.sum(0)
    share = counts[1] / np.maximum(total, 1)
    strength = np.where(total > 0, _FAINTEST + (1 - _FAINTEST) * np.minimum(total / strongest, 1), 0)
    ink = np.asarray(OFF) + share[..., None] * (np.asarray(ON) - np.asarray(OFF))
    painted: NDArray[np.uint8] = np.rint(PAPER + strength[..., None] * (ink - PAPER)).astype(np.uint8)
    return painted


def palette() -> list[int]:
    """256 colours, R, G, B after each other: mixtures of both colours of all strengths, and greys for ink."""
    shares, strengths = np.meshgrid(np.linspace(0, 1, 12), np.linspace(0.2, 1, 20), indexing="ij")
    ink = np.asarray(OFF) + shares[..., None] * (np.asarray(ON) - np.asarray(OFF))
    mixtures = (PAPER + strengths[..., None] * (ink - PAPER)).reshape(-1, 3)
    greys = np.linspace(INK, PAPER, 16)
    found: list[int] = np.rint(np.concatenate([mixtures, greys])).astype(int).ravel().tolist()
    return found


def curve(pen: ImageDraw, slices: Slices, box: tuple[int, int, int, int], font: Any, *, now: float | None) -> None:
    """Draw the rates of ON and OFF events over time into a box (left, top, right, bottom).

    Args:
        pen: draws on the picture.
        slices: whose rates.
        box: in pixels.
        font: of the numbers.
        now: share of the time that has passed, marked by a line; None: the slices are marked.
    """
    left, top, right, bottom = box
    peak = float(slices.rates.max())
    usual = float(np.quantile(slices.rates, 0.98))
    most = nice(usual if 0 < usual < peak / 4 else peak)  # a short burst would leave of the rest a flat line
    frames = len(slices.counts)
    for k in range(frames + 1) if now is None else ():
        x = left + (right - left) * k / frames
        pen.line([(x, top), (x, bottom)], fill=GRID)
    for rates, ink in zip(slices.rates, (OFF, ON), strict=True):
        across = np.linspace(left, right, len(rates)).tolist()
        down = (bottom - (bottom - top) * np.minimum(rates / most, 1)).tolist()
        pen.line(list(zip(across, down, strict=True)), fill=ink, width=2)
    if now is not None:
        x = left + (right - left) * now
        pen.line([(x, top), (x, bottom)], fill=INK)
    pen.line([(left, top), (left, bottom), (right, bottom)], fill=INK)
    told = f"{short(most)} events/s" + (f", peak {short(peak)}" if peak > most else "")
    pen.text((left + 4, top - 2), told, fill=INK, font=font)
    pen.text((left, bottom + 3), "0 s", fill=INK, font=font)
    pen.text((right, bottom + 3), f"{slices.seconds:.4g} s", fill=INK, font=font, anchor="ra")
    for place, (name, ink) in enumerate((("ON", ON), ("OFF", OFF))):
        pen.text((right - 40 * place - 2, top - 2), name, fill=ink, font=font, anchor="ra")


def nice(value: float) -> float:
    """The next number up of 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(power * step for step in (1, 2, 5, 10) if power * step >= value))


def short(value: float) -> str:
    """A number to two digits in as few letters as may be: 1 M, 250 k, 30."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{float(f'{value / unit:.2g}'):g}{name}"
    return f"{float(f'{value:.2g}'):g}"
