"""Reading recordings: which format a file is of, all of its events at once, in chunks, or just what it holds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurofer.data.events.aedat4 import AEDAT4
from neurofer.data.events.dat import DAT
from neurofer.data.events.decoder import DTYPE, DamagedError, Decoded, Events, Format, Options, Unit, budget
from neurofer.data.events.es import ES
from neurofer.data.events.evt import EVT2, EVT3, EVT21, OTHER_EVT
from neurofer.data.events.hdf5 import HDF5
from neurofer.data.events.nmnist import NMNIST
from neurofer.data.events.npz import NPY, NPZ
from neurofer.data.events.text import TEXT
from neurofer.errors import ReadError, UsageError

FORMATS = {known.name: known for known in (ES, AEDAT4, HDF5, NPZ, NPY, EVT2, EVT21, EVT3, OTHER_EVT, TEXT, DAT, NMNIST)}
"""By name, in the order in which a file is tried: those with a mark of their own first."""

_HEAD = 1 << 16
_LOG = logging.getLogger(__name__)


class RecordingError(ReadError):
    """A recording that is damaged, or longer than its file can be.

    Attributes:
        good: how many events were read before; ``partial=True`` gives these.
    """

    good = 0


@dataclass(frozen=True)
class Recording:
    """What a file holds.

    Attributes:
        kind: name of its format, a key of ``FORMATS``.
        size: width and height of the sensor, None if the file does not say.
        extent: 1 more than the largest x and y that occur.
        events: how many there are.
        on: how many of them are ON; None if they are colours.
        first: earliest time, in microseconds.
        last: latest time, in microseconds.
        rising: whether no event is earlier than the one before it.
        damage: why nothing could be read after these, empty if the file is whole.
    """

    kind: str
    size: tuple[int, int] | None
    extent: tuple[int, int]
    events: int
    on: int | None
    first: int
    last: int
    rising: bool
    damage: str


def read_events(
    path: str | Path,
    *,
    kind: str | None = None,
    columns: str | None = None,
    unit: Unit | None = None,
    partial: bool = False,
) -> Events:
    """Read a recording as the structured array that tonic's transforms take.

    Memory: 26 bytes for each event. A file of n bytes never yields more than 32 n + 2**20 events, whatever it claims.

    Args:
        path: EVT 2.0, 2.1 or 3.0, ES, AEDAT 4.0, DAT, N-MNIST, HDF5 (v2e, DSEC, Metavision), NPZ, NPY or text.
        kind: its format, a key of ``FORMATS``; found from its contents if not given.
        columns: the columns of text without names, such as ``txyp``.
        unit: of the times in HDF5, NPZ and text; without one, whole numbers are microseconds and others seconds.
        partial: return the good events of a damaged file, with a warning in the log, instead of raising.

    Returns:
        Events [N] of dtype ``DTYPE`` in the file's order (a colour ES stream: ``COLOUR``). y counts from above.

    Raises:
        ReadError: no such file, or none of a known format.
        RecordingError: damaged; its attribute ``good`` says how many events were good.
        UsageError: an unknown kind, unit or columns.
        MissingPackageError: a package that reads this format is not installed.
    """
    path = Path(path)
    found = list(_blocks(path, *_open(path, kind, columns, unit), partial=partial))
    return np.concatenate(found) if found else np.empty(0, DTYPE)


def stream_events(
    path: str | Path,
    events: int = 1_000_000,
    *,
    kind: str | None = None,
    columns: str | None = None,
    unit: Unit | None = None,
    partial: bool = False,
) -> Iterator[Events]:
    """Read a recording in chunks, in memory that does not depend on its length.

    Args:
        path: as for ``read_events``, like the other arguments.
        events: how many a chunk has; the last has what is left.
        kind: see there.
        columns: see there.
        unit: see there.
        partial: end after the good events of a damaged file, with a warning in the log, instead of raising.

    Returns:
        The chunks. Of a damaged file, all good events come before the RecordingError.

    Raises:
        ReadError: no such file, or none of a known format.
        UsageError: an unknown kind, unit or columns, or chunks of less than one event.
    """
    if events < 1:
        raise UsageError(f"a chunk of {events} events", next_step="ask for at least 1")
    path = Path(path)
    return _chunks(_blocks(path, *_open(path, kind, columns, unit), partial=partial), events)


def describe_events(
    path: str | Path, *, kind: str | None = None, columns: str | None = None, unit: Unit | None = None
) -> Recording:
    """Say what a recording holds, in memory that does not depend on its length; damage is reported, not raised.

    Args:
        path: as for ``read_events``, like the other arguments.
        kind: see there.
        columns: see there.
        unit: see there.

    Raises:
        ReadError: no such file, none of a known format, or damaged before its first event.
    """
    path = Path(path)
    known, decoded = _open(path, kind, columns, unit)
    events, on, width, height, damage, rising = 0, 0, 0, 0, "", True
    first, last, before, coloured = 2**63, -(2**63), -(2**63), False
    try:
        for block in _blocks(path, known, decoded, partial=False):
            t = block["t"]
            rising = rising and int(t[0]) >= before and bool(np.all(t[1:] >= t[:-1]))
            first, last, before = min(first, int(t.min())), max(last, int(t.max())), int(t[-1])
            width, height = max(width, int(block["x"].max()) + 1), max(height, int(block["y"].max()) + 1)
            events += len(block)
            coloured = "p" not in (block.dtype.names or ())
            on += 0 if coloured else int(np.count_nonzero(block["p"]))
    except RecordingError as error:
        if not error.good:
            raise
        damage = error.why
    span = (first, last) if events else (0, 0)
    return Recording(known.name, decoded.size, (width, height), events, None if coloured else on, *span, rising, damage)


def format_of(path: str | Path) -> str | None:
    """The format a file is found to be of, a key of ``FORMATS``; None if it is no recording that is known.

    Raises:
        ReadError: no such file, or it cannot be read.
    """
    path = Path(path)
    known = _known(_head(path), path)
    return None if known is None else known.name


def sensor_of(path: str | Path) -> tuple[int, int] | None:
    """Width and height of the sensor, if the first bytes of a recording say; errors as of ``describe_events``."""
    return _open(Path(path), None, None, None)[1].size


def _head(path: Path) -> bytes:
    if not path.is_file():
        raise ReadError("no such file", where=str(path), next_step="check the path")
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise ReadError("cannot be read", where=str(path), why=error.strerror or str(error)) from error


def _known(head: bytes, path: Path) -> Format | None:
    return next((one for one in FORMATS.values() if one.matches(head, path)), None)


def _open(path: Path, kind: str | None, columns: str | None, unit: Unit | None) -> tuple[Format, Decoded]:
    if kind is not None and kind not in FORMATS:
        raise UsageError(f"the format {kind!r} is unknown", next_step=f"known are {', '.join(FORMATS)}")
    if unit not in {None, "s", "ms", "us", "ns"}:
        raise UsageError(f"the unit {unit!r} is unknown", next_step="known are s, ms, us, ns")
    if columns is not None and (not set("xytp") <= set(columns) or len(set(columns) & set("xytp")) < 4):
        raise UsageError(
            f"the columns {columns!r} lack x, y, t or p", next_step="give one letter a column, such as txyp"
        )
    head = _head(path)
    known = FORMATS[kind] if kind else _known(head, path)
    if known is None:
        raise ReadError(
            "the file is empty" if not head else "this is no recording of events that is known",
            where=str(path),
            why="" if not head else f"it starts with {head[:12]!r}",
            next_step="known are " + ", ".join(one.title for one in FORMATS.values() if one is not OTHER_EVT),
        )
    try:
        return known, known.decode(path, Options(columns, unit))
    except DamagedError as fault:
        raise _damaged(path, known, 0, str(fault)) from fault
    except OSError as error:
        raise ReadError("cannot be read", where=str(path), why=error.strerror or str(error)) from error


def _blocks(path: Path, known: Format, decoded: Decoded, *, partial: bool) -> Iterator[Events]:
    good, most = 0, budget(path)
    try:
        for block in decoded.blocks:
            if good + len(block) > most:
                raise DamagedError(f"more than {most} events, which a file of this size cannot hold")  # noqa: TRY301
            good += len(block)
            yield block
    except (DamagedError, OSError) as fault:
        if not partial:
            raise _damaged(path, known, good, str(fault)) from fault
        _LOG.warning("%s: %s; %d events were good", path, fault, good)


def _damaged(path: Path, known: Format | None, good: int, why: str) -> RecordingError:
    title = known.title if known else "a recording"
    error = RecordingError(
        f"damaged {title} after {good:,} good events",
        where=str(path),
        why=why,
        next_step="keep the good ones by neurofer data convert --partial, or partial=True in Python" if good else "",
    )
    error.good = good
    return error


def _chunks(blocks: Iterator[Events], events: int) -> Iterator[Events]:
    pending: list[Events] = []
    count = 0
    try:
        for block in blocks:
            start = 0
            while count + len(block) - start >= events:
                cut = start + events - count
                yield np.concatenate([*pending, block[start:cut]])
                pending, count, start = [], 0, cut
            if start < len(block):
                pending.append(block[start:])
                count += len(block) - start
    except RecordingError:
        if pending:
            yield np.concatenate(pending)
        raise
    if pending:
        yield np.concatenate(pending)
