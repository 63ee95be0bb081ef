"""Microcontrollers: the generated C on bare metal, cross-compiled, run under qemu, counted in instructions.

A board is a table in a target's file (`neurofer.backends.board`); only a processor family of another kind needs more, a
start-up file beside this one.
"""

from __future__ import annotations

from neurofer.backends.c.boards.network import BoardNetwork, Measured, read
from neurofer.backends.c.boards.toolchain import require
from neurofer.backends.c.boards.write import suited, write

__all__ = ["BoardNetwork", "Measured", "read", "require", "suited", "write"]
