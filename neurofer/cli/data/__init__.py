"""``neurofer data``: recordings, videos and data sets; one file per sub-command."""

from __future__ import annotations

from importlib import import_module

import typer

from neurofer.cli.outcome import command

COMMANDS = ("info", "convert", "faces", "build", "preview", "check")
"""Each is a function of its own name in the module of that name."""

GROUPS = frozenset({"build"})
"""Those with commands of their own, whose function returns them."""


def data() -> typer.Typer:
    """Return the group with all sub-commands."""
    group = typer.Typer(no_args_is_help=True, help=_HELP)
    for name in COMMANDS:
        found = getattr(import_module(f"neurofer.cli.data.{name}"), name)
        if name in GROUPS:
            group.add_typer(found(), name=name)
        else:
            group.command(name)(command(found))
    return group


_HELP = """Look at recordings and data sets; convert, build, check.

Recordings are files of EVT 2.0, 2.1 and 3.0, ES, AEDAT 4.0, DAT, N-MNIST, HDF5, NPZ or text; videos are whatever
OpenCV reads, or a folder of frames.
"""
