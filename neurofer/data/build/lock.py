"""One builder in a folder at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from neurofer.errors import UsageError
from neurofer.files import cannot_write

LOCK = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it however this process ends.

    Raises:
        UsageError: another process holds it.
        WriteError: the folder cannot be written to.
    """
    import fcntl

    path = folder / LOCK
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The holder before may have removed the file between the two calls: then this is a lock on nothing.
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return
        except BlockingIOError as error:
            raise UsageError(
                "another process is building into this folder",
                where=str(folder),
                next_step="wait for it, or choose another folder",
            ) from error
        finally:
            os.close(handle)
