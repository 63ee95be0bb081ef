"""What a verb hands back, and the one place that writes it: standard output holds the result and nothing else."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from neurofer.cli import interrupt

if TYPE_CHECKING:
    from rich.console import Console

BROKEN_PIPE = 141
"""What a shell reports of a program whose reader went away."""

_PATIENCE = 2.0
"""Seconds between two words on how far something is."""


@dataclass(frozen=True)
class Outcome:
    """The result of a verb.

    Attributes:
        document: what ``--json`` prints: a mapping, msgspec Struct or dataclass with the key ``schema``.
        render: shows the same to a human.
        code: exit code.
    """

    document: Any
    render: Callable[[Console], None]
    code: int = 0


def command(verb: Callable[..., Outcome]) -> Callable[..., None]:
    """Return ``verb`` as a Typer command: its Outcome goes to standard output, whatever else is printed to the other.

    The verb has a flag ``json``. It reports progress with `note`, raises a NeuroferError where it cannot go on, and
    imports what is heavy in its body.
    """

    @functools.wraps(verb)
    def run(*arguments: Any, json: bool, **options: Any) -> None:
        with contextlib.redirect_stdout(sys.stderr):  # simulators print while they are imported and run
            outcome = verb(*arguments, json=json, **options)
        try:
            _write(outcome, json=json)
        except BrokenPipeError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains at exit
            raise typer.Exit(BROKEN_PIPE) from error
        if outcome.code:
            raise typer.Exit(outcome.code)

    return run


def _write(outcome: Outcome, *, json: bool) -> None:
    if json:
        import msgspec

        text = msgspec.json.format(msgspec.json.encode(outcome.document, enc_hook=_plain), indent=2)
        sys.stdout.write(text.decode() + "\n")
    else:
        outcome.render(console(sys.stdout))
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    """Return a numpy number or array, or a read-only mapping, as what JSON knows."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "items"):
        return dict(value.items())
    return str(value)


def console(stream: Any) -> Console:
    """Return a console on ``stream`` that neither highlights nor interprets text; piped, it does not wrap."""
    from rich.console import Console

    width = None if stream.isatty() else 1000
    return Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True, width=width)


def note(message: str) -> None:
    """Tell on standard error what is going on; a signal that was dropped until here counts now."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
    interrupt.check()  # after the words, which may be those on an interrupt


class Ticker:
    """Tells on standard error how far a long piece of work is, every few seconds.

    Args:
        what: is counted.
        of: how many there will be, if that is known.
    """

    def __init__(self, what: str, of: int | None = None) -> None:
        self._what, self._of, self._count, self._told = what, of, 0, 0.0

    def add(self, count: int = 1) -> None:
        """Count on; a signal that was dropped until here counts now."""
        import time

        now = time.monotonic()
        self._count, self._told = self._count + count, self._told or now
        if now - self._told >= _PATIENCE:
            self._told = now
            note(f"  {self._count:,}{'' if self._of is None else f' of {self._of:,}'} {self._what}")


@contextlib.contextmanager
def doing(message: str) -> Iterator[None]:
    """Tell on standard error what is going on, and how long it took if that was over a second."""
    import time

    start = time.perf_counter()
    note(f"{message} ...")
    yield
    interrupt.check()
    if (seconds := time.perf_counter() - start) > 1:
        note(f"  {seconds:.1f} s")
