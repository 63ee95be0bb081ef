"""C: one generator for CPUs and microcontrollers. The code is compiled here, run, and compared spike by spike."""

from neurofer.backends.c.network import CNetwork, How, load, read

__all__ = ["CNetwork", "How", "load", "read"]
