"""ES, the Event Stream format 2.x of the Paris and Sydney laboratories: DVS, ATIS and colour streams.

It counts rows from below; here they are counted from above, as everywhere else. Of ATIS streams the change detection
events are read, not the exposure measurements. Colour events have no polarity and come as ``COLOUR``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.decoder import COLOUR, DTYPE, DamagedError, Decoded, Format
from neurofer.data.events.words import WIDEST, decode_words

_MAGIC = b"Event Stream"
_FAULTS = ("x lies outside the sensor", "y lies outside the sensor")
_LARGEST = 1 << 15


def _decode(path: Path) -> Decoded:
    with path.open("rb") as file:
        head = file.read(20)
    if len(head) < 16 or not head.startswith(_MAGIC):
        raise DamagedError("the header is not whole")
    if head[12] != 2:
        raise DamagedError(f"this is version {head[12]} of the format, version 2 is read")
    kinds = {1: (_dvs, DTYPE), 2: (_atis, DTYPE), 4: (_colour, COLOUR)}
    if head[15] not in kinds:
        raise DamagedError(f"the stream is of type {head[15]}, which has no pixels; types 1, 2 and 4 are read")
    if len(head) < 20:
        raise DamagedError("the header is not whole")
    width, height = np.frombuffer(head, "<u2", 2, 16).tolist()
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        raise DamagedError(f"the header says {width} x {height} pixels")
    loop, dtype = kinds[head[15]]
    state = np.array([width, height, 0], np.int64)
    return Decoded((width, height), decode_words(path, 20, loop, word="u1", state=state, faults=_FAULTS, dtype=dtype))


def _dvs(words: NDArray[Any], position: int, state: NDArray[np.int64], out: NDArray[Any]) -> tuple[int, int, int]:
    count = 0
    while position < len(words) and count + WIDEST <= len(out):
        first = np.int64(words[position])
        if first >= 0xFE:  # 0xFE is reserved, 0xFF lets time pass
            state[2] += 127 * (first & 1)
            position += 1
            continue
        if position + 5 > len(words):
            break
        x = np.int64(words[position + 1]) | (np.int64(words[position + 2]) << 8)
        y = np.int64(words[position + 3]) | (np.int64(words[position + 4]) << 8)
        if x >= state[0]:
            return position, count, 1
        if y >= state[1]:
            return position, count, 2
        state[2] += first >> 1
        out[count]["x"] = x
        out[count]["y"] = state[1] - 1 - y
        out[count]["t"] = state[2]
        out[count]["p"] = first & 1
        count += 1
        position += 5
    return position, count, 0


def _atis(words: NDArray[Any], position: int, state: NDArray[np.int64], out: NDArray[Any]) -> tuple[int, int, int]:
    count = 0
    while position < len(words) and count + WIDEST <= len(out):
        first = np.int64(words[position])
        if first >= 0xFC:
            state[2] += 63 * (first & 3)
            position += 1
            continue
        if position + 5 > len(words):
            break
        x = np.int64(words[position + 1]) | (np.int64(words[position + 2]) << 8)
        y = np.int64(words[position + 3]) | (np.int64(words[position + 4]) << 8)
        if x >= state[0]:
            return position, count, 1
        if y >= state[1]:
            return position, count, 2
        state[2] += first >> 2
        if first & 1 == 0:  # else it starts or ends an exposure measurement
            out[count]["x"] = x
            out[count]["y"] = state[1] - 1 - y
            out[count]["t"] = state[2]
            out[count]["p"] = (first >> 1) & 1
            count += 1
        position += 5
    return position, count, 0


def _colour(words: NDArray[Any], position: int, state: NDArray[np.int64], out: NDArray[Any]) -> tuple[int, int, int]:
    count = 0
    while position < len(words) and count + WIDEST <= len(out):
        first = np.int64(words[position])
        if first >= 0xFE:
            state[2] += 254 * (first & 1)
            position += 1
            continue
        if position + 8 > len(words):
            break
        x = np.int64(words[position + 1]) | (np.int64(words[position + 2]) << 8)
        y = np.int64(words[position + 3]) | (np.int64(words[position + 4]) << 8)
        if x >= state[0]:
            return position, count, 1
        if y >= state[1]:
            return position, count, 2
        state[2] += first
        out[count]["x"] = x
        out[count]["y"] = state[1] - 1 - y
        out[count]["t"] = state[2]
        out[count]["r"] = words[position + 5]
        out[count]["g"] = words[position + 6]
        out[count]["b"] = words[position + 7]
        count += 1
        position += 8
    return position, count, 0


ES = Format("es", "ES", lambda head, _: head.startswith(_MAGIC), lambda path, _: _decode(path))
