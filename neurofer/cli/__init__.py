"""The command line: one file per verb. What is heavy is imported by the verb that needs it, when it runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from neurofer import __version__
from neurofer.cli import interrupt
from neurofer.cli.group import group, imported
from neurofer.errors import MissingPackageError, NeuroferError

VERBS = (
    "data",
    "train",
    "export",
    "verify",
    "run",
    "energy",
    "report",
    "inspect",
    "targets",
    "bench",
    "conformance",
    "doctor",
    "demo",
)
"""Each is a function of its own name in the module of that name; here in the order of the work."""

GROUPS = frozenset({"data"})
"""Verbs with sub-commands, whose function returns them."""

# Typer brings its own copy of click in some versions and uses the package in others: this is the class it raises.
_ClickException = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
_INSTALL = "pip install 'neurofer[all]'"
_USAGE, _BUG = 3, 70
_STOPPED = {interrupt.INTERRUPTED: "interrupted", interrupt.TERMINATED: "terminated"}


def build() -> typer.Typer:
    """Return the application with all verbs."""
    app = group(
        imported("neurofer.cli", VERBS, GROUPS),
        name="neurofer",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_root)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"neurofer {__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Deploy spiking networks, and know spike by spike that they are still the same.

    A NETWORK is a recipe (conv-snn, spiking-fer, digits), a checkpoint (.safetensors), a .nir file or a bundle.

    Exit codes: 0 the same network; 1 it differs, or nothing spiked; 2 refused; 3 wrong call or input; 4 not installed.
    """


def main() -> None:
    """Run the command line and leave with its exit code."""
    _quieten()
    interrupt.listen()
    raise SystemExit(execute(sys.argv[1:]))


def execute(arguments: list[str]) -> int:
    """Run one command line and return its exit code; the one place where errors become words.

    A NeuroferError is told without a traceback; anything else is a fault of neurofer's and keeps it.
    """
    try:
        code = build()(arguments, prog_name="neurofer", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = interrupt.INTERRUPTED
    except SystemExit as leaving:
        code = leaving.code
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not pass for a verdict
        code = interrupt.pending() or _tell(error)  # a signal during an import surfaces as any exception
    if code in _STOPPED:  # Typer turns an interrupt of a command into its code
        sys.stderr.write(f"neurofer: {_STOPPED[code]}; nothing was left half-written\n")
    return code if isinstance(code, int) else 0


def _tell(error: Exception) -> int:
    """Say what went wrong, and return the exit code."""
    if isinstance(error, NeuroferError):
        sys.stderr.write(f"neurofer: {error}\n")
        return error.exit_code
    if isinstance(error, ModuleNotFoundError):
        return _missing(error)
    return _usage(error) if isinstance(error, _ClickException) else _fault()


def _fault() -> int:
    import traceback

    sys.stderr.write(f"{traceback.format_exc()}neurofer: this is a fault in neurofer, please report it\n")
    return _BUG


def _missing(error: ModuleNotFoundError) -> int:
    package = (error.name or "").split(".")[0]
    if package in ("", "neurofer"):
        return _fault()
    missing = MissingPackageError(f"this needs {package}, which is not installed", next_step=_INSTALL)
    sys.stderr.write(f"neurofer: {missing}\n")
    return missing.exit_code


def _usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    path = "neurofer" if context is None else context.command_path
    message, help_text = error.format_message(), "" if context is None else context.get_help()
    if message and message != help_text:
        sys.stderr.write(f"{path}: {message}\n  next: {path} --help\n")
    elif context is not None:  # called with nothing
        sys.stderr.write(help_text + "\n")
    return _USAGE


def _quieten() -> None:
    """Silence what third-party packages say when they are imported; what goes wrong in them still raises."""
    import logging
    import warnings

    os.environ.setdefault("LOGURU_LEVEL", "ERROR")  # spikingjelly
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # what cannot be decoded, our readers tell
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # the same, of the FFmpeg within
    logging.disable(logging.WARNING)  # norse on parameters it ignores (verdicts tell), torch on missing Triton
    warnings.simplefilter("ignore")
