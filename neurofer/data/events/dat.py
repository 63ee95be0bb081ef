"""DAT, the decoded format of Prophesee and of N-CARS: a text header, two bytes, then 8 bytes for each event."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurofer.data.events.decoder import DamagedError, Decoded, Events, Format, pack
from neurofer.data.events.header import Header, read_header
from neurofer.data.events.words import decode_records

_HEAD = 1 << 16
_RECORD = np.dtype([("t", "<u4"), ("address", "<u4")])
_EVENT_TYPES = (0, 12)
"""2D events, as in N-CARS, and contrast detection events."""


def _decode(path: Path) -> Decoded:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    header = read_header(head)
    kind = head[header.end : header.end + 2]
    if len(kind) < 2:
        raise DamagedError("the header is not whole")
    if kind[0] not in _EVENT_TYPES or kind[1] != _RECORD.itemsize:
        raise DamagedError(f"the events are of type {kind[0]} and {kind[1]} bytes; types 0 and 12 of 8 bytes are read")
    return Decoded(header.size, _events(path, header))


def _events(path: Path, header: Header) -> Iterator[Events]:
    old = any(re.match(r"Version [01]$", line) for line in header.lines)
    column, row, on = (9, 8, 17) if old else (14, 14, 28)  # bits of x, bits of y, which bit is the polarity
    wraps, last = 0, 0
    for records in decode_records(path, header.end + 2, _RECORD):
        t = records["t"].astype(np.int64)
        steps = np.diff(t, prepend=last)
        laps = wraps + np.cumsum(steps < -(2**31))  # 32 bits of microseconds last 71 minutes
        if len(t):
            wraps, last = int(laps[-1]), int(t[-1])
        address = records["address"].astype(np.int64)
        x, y = address & ((1 << column) - 1), (address >> column) & ((1 << row) - 1)
        yield from pack(x, y, t + (laps << 32) + header.start, (address >> on) & 1, size=header.size)


def _matches(head: bytes) -> bool:
    header = read_header(head)
    body = head[header.end : header.end + 2]
    return bool(header.lines) and not header.evt and len(body) == 2 and body[1] == 8 and body[0] in range(16)


DAT = Format("dat", "DAT", lambda head, _: _matches(head), lambda path, _: _decode(path))
