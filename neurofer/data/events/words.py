"""Decoding a binary body with a compiled loop that takes words in and puts events out, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.decoder import BLOCK, DTYPE, DamagedError, Events
from neurofer.data.events.kernel import compiled

READ = 1 << 20
"""Bytes read at a time."""

WIDEST = 32
"""Most events one word stands for (EVT 2.1's mask)."""

Loop = Callable[[NDArray[Any], int, NDArray[np.int64], NDArray[Any]], tuple[int, int, int]]
"""(words, position, state, out) -> position it stopped at, events put into ``out``, fault or 0.

It stops at the end of the words, before a word whose event is not whole, at a fault, or with fewer than ``WIDEST``
places left.
"""


def decode_words(
    path: Path,
    offset: int,
    loop: Loop,
    *,
    word: str,
    state: NDArray[np.int64],
    faults: Sequence[str],
    dtype: np.dtype[Any] = DTYPE,
) -> Iterator[Events]:
    """Yield the events of a binary body.

    Args:
        path: the recording.
        offset: where its body starts.
        loop: see ``Loop``.
        word: numpy type of a word.
        state: what the loop carries from word to word.
        faults: what the loop's faults 1, 2, ... mean.
        dtype: of the events.

    Raises:
        DamagedError: the loop found a fault, or the file ends inside an event.
    """
    run, width, pending = compiled(loop), np.dtype(word).itemsize, b""
    out = np.empty(BLOCK, dtype)
    with path.open("rb") as file:
        file.seek(offset)
        while data := file.read(READ):
            data = pending + data
            words = np.frombuffer(data, word, len(data) // width)
            position, full = 0, True
            while full:
                position, count, fault = run(words, position, state, out)
                full = count > BLOCK - WIDEST
                if count:
                    yield out[:count].copy()
                if fault:
                    raise DamagedError(faults[fault - 1])
            pending = data[position * width :]
    if pending:
        raise DamagedError("the file ends inside an event")


def decode_records(path: Path, offset: int, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """Yield the records of a binary body in which each event has the same number of bytes.

    Raises:
        DamagedError: the file ends inside a record.
    """
    with path.open("rb") as file:
        file.seek(offset)
        while data := file.read(BLOCK * dtype.itemsize):
            yield np.frombuffer(data, dtype, len(data) // dtype.itemsize)
            if len(data) % dtype.itemsize:
                raise DamagedError("the file ends inside an event")
