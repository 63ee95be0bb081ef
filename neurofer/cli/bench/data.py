"""The suite ``data``: events to frames and frames to events, against plain numpy and, where it is installed, tonic."""

from __future__ import annotations

from collections.abc import Iterator

from neurofer.cli.bench.binning import binning
from neurofer.cli.bench.converting import converting
from neurofer.cli.bench.measure import Asked, Row


def rows(asked: Asked) -> Iterator[Row]:
    """Yield the rows of binning and of the DVS model."""
    yield from binning(asked.rounds, asked.small)
    yield from converting(asked.rounds, asked.small)
