"""Writing files so that a reader finds either the old one or the whole new one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from neurofer.errors import WriteError


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
        why = getattr(error, "strerror", None) or str(error)
        raise WriteError("cannot write", where=str(path), why=why, next_step="choose a writable folder") from error
    return path
