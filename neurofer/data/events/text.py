"""Text with one event a line: CSV whose first line names the columns, and the `t x y p` of RPG and v2e.

Lines that start with # or % are comments. Without names, four columns parted by blanks whose first has decimals are
t in seconds, x, y, p; any other order must be said, as none can be told from numbers alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neurofer.data.events.columns import find_columns
from neurofer.data.events.decoder import DamagedError, Decoded, Events, Format, Options, Unit, pack
from neurofer.data.events.header import read_header

_HEAD = 1 << 16
_READ = 1 << 20
_LONGEST = 4096
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$", re.IGNORECASE)
_BYTES = frozenset(b"\t\n\r" + bytes(range(32, 127)))


@dataclass(frozen=True)
class _Layout:
    """How the lines are to be read."""

    delimiter: str | None
    places: tuple[int, int, int, int]
    unit: Unit


def _decode(path: Path, options: Options) -> Decoded:
    with path.open("rb") as file:
        head = file.read(_HEAD)
        lines = head.decode("ascii", errors="replace").splitlines()
        header = read_header(head)
    skipped = 0
    while skipped < len(lines) and (not lines[skipped].strip() or lines[skipped].lstrip()[0] in "#%"):
        skipped += 1
    size = header.size
    if skipped < len(lines) and (found := re.fullmatch(r"(\d{1,5}) (\d{1,5})\s*", lines[skipped])):
        skipped, size = skipped + 1, (int(found[1]), int(found[2]))  # RPG's files may start with the sensor's size
    named = skipped < len(lines) and not _NUMBER.match(_split(lines[skipped])[1][0])
    first = skipped + named
    if first >= len(lines):
        raise DamagedError(
            f"no events in the first {_HEAD} bytes" if len(head) == _HEAD else "there are no events in it"
        )
    layout = _layout(lines[skipped] if named else "", lines[first], options)
    return Decoded(size, _events(path, first, layout, size))


def _split(line: str) -> tuple[str | None, list[str]]:
    for delimiter in (",", ";"):
        if delimiter in line:
            return delimiter, [part.strip().strip('"') for part in line.split(delimiter)]
    return None, line.split() or [""]


def _layout(names: str, line: str, options: Options) -> _Layout:
    delimiter, values = _split(line)
    if options.columns is not None:
        titles = list(options.columns)
    elif names:
        titles = _split(names.lstrip("#%"))[1]
    elif delimiter is None and len(values) == 4 and "." in values[0]:
        titles = list("txyp")
    else:
        raise DamagedError("no line names its columns; say which they are, such as columns='txyp'")
    titles = [title.partition("@")[0] for title in titles]  # faery writes x@320,y@240
    columns = find_columns(titles)
    if columns is None:
        raise DamagedError(f"its columns are {', '.join(titles)[:200]}; x, y, t and p are needed")
    x, y, t, p = (titles.index(columns[key]) for key in "xytp")
    stamp = values[t] if t < len(values) else ""
    unit: Unit = options.unit or ("us" if stamp.lstrip("+-").isdecimal() else "s")
    return _Layout(delimiter, (x, y, t, p), unit)


def _events(path: Path, skipped: int, layout: _Layout, size: tuple[int, int] | None) -> Iterator[Events]:
    number = skipped
    with path.open("rb") as file:
        for _ in range(skipped):
            file.readline(_HEAD)
        while data := _lines(file):
            lines = [
                line if line.lstrip()[:1] not in {"#", "%"} else ""
                for line in data.decode("ascii", errors="replace").split("\n")
            ]
            values, good = _parse(lines, layout)
            if len(values):
                x, y, t, p = values.T
                with np.errstate(all="ignore"):  # what is not finite is found and named
                    yield from pack(x, y, t, p, size=size, unit=layout.unit)
            if good < len(lines):
                raise DamagedError(f"line {number + good + 1} is no event: {lines[good][:80]!r}")
            number += data.count(b"\n")


def _lines(file: BinaryIO) -> bytes:
    """About a megabyte of whole lines."""
    data = file.read(_READ)
    rest = file.readline(_LONGEST) if data and not data.endswith(b"\n") else b""
    if len(rest) == _LONGEST:
        raise DamagedError(f"a line is longer than {_LONGEST} characters")
    return data + rest


def _parse(lines: Sequence[str], layout: _Layout) -> tuple[NDArray[Any], int]:
    """Values of x, y, t, p of the lines before the first that is no event, and how many lines those are."""
    values = _load(lines, layout)
    if values is not None:
        return values, len(lines)
    good, bad = 0, len(lines)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _load(lines[:middle], layout) is not None else (good, middle)
    values = _load(lines[:good], layout)
    return (np.empty((0, 4)) if values is None else values), good


def _load(lines: Sequence[str], layout: _Layout) -> NDArray[np.float64] | None:
    """The lines as numbers [N, 4]; None if one of them is not."""
    if not any(line.strip() for line in lines):
        return np.empty((0, 4))
    try:
        return np.loadtxt(lines, delimiter=layout.delimiter, usecols=layout.places, ndmin=2, comments=None)
    except (ValueError, OverflowError):
        return None


def _matches(head: bytes) -> bool:
    return bool(head.strip()) and _BYTES.issuperset(head) and any(48 <= byte < 58 for byte in head)


TEXT = Format("csv", "CSV", lambda head, _: _matches(head), _decode)
