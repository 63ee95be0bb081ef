"""Writing files so that a reader finds either the old one or the whole new one."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from neurofer.errors import WriteError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def replace_file(
    path: str | Path, write: Callable[[str], object], *, failures: tuple[type[Exception], ...] = ()
) -> Path:
    """Write a file beside ``path``, then put it in place in one step.

    Args:
        path: file to write; its folder must exist.
        write: writes the file it is given the name of.
        failures: what ``write`` raises besides OSError when a disk is full.

    Raises:
        WriteError: the folder is missing, read-only or full; a file that was there before is still whole.
    """
    path = Path(path)
    caught: tuple[type[Exception], ...] = (OSError, *failures)
    try:
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        try:
            write(draft)
            Path(draft).chmod(0o644)  # mkstemp gives 0600, too private for a file that is passed on
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
    except caught as error:
        raise cannot_write(path, error) from error
    return path


def write_file(path: Path, content: bytes | str) -> None:
    """Write bytes, or text as UTF-8, to a file in a folder that nobody reads yet.

    Raises:
        WriteError: the folder is missing, read-only or full.
    """
    try:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: str | Path, error: Exception) -> WriteError:
    """Return the error that says where something could not be written, why, and what helps."""
    full = isinstance(error, OSError) and error.errno in _NO_ROOM
    why = getattr(error, "strerror", None) or str(error)
    return WriteError(
        "cannot write",
        where=str(path),
        why=f"there is no room ({why})" if full else why,
        next_step="make room, or choose a folder that has some" if full else "choose a writable folder",
    )
