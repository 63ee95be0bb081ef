"""Ctrl-C and SIGTERM, which must not be lost: Python drops an exception that is raised while a module is imported."""

from __future__ import annotations

import signal
import threading
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143
_CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
_received: list[int] = []


def listen() -> None:
    """Turn both signals into exceptions, so that what is half-written is removed; they stay `pending` if dropped."""
    if threading.current_thread() is threading.main_thread():
        for number in _CODES:
            signal.signal(number, _receive)


def pending() -> int:
    """Return the exit code of the signal that was received, 0 without one."""
    return _received[0] if _received else 0


def check() -> None:
    """Raise again what a signal had raised.

    Raises:
        KeyboardInterrupt: on Ctrl-C.
        SystemExit: on SIGTERM.
    """
    if pending() == INTERRUPTED:
        raise KeyboardInterrupt
    if pending():
        raise SystemExit(pending())


def _receive(number: int, frame: FrameType | None) -> None:
    del frame
    if not _received:
        _received.append(_CODES[signal.Signals(number)])
    check()
