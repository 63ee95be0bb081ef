"""Identifiers of C for nodes and buffers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_C = (
    *("auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern"),
    *("float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed"),
    *("sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while"),
    *("int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint32_t", "uint64_t", "ptrdiff_t", "size_t"),
    *("memset", "memcpy", "null", "asm", "linux", "unix", "i386"),
    *("bool", "true", "false", "nullptr", "typeof", "alignas", "alignof", "constexpr", "thread_local"),
)
_OURS = (
    *("weights", "steps", "start", "state", "drive", "drive_t", "bias", "late", "first", "marks", "spikes", "count"),
    *("history", "slots", "window", "x", "y", "t", "c", "s", "u", "v", "i", "at", "y_c", "v_first", "i_first", "pixel"),
    *("planes", "leak", "syn_leak", "w_in", "gain", "offset", "theta", "reset", "v_reset", "v_init", "delta", "scale"),
    *("area", "source", "read", "shape", "layer", "neuron", "done", "part", "samples", "sample", "states"),
)


@dataclass
class Names:
    """Identifiers that were given, in small letters: none differs from another in case alone.

    Words of C, and the local names of the generated functions, are given from the start.
    """

    given: set[str] = field(default_factory=lambda: {*_C, *_OURS})

    def fresh(self, wanted: str) -> str:
        """Return an identifier of its own that resembles ``wanted``."""
        stem = re.sub(r"\W", "_", wanted, flags=re.ASCII).strip("_") or "node"
        if stem[0].isdigit() or stem.lower().startswith("nf_"):  # so begin names of the kernels
            stem = f"n{stem}"
        if re.search(r"(_in|_out|_\d+|_MIN|_MAX)$", stem):  # so end names of the generated functions, and of <stdint.h>
            stem += "_"
        name, count = stem, 2
        while name.lower() in self.given:
            name, count = f"{stem}_{count}", count + 1
        self.given.add(name.lower())
        return name
