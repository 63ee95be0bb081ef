"""The kernels that generated code calls: files of C, of which a model gets those it needs, for the types it needs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from neurofer.backends.c import rows
from neurofer.backends.c.plan_stages import C_TYPES

_FOLDER = Path(__file__).parent / "kernels"

_LETTERS = "XWS"
"""In a kernel's text, X_T, W_T and S_T stand for the types of the values read, of the weights and of the sums."""


@dataclass
class Kernels:
    """Collects the kernels a model calls, each once, behind those that it calls itself."""

    texts: dict[str, str] = field(default_factory=dict)
    layers: bool = False
    small: bool = False

    @property
    def text(self) -> str:
        """Everything that was asked for."""
        common = [rows.kernels(small=self.small)] if self.layers else [kernel_text("types.h"), kernel_text("planes.h")]
        return "\n".join(
            [*common, *(text for name, text in self.texts.items() if not (self.layers and name in _LAYERS))]
        )

    def call(self, kernel: str, **types: str) -> str:
        """Return the name of the function ``kernel`` for these types (x=, w=, s=), and include it."""
        self.use_file("generic_window.h")
        given = [letter for letter in _LETTERS if letter.lower() in types]
        name = "_".join([f"nf_{kernel}", *(types[letter.lower()] for letter in given)])
        if name not in self.texts:
            text = kernel_text(f"generic_{kernel}.h")
            for letter in given:
                text = re.sub(rf"\b{letter}_T\b", C_TYPES[types[letter.lower()]], text)
            self.texts[name] = re.sub(rf"\b{'_'.join([f'nf_{kernel}', *given])}\b", name, text)
        return name

    def use_file(self, name: str) -> None:
        """Include a file of kernels as it is."""
        self.texts.setdefault(name, kernel_text(name))

    def use_layers(self) -> None:
        """Include the kernels of whole layers, with all that they need."""
        self.layers = True


_LAYERS = frozenset({"pool.h"})
"""Files that are among the kernels of whole layers."""


@lru_cache
def kernel_text(name: str) -> str:
    """Return the text of a file of kernels."""
    return (_FOLDER / name).read_text(encoding="utf-8")
