"""C: one generator for CPUs and microcontrollers. The code is compiled here, run, and compared spike by spike."""

from neurofer.backends.c.emit import emit, sources, write
from neurofer.backends.c.network import CNetwork, How, load, read
from neurofer.backends.c.plan import CAPABILITIES

__all__ = ["CAPABILITIES", "CNetwork", "How", "emit", "load", "read", "sources", "write"]
