"""The names under which files keep the four columns of their events."""

from __future__ import annotations

from collections.abc import Iterable

_NAMES = {
    "x": ("x", "xs"),
    "y": ("y", "ys"),
    "t": ("t", "ts", "time", "timestamp", "timestamps"),
    "p": ("p", "ps", "pol", "polarity", "polarities", "on"),
}


def find_columns(names: Iterable[str]) -> dict[str, str] | None:
    """What x, y, t and p are called among these names; None if one of them is missing."""
    lower = {name.lower(): name for name in names}
    found = {key: next((lower[name] for name in known if name in lower), None) for key, known in _NAMES.items()}
    columns = {key: name for key, name in found.items() if name is not None}
    return columns if len(columns) == len(_NAMES) else None
