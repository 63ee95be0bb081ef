"""Writing the formats with the same number of bytes for each event: DAT, and the binary files of N-MNIST."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurofer.data.events.decoder import Events
from neurofer.data.events.encoder import Encoder, head

_LAP = 1 << 32
_CONTRAST = 12


def write_dat(path: Path, blocks: Iterator[Events], size: tuple[int, int] | None) -> None:
    """Write DAT, version 2: 32 bits of time; 14 of x, 14 of y, then the polarity."""
    first = next(blocks, None)
    lines = ["Data file containing CD events.", "Version 2"]
    lines += [f"Height {size[1]}", f"Width {size[0]}"] if size else []
    text, passed = head(0 if first is None else int(first["t"][0]), _LAP, lines)
    with path.open("wb") as file:
        file.write(text + bytes([_CONTRAST, 8]))
        for events in itertools.chain([] if first is None else [first], blocks):
            x, y, p = (events[key].astype(np.uint32) for key in "xyp")
            records = np.stack([((events["t"] - passed) % _LAP).astype(np.uint32), x | (y << 14) | (p << 28)], axis=1)
            file.write(records.astype("<u4").tobytes())


def write_nmnist(path: Path, blocks: Iterator[Events]) -> None:
    """Write 5 bytes for each event: x, y, then one bit of polarity and 23 of time."""
    with path.open("wb") as file:
        for events in blocks:
            stamp = (events["p"].astype(np.int64) << 23) | events["t"]
            columns = (events["x"], events["y"], stamp >> 16, (stamp >> 8) & 0xFF, stamp & 0xFF)
            file.write(np.stack([column.astype(np.uint8) for column in columns], axis=1).tobytes())


DAT_ENCODER = Encoder("dat", ".dat", write_dat, width=1 << 14, height=1 << 14, longest=1 << 62, pause=_LAP // 2 - 1)
"""Half a lap may pass: from then on readers cannot tell a pause from a time that ran over."""

NMNIST_ENCODER = Encoder(
    "nmnist", ".bin", lambda path, blocks, _: write_nmnist(path, blocks), width=256, height=240, longest=1 << 23
)
"""Row 240 marks in N-MNIST that time has run over, which makes readers add 8 ms; no recording of it is so long."""
