"""neurofer lowers a trained spiking network to one exact program, deploys it, and says whether it is still the same.

The public names below are loaded on first use, so that `import neurofer` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurofer.backends.load import load
    from neurofer.backends.reference import run
    from neurofer.errors import NeuroferError
    from neurofer.ir import Contract, Edge, Program, Readout, Trace
    from neurofer.ir.serde import read, write

__version__ = "0.1.0"
__all__ = ["Contract", "Edge", "NeuroferError", "Program", "Readout", "Trace", "load", "read", "run", "write"]

_HOMES = {
    "Contract": "neurofer.ir",
    "Edge": "neurofer.ir",
    "NeuroferError": "neurofer.errors",
    "Program": "neurofer.ir",
    "Readout": "neurofer.ir",
    "Trace": "neurofer.ir",
    "load": "neurofer.backends.load",
    "read": "neurofer.ir.serde",
    "run": "neurofer.backends.reference",
    "write": "neurofer.ir.serde",
}


def __getattr__(name: str) -> object:
    """Import a public name from the room it lives in and keep it.

    Raises:
        AttributeError: the name is not public.
    """
    if name not in _HOMES:
        msg = f"module 'neurofer' has no public name {name!r}; it has {', '.join(__all__)}"
        raise AttributeError(msg)
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
