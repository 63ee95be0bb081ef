"""EVT 2.0, 2.1 and 3.0, the raw formats of Prophesee's cameras, as Prophesee describes them.

https://docs.prophesee.ai/stable/data/encoding_formats/. A word of EVT 2.1 is one of EVT 2.0 beside a mask of 32 pixels
to the right of its x; in `legacy` files, those of the IMX636, the word comes before the mask.

Libraries that read them: expelliarmus 1.1.12 gets the time of 9 events in 10 wrong in EVT 3.0, faery 0.7.1 of 7 in
1,000. In EVT 3.0 a TIME_HIGH word sets the low half to zero until its TIME_LOW follows; events before the first
TIME_HIGH have no time and are left out, as in OpenEB.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.decoder import DamagedError, Decoded, Format
from neurofer.data.events.header import Header, read_header
from neurofer.data.events.words import WIDEST, decode_words

_HEAD = 1 << 16
_FAULTS = ("x lies outside the sensor", "y lies outside the sensor")
_LARGEST = (2048, 2048)
_TYPES = (0, 1, 8, 10, 14, 15)
"""OFF, ON, time, trigger, others and continued: the types of words in EVT 2.0 and 2.1."""


def _decode(path: Path, version: str) -> Decoded:
    with path.open("rb") as file:
        header = read_header(file.read(_HEAD))
    if header.evt and header.evt != version:
        raise DamagedError(f"this is EVT {header.evt}, not EVT {version}")
    if header.endianness == "big":
        raise DamagedError("its words are big-endian; little-endian ones are read")
    width, height = header.size or _LARGEST
    if version == "2.0":
        state = np.array([width, height, header.start, 0, 0, 0], np.int64)
        return Decoded(header.size, decode_words(path, header.end, _evt2, word="<u4", state=state, faults=_FAULTS))
    if version == "2.1":
        state = np.array([width, height, header.start, 0, 0, 0, _place(path, header)], np.int64)
        return Decoded(header.size, decode_words(path, header.end, _evt21, word="<u4", state=state, faults=_FAULTS))
    state = np.array([width, height, header.start, 0, 0, 0, 0, 0, 0, 0], np.int64)
    return Decoded(header.size, decode_words(path, header.end, _evt3, word="<u2", state=state, faults=_FAULTS))


def _refuse(path: Path) -> Decoded:
    with path.open("rb") as file:
        version = read_header(file.read(_HEAD)).evt
    raise DamagedError(f"EVT {version} is not read, EVT 2.0, 2.1 and 3.0 are; convert it with metavision_file_to_dat")


def _evt2(words: NDArray[Any], position: int, state: NDArray[np.int64], out: NDArray[Any]) -> tuple[int, int, int]:
    # state: width, height, first time, time in units of 64 us, 2**28 for each time it wrapped, whether there is a time
    count = 0
    while position < len(words) and count + WIDEST <= len(out):
        word = np.int64(words[position])
        kind = word >> 28
        if kind == 8:
            high = word & 0xFFFFFFF
            if (state[3] & 0xFFFFFFF) - high > 1 << 27:
                state[4] += 1 << 28
            state[3] = state[4] + high
            state[5] = 1
        elif kind < 2 and state[5] == 1:
            x, y = (word >> 11) & 0x7FF, word & 0x7FF
            if x >= state[0]:
                return position, count, 1
            if y >= state[1]:
                return position, count, 2
            out[count]["x"] = x
            out[count]["y"] = y
            out[count]["t"] = state[2] + ((state[3] << 6) | ((word >> 22) & 0x3F))
            out[count]["p"] = kind
            count += 1
        position += 1
    return position, count, 0


def _place(path: Path, header: Header) -> int:
    """Which half of the 64 bits holds type, time and place, 0 or 1: what the header says, or else what makes sense."""
    if header.endianness:
        return 0 if header.endianness == "legacy" else 1
    with path.open("rb") as file:
        file.seek(header.end)
        data = file.read(_HEAD)
    first, second = np.frombuffer(data, "<u4", len(data) // 8 * 2).reshape(-1, 2).T
    return 0 if _tells_time(first) and not _tells_time(second) else 1


def _tells_time(words: NDArray[np.uint32]) -> bool:
    kinds = words >> 28
    times = words[kinds == 8]
    return bool(np.isin(kinds, _TYPES).all() and len(times) and np.all(times[1:] >= times[:-1]))


def _evt21(words: NDArray[Any], position: int, state: NDArray[np.int64], out: NDArray[Any]) -> tuple[int, int, int]:
    # state: as of EVT 2.0, then which half of a word comes first
    count, place = 0, state[6]
    while position + 2 <= len(words) and count + WIDEST <= len(out):
        word, mask = np.int64(words[position + place]), np.int64(words[position + 1 - place])
        kind = word >> 28
        if kind == 8:
            high = word & 0xFFFFFFF
            if (state[3] & 0xFFFFFFF) - high > 1 << 27:
                state[4] += 1 << 28
            state[3] = state[4] + high
            state[5] = 1
        elif kind < 2 and state[5] == 1:
            x, y = (word >> 11) & 0x7FF, word & 0x7FF
            if y >= state[1] and mask:
                return position, count, 2
            for bit in range(32):
                if mask >> bit == 0:
                    break
                if (mask >> bit) & 1 == 1:
                    if x + bit >= state[0]:
                        return position, count, 1
                    out[count]["x"] = x + bit
                    out[count]["y"] = y
                    out[count]["t"] = state[2] + ((state[3] << 6) | ((word >> 22) & 0x3F))
                    out[count]["p"] = kind
                    count += 1
        position += 2
    return position, count, 0


def _evt3(  # noqa: C901, PLR0912 - a branch for each type of word
    words: NDArray[Any], position: int, state: NDArray[np.int64], out: NDArray[Any]
) -> tuple[int, int, int]:
    # state: width, height, first time, y, next vector's x and polarity, time high and low, wraps, whether time is known
    count = 0
    while position < len(words) and count + WIDEST <= len(out):
        word = np.int64(words[position])
        kind, value = word >> 12, word & 0xFFF
        if kind == 0:
            state[3] = value & 0x7FF
        elif kind == 3:
            state[4] = value & 0x7FF
            state[5] = value >> 11
        elif kind == 6:
            state[7] = value
        elif kind == 8:
            if state[6] - value > 2048:
                state[8] += 1
            if value != state[6]:
                state[7] = 0
            state[6] = value
            state[9] = 1
        elif 2 <= kind <= 5:  # 3 is done above; `in {2, 4, 5}` would make a set for every word
            x, polarity, bits, length = state[4], state[5], value, 12
            if kind == 2:
                x, polarity, bits, length = value & 0x7FF, value >> 11, np.int64(1), 1
            elif kind == 5:
                bits, length = value & 0xFF, 8
            if kind != 2:
                state[4] = min(state[4] + length, 4096)
            for bit in range(length):
                if (bits >> bit) & 1 == 1 and state[9] == 1:
                    if x + bit >= state[0]:
                        return position, count, 1
                    if state[3] >= state[1]:
                        return position, count, 2
                    out[count]["x"] = x + bit
                    out[count]["y"] = state[3]
                    out[count]["t"] = state[2] + ((state[8] << 24) | (state[6] << 12) | state[7])
                    out[count]["p"] = polarity
                    count += 1
        position += 1
    return position, count, 0


def _is(head: bytes, version: str) -> bool:
    header: Header = read_header(head)
    return header.evt == version


EVT2 = Format("evt2", "EVT 2.0", lambda head, _: _is(head, "2.0"), lambda path, _: _decode(path, "2.0"))
EVT21 = Format("evt21", "EVT 2.1", lambda head, _: _is(head, "2.1"), lambda path, _: _decode(path, "2.1"))
EVT3 = Format("evt3", "EVT 3.0", lambda head, _: _is(head, "3.0"), lambda path, _: _decode(path, "3.0"))
OTHER_EVT = Format(
    "evt", "EVT of another version", lambda head, _: bool(read_header(head).evt), lambda path, _: _refuse(path)
)
