"""What there is to work with: the data folders `targets/` and `models/`, the user's cache, and cores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from neurofer.errors import ReadError

_PACKAGE = Path(__file__).resolve().parent


def folder(kind: Literal["targets", "models"], *, package: Path = _PACKAGE) -> Path:
    """Find one of the data folders that are shipped with neurofer.

    Args:
        kind: which folder.
        package: the folder of the installed package, for looking at another installation than this one.

    Returns:
        An existing folder; `targets` holds one TOML file per target, `models` one TOML recipe per network.

    Raises:
        ReadError: the installation has lost the folder.
    """
    places = (package / "_resources" / kind, package.parent / kind)
    for place in places:
        if place.is_dir():
            return place
    raise ReadError(
        f"no {kind} folder",
        where=str(package),
        why=f"neither {places[0]} nor {places[1]} exists",
        next_step="install neurofer again: pip install --force-reinstall --no-deps neurofer",
    )


def cache(room: str) -> Path:
    """Return the folder for what can be made again: in ``NEUROFER_CACHE``, else in the user's cache folder.

    Args:
        room: what it holds: ``environments`` or ``native``.
    """
    if chosen := os.environ.get("NEUROFER_CACHE"):
        return Path(chosen).absolute() / room
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "neurofer" / room


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
