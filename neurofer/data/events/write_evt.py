"""Writing EVT 2.0 and EVT 3.0 as Prophesee's cameras do, one word for each event that is no vector."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.decoder import Events
from neurofer.data.events.encoder import Encoder, head, laps

_LAST = 1 << 62

_Told = tuple[int, ...]
"""What the words before told last: parts of the time, and the row."""


def _write(
    path: Path,
    blocks: Iterator[Events],
    size: tuple[int, int] | None,
    *,
    version: str,
    lap: int,
    turn: bytes,
    encode: Callable[[Events, _Told | None], tuple[bytes, _Told]],
) -> None:
    """Write one of both formats.

    Args:
        path: the file.
        blocks: events.
        size: width and height, if known.
        version: of the format.
        lap: microseconds after which its times run over.
        turn: the words at the end of a lap: its last time, then the first of the next. Readers that count laps want
            to see both (OpenEB).
        encode: the words of events of one lap; told nothing, they tell all.
    """
    first = next(blocks, None)
    geometry = [f"geometry {size[0]}x{size[1]}"] if size else []
    form = f"format EVT{version[0]}" + (f";height={size[1]};width={size[0]}" if size else "")
    start = 0 if first is None else int(first["t"][0])
    text, passed = head(start, lap, [f"evt {version}", form, *geometry])
    told: _Told | None = None
    with path.open("wb") as file:
        file.write(text + b"% end\n")
        for turns, part in laps(itertools.chain([] if first is None else [first], blocks), lap, passed):
            file.writelines(itertools.repeat(turn, turns))
            words, told = encode(part, None if turns else told)
            file.write(words)


def _changed(column: NDArray[np.int64], before: int) -> NDArray[np.bool_]:
    changed: NDArray[np.bool_] = np.diff(column, prepend=before) != 0
    return changed


def _interleave(columns: list[tuple[NDArray[np.bool_], NDArray[np.int64]]], dtype: str) -> bytes:
    """Row by row, those of the columns' words that are to be there."""
    wanted = np.stack([there for there, _ in columns], axis=1)
    words = np.stack([word.astype(dtype) for _, word in columns], axis=1)
    return words[wanted].tobytes()


def _evt2(events: Events, told: _Told | None) -> tuple[bytes, _Told]:
    x, y, t, p = (events[key].astype(np.int64) for key in "xytp")
    high = (t >> 6) & 0xFFFFFFF
    later = _changed(high, told[0] if told else -1)
    event = (p << 28) | ((t & 63) << 22) | (x << 11) | y
    return _interleave([(later, (8 << 28) | high), (np.ones(len(t), bool), event)], "<u4"), (int(high[-1]),)


def _evt3(events: Events, told: _Told | None) -> tuple[bytes, _Told]:
    x, y, t, p = (events[key].astype(np.int64) for key in "xytp")
    states = (t >> 12) & 0xFFF, t & 0xFFF, y
    later, late, row = (_changed(state, before) for state, before in zip(states, told or (-1, -1, -1), strict=True))
    words = [
        (later, (8 << 12) | states[0]),
        (later | late, (6 << 12) | states[1]),  # not all readers set it to zero with a new high half
        (row, y),
        (np.ones(len(t), bool), (2 << 12) | (p << 11) | x),
    ]
    return _interleave(words, "<u2"), tuple(int(state[-1]) for state in states)


def write_evt2(path: Path, blocks: Iterator[Events], size: tuple[int, int] | None) -> None:
    """Write EVT 2.0: 34 bits of time, of which a word of its own tells the upper 28 where they change."""
    turn = np.array([8 << 28 | 0xFFFFFFF, 8 << 28], "<u4").tobytes()
    _write(path, blocks, size, version="2.0", lap=1 << 34, turn=turn, encode=_evt2)


def write_evt3(path: Path, blocks: Iterator[Events], size: tuple[int, int] | None) -> None:
    """Write EVT 3.0: both halves of 24 bits of time, and the row, are told where they change."""
    turn = np.array([8 << 12 | 0xFFF, 8 << 12], "<u2").tobytes()
    _write(path, blocks, size, version="3.0", lap=1 << 24, turn=turn, encode=_evt3)


EVT2_ENCODER = Encoder("evt2", ".raw", write_evt2, width=1 << 11, height=1 << 11, longest=_LAST)
EVT3_ENCODER = Encoder("evt3", ".raw", write_evt3, width=1 << 11, height=1 << 11, longest=_LAST)
