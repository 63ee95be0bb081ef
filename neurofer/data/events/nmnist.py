"""The binary files of N-MNIST and N-Caltech101: 5 bytes for each event, nothing else.

Orchard et al., "Converting static image datasets to spiking neuromorphic datasets using saccades" (2015): x, y, then
one bit of polarity and 23 of time, most significant first. A row of 240 marks that 2**13 us have passed unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.decoder import Decoded, Events, Format, pack
from neurofer.data.events.words import decode_records

_RECORD = np.dtype(("u1", (5,)))
_OVERFLOW, _PASSED = 240, 1 << 13
_TELLING = 8
"""Records whose times rise are no accident from here on; below, the file must be called .bin, too."""


def _times(records: NDArray[Any], passed: int) -> NDArray[np.int64]:
    high, middle, low = (records[:, i].astype(np.int64) for i in (2, 3, 4))
    stamps = ((high & 0x7F) << 16) | (middle << 8) | low
    times: NDArray[np.int64] = stamps + _PASSED * (passed + np.cumsum(records[:, 1] == _OVERFLOW))
    return times


def _events(path: Path) -> Iterator[Events]:
    passed = 0
    for records in decode_records(path, 0, _RECORD):
        seen, times = records[:, 1] != _OVERFLOW, _times(records, passed)
        passed += len(records) - int(np.count_nonzero(seen))
        found = records[seen]
        yield from pack(found[:, 0], found[:, 1], times[seen], found[:, 2] >> 7)


def _matches(head: bytes, path: Path) -> bool:
    records = np.frombuffer(head, _RECORD.base, len(head) // 5 * 5).reshape(-1, 5)
    if not len(records):
        return False
    times = _times(records, 0)
    telling = path.suffix == ".bin" or (len(records) >= _TELLING and times[-1] > times[0])
    return telling and bool(np.all(np.diff(times) >= 0))


def _decode(path: Path) -> Decoded:
    return Decoded(None, _events(path))


NMNIST = Format("nmnist", "N-MNIST", _matches, lambda path, _: _decode(path))
