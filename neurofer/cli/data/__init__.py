"""``neurofer data``: recordings, videos and data sets; one file per sub-command."""

from __future__ import annotations

import typer

from neurofer.cli.group import group, imported

COMMANDS = ("info", "convert", "faces", "build", "preview", "check")
"""Each is a function of its own name in the module of that name."""

GROUPS = frozenset({"build"})
"""Those with commands of their own, whose function returns them."""


def data() -> typer.Typer:
    """Return the group with all sub-commands."""
    return group(imported("neurofer.cli.data", COMMANDS, GROUPS), help=_HELP)


_HELP = """Look at recordings and data sets; convert, build, check.

Recordings are files of EVT 2.0, 2.1 and 3.0, ES, AEDAT 4.0, DAT, N-MNIST, HDF5, NPZ or text; videos are whatever
OpenCV reads, or a folder of frames.
"""
