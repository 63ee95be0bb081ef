"""The errors neurofer raises: each says what went wrong, where, why, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One reason why a network cannot be read, captured, lowered or emitted.

    Attributes:
        where: node or module path.
        why: what cannot be done, and why.
        closest: the closest form that works, empty if there is none.
    """

    where: str
    why: str
    closest: str = ""

    def __str__(self) -> str:
        hint = f" (instead: {self.closest})" if self.closest else ""
        return f"{self.where}: {self.why}{hint}"


class NeuroferError(Exception):
    """Base of all errors neurofer raises on purpose.

    Args:
        what: one sentence, what could not be done.
        where: file, module path, node or step.
        why: the cause.
        next_step: what the user can do about it.
        problems: every problem of the kind, when there are several.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        next_step: str = "",
        problems: Iterable[Problem] = (),
    ) -> None:
        self.what, self.where, self.why, self.next_step = what, where, why, next_step
        self.problems = tuple(problems)
        super().__init__(self._text())

    def locate(self, where: str) -> None:
        """Put ``where``, such as a file's name, before the place the error already names."""
        self.where = f"{where}: {self.where}" if self.where else where
        self.args = (self._text(),)

    def rename(self, old: str, new: str) -> None:
        """Put the name that a file will have where the error tells the one that it has now."""
        self.where = self.where.replace(old, new)
        self.args = (self._text(),)

    def in_one_line(self) -> str:
        """The error without what to do next, for a list of several."""
        told = f" ({'; '.join(map(str, self.problems))})" if self.problems else ""
        return f"{self._head()}{told}"

    def _head(self) -> str:
        return ": ".join(part for part in (self.where, self.what, self.why) if part)

    def _text(self) -> str:
        lines = [self._head()]
        lines += [f"  - {problem}" for problem in self.problems]
        if self.next_step:
            lines.append(f"  next: {self.next_step}")
        return "\n".join(lines)


class UsageError(NeuroferError):
    """A command or call that cannot be carried out as given: a wrong option, path or input array."""


class ReadError(NeuroferError):
    """A file that cannot be read: missing, truncated, of another format, or contradicting itself."""


class WriteError(NeuroferError):
    """An output that cannot be written: a full disk, a read-only folder, a path that is taken."""


class ProgramError(NeuroferError):
    """A graph that is no program: shapes that do not match, a cycle without a delay, dangling edges."""


class CaptureError(NeuroferError):
    """A framework's module that holds what a Program cannot express."""


class PassError(NeuroferError):
    """A pass whose requirements the program does not meet."""


class RefusedError(NeuroferError):
    """A network that a target cannot run exactly; nothing was emitted."""

    exit_code = 2


class MissingPackageError(NeuroferError):
    """A package that is not installed; names the command that installs it."""

    exit_code = 4


class BundleError(NeuroferError):
    """A bundle whose files are missing, altered or of an unknown schema."""


class SimulatorError(RefusedError):
    """A simulator in an environment of its own that crashed, hung or raised; its words are quoted."""


class CompilerError(NeuroferError):
    """A C compiler that failed; its words are quoted."""
