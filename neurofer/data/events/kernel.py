"""Inner loops, compiled on first use and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from neurofer.errors import MissingPackageError

INSTALL = "pip install 'neurofer[events]'"

Loop = TypeVar("Loop", bound=Callable[..., Any])
_COMPILED: dict[Callable[..., Any], Callable[..., Any]] = {}


def compiled(loop: Loop) -> Loop:
    """The same function in machine code; the first call in a new installation takes a few seconds.

    Raises:
        MissingPackageError: numba is not installed.
    """
    if loop not in _COMPILED:
        try:
            import numba
        except ImportError as error:
            raise MissingPackageError(
                "numba, which decodes and bins events, is not installed", next_step=INSTALL
            ) from error
        try:
            _COMPILED[loop] = numba.njit(cache=True, nogil=True)(loop)
        except RuntimeError:  # no folder to keep the machine code in
            _COMPILED[loop] = numba.njit(nogil=True)(loop)
    return cast("Loop", _COMPILED[loop])
