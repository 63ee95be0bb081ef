"""The suite: every case there is."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache

from neurofer.conformance import layers, neurons, wiring
from neurofer.conformance.case import Case
from neurofer.errors import UsageError

__all__ = ["Case", "select", "suite"]


@cache
def suite() -> tuple[Case, ...]:
    """Return all cases, in the order of the table."""
    return (*layers.cases(), *neurons.cases(), *wiring.cases())


def select(pattern: str) -> tuple[Case, ...]:
    """Return the cases whose name or kind matches a shell pattern (``lif*``), whatever the letters' case.

    Raises:
        UsageError: there is none.
    """
    wanted = pattern.lower()
    found = tuple(case for case in suite() if any(fnmatchcase(name.lower(), wanted) for name in (case.name, case.kind)))
    if not found:
        kinds = ", ".join(dict.fromkeys(case.kind for case in suite()))
        raise UsageError("no case matches", where=repr(pattern), next_step=f"name cases ('lif*') or a kind: {kinds}")
    return found
