"""The kernels that generated code calls: files of C, of which a model gets those it needs, for the types it needs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from neurofer.backends.c.plan_stages import C_TYPES

_FOLDER = Path(__file__).parent / "kernels"

_NEEDS = {
    "conv_plane": ("next",),
    "pool_plane": ("next",),
    "add_plane": ("next",),
    "or": ("get", "put"),
    "place_plane": ("get", "put"),
    "place_bits": ("get",),
    "delay_plane": ("get", "put"),
    "reorder_plane": ("get", "put"),
}

_LETTERS = "XWS"
"""In a kernel's text, X_T, W_T and S_T stand for the types of the values read, of the weights and of the sums."""


@dataclass
class Kernels:
    """Collects the kernels a model calls, each once, behind those that it calls itself."""

    texts: dict[str, str] = field(default_factory=dict)

    def call(self, kernel: str, **types: str) -> str:
        """Return the name of the function ``kernel`` for these types (x=, w=, s=), and include it."""
        self.use("window")
        for needed in _NEEDS.get(kernel, ()):
            self.use(needed)
        suffix = "".join(f"_{types[letter.lower()]}" for letter in _LETTERS if letter.lower() in types)
        name = f"nf_{kernel}{suffix}"
        if name not in self.texts:
            text = kernel_text(f"generic_{kernel}.h")
            for letter in _LETTERS:
                if letter.lower() in types:
                    text = re.sub(rf"\b{letter}_T\b", C_TYPES[types[letter.lower()]], text)  # type: ignore[index]
            letters = "".join(f"_{letter}" for letter in _LETTERS if letter.lower() in types)
            self.texts[name] = re.sub(rf"\bnf_{kernel}{letters}\b", name, text)
        return name

    def use(self, kernel: str) -> None:
        """Include a kernel without types."""
        self.texts.setdefault(kernel, kernel_text(f"generic_{kernel}.h"))


@lru_cache
def kernel_text(name: str) -> str:
    """Return the text of a file of kernels."""
    return (_FOLDER / name).read_text(encoding="utf-8")
