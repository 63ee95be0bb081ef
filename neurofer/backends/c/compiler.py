"""The C compiler of this machine: which one there is, its version, and the flags that give the same bits everywhere.

It is `CC`, else the first that works of ``cc``, ``gcc``, ``clang``, and the clang of the package ``ziglang`` (the extra
``native``), which needs nothing of the system.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from neurofer.errors import CompilerError, MissingPackageError

COMMON = ("-std=c99", "-fPIC", "-ffp-contract=off", "-fno-math-errno")
"""Flags of every build. No sum and product are contracted, so that float32 gives the same bits on every CPU; nothing
generated reads ``errno``."""

_NAMES = ("cc", "gcc", "clang")
_WAYS = (
    "install one: apt install gcc, brew install gcc, xcode-select --install, or pip install 'neurofer[native]'; "
    "or name one in the environment variable CC"
)


@dataclass(frozen=True)
class Compiler:
    """A compiler that answers.

    Attributes:
        command: how it is called, e.g. ``("gcc",)`` or ``(python, "-m", "ziglang", "cc")``.
        version: the first line of what ``--version`` says.
    """

    command: tuple[str, ...]
    version: str

    @property
    def zig(self) -> bool:
        """Whether it is the clang of Zig, which keeps caches of its own and spells CPUs with underscores."""
        return "ziglang" in self.command or Path(self.command[0]).name.startswith("zig")

    def __str__(self) -> str:
        return f"ziglang {self.version}" if self.zig else self.version


def find() -> Compiler:
    """Return the compiler to use.

    Raises:
        MissingPackageError: there is none; the ways to get one are named. Or `CC` names one that does not answer, or
            none at all.
    """
    chosen = os.environ.get("CC", "").strip()
    if not chosen:
        found = next(all_found(), None)
        if found is None:
            raise MissingPackageError("there is no C compiler", next_step=_WAYS)
        return found
    try:
        first, *rest = shlex.split(chosen)
    except ValueError as error:
        why = f"{chosen!r}: {error}"
        raise MissingPackageError(
            "CC names no C compiler", why=why, next_step="close its quotes, or unset it"
        ) from error
    command = (str(Path(first).absolute()) if os.sep in first else first, *rest)  # it will work in another folder
    version = _version(command)
    if version is None:
        why = f"{chosen!r} does not answer --version"
        raise MissingPackageError("CC names no C compiler", why=why, next_step="set CC to one that works, or unset it")
    return Compiler(command, version)


def all_found() -> Iterator[Compiler]:
    """Yield every compiler that is there beside `CC`, the one that is taken first, each once."""
    commands: list[tuple[str, ...]] = [(name,) for name in _NAMES]
    if find_spec("ziglang") is not None:
        commands.append((sys.executable, "-m", "ziglang", "cc"))
    seen: set[Path] = set()
    for command in commands:
        path = shutil.which(command[0])
        place = Path(path).resolve() if path else None
        if place is None or (place in seen and len(command) == 1):
            continue
        seen.add(place)
        if version := _version(command):
            yield Compiler(command, version)


@lru_cache
def _version(command: tuple[str, ...]) -> str | None:
    """Return the first line of ``--version``; None where there is no such command or it fails."""
    try:
        done = run(command, ("--version",))
    except CompilerError:
        return None
    lines = done.out.splitlines()
    return lines[0].strip() if done.code == 0 and lines else None


@dataclass(frozen=True)
class Said:
    """What a run of a compiler left: its exit code and what it wrote on standard output and standard error."""

    code: int
    out: str
    err: str

    def complaint(self, lines: int) -> str:
        """The first lines on standard error that hold an error, the first lines of it where none does."""
        said = [line.rstrip() for line in self.err.splitlines() if line.strip()]
        return "\n".join(([line for line in said if "error" in line.lower()] or said)[:lines])


def run(
    command: Sequence[str],
    arguments: Sequence[str],
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Said:
    """Run a compiler and return what it said; whatever happens here, nothing of it goes on running.

    Args:
        command: how it is called.
        arguments: of the call.
        folder: where it works, this process's if None.
        environ: variables that differ from this process's.

    Raises:
        CompilerError: it cannot be started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the compiler that the user's system or CC names
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", **(environ or {})},
            start_new_session=True,
        )
    except OSError as error:
        why = error.strerror or str(error)
        raise CompilerError("the compiler cannot be started", where=shlex.join(command), why=why) from error
    try:
        out, err = process.communicate()
    finally:
        if process.poll() is None:  # its children too: they write into a folder that is about to go
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return Said(process.returncode, out, err)


def flags(compiler: Compiler, *, cpu: str = "native", optimise: str = "-O3") -> tuple[str, ...]:
    """Return the flags of a build for a CPU.

    Args:
        compiler: which.
        cpu: ``native`` for this machine's, ``any`` for the oldest of its kind, or a name the compiler knows
            (``x86-64-v3``, ``znver4``, ``cortex-a72``).
        optimise: its level.

    Raises:
        CompilerError: the compiler does not know the CPU; its words are quoted.
    """
    chosen = _cpu(compiler, cpu)
    if cpu == "native" and chosen and predefined(compiler, chosen) is None:
        chosen = ()  # some compilers cannot look at the machine
    if predefined(compiler, chosen) is None:
        said = run(compiler.command, (*chosen, *_PREDEFINED))
        raise CompilerError(
            f"the compiler does not know the CPU {cpu!r}",
            where=str(compiler),
            why=said.complaint(1),
            next_step="use native, any, or a name that it knows",
        )
    return (optimise, *chosen, *COMMON)


def _cpu(compiler: Compiler, cpu: str) -> tuple[str, ...]:
    if cpu == "any":
        return ("-mcpu=baseline",) if compiler.zig else ()
    name = cpu.replace("-", "_") if compiler.zig else cpu
    by_family = platform.machine().lower() in ("x86_64", "amd64", "i686") and not compiler.zig
    return (f"-march={name}",) if by_family else (f"-mcpu={name}",)


_PREDEFINED = ("-E", "-dM", "-x", "c", os.devnull)


@lru_cache
def predefined(compiler: Compiler, chosen: tuple[str, ...]) -> str | None:
    """Return a hash of all macros that the compiler predefines under some flags; None where it refuses them.

    They hold its version, its target and every feature of the CPU that it will use.
    """
    done = run(compiler.command, (*chosen, *_PREDEFINED))
    if done.code or not done.out:
        return None
    return hashlib.sha256(done.out.encode()).hexdigest()
