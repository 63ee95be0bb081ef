"""C sources as shared libraries, each compiled once: a content-addressed folder in the user's cache.

A library is named by a hash of all that decides what is in it (sources, flags, and the macros that the compiler
predefines, which hold its version and the CPU's features) and by a hash of itself, so an entry is there whole or not at
all. It is compiled in a folder of its own beside its place and moved there in one step; of several processes that want
the same one, one compiles and the others wait. What was not used for longest goes when the folder outgrows its limit.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurofer import resources
from neurofer.backends.c import compiler as compilers
from neurofer.backends.c.compiler import Compiler
from neurofer.errors import CompilerError, WriteError
from neurofer.files import cannot_write

LIMIT = 256 * 2**20
"""Bytes of libraries that are kept."""

_QUOTED = 12
_FULL = ("No space left", "File too large", "File size limit exceeded", "Disk quota exceeded")
_NOTHING = 2**16  # bytes free, with which no library is made
_ELSEWHERE = "make room, or set NEUROFER_CACHE to a folder that has some and can be written"
_LEAST = "#include <stdint.h>\n#include <string.h>\nint neurofer_least(void);\nint neurofer_least(void) { return 0; }\n"
_PROBE = "#include <omp.h>\nint neurofer_threads(void);\nint neurofer_threads(void) { return omp_get_max_threads(); }\n"


@dataclass(frozen=True)
class Build:
    """How a library is made.

    Attributes:
        files: name -> text of every source and header; those ending in ``.c`` are compiled.
        compiler: what compiles it.
        flags: see `compiler.flags`; definitions among them.
    """

    files: Mapping[str, str]
    compiler: Compiler
    flags: tuple[str, ...]

    @property
    def key(self) -> str:
        """Hash of all that decides what the library does."""
        digest = hashlib.sha256()
        cpu = compilers.predefined(self.compiler, self.flags) or ""
        for part in (*self.compiler.command, self.compiler.version, cpu, *self.flags):
            digest.update(part.encode() + b"\0")
        for name, text in sorted(self.files.items()):
            digest.update(name.encode() + b"\0" + hashlib.sha256(text.encode()).digest())
        return digest.hexdigest()[:32]


def folder() -> Path:
    """The folder of all libraries."""
    return resources.cache("native")


def load(build: Build) -> ctypes.CDLL:
    """Return the library, compiled unless it is there.

    Raises:
        CompilerError: the compiler refused it; its words are quoted.
        WriteError: the cache folder cannot be written, or is full; nothing is left there.
    """
    for _ in range(2):  # again where another process took it away, to make room, before it was opened
        path = library(build)
        try:
            return ctypes.CDLL(str(path))
        except OSError as error:
            failure = error
            path.unlink(missing_ok=True)
    raise CompilerError("what the compiler made cannot be loaded", where=str(build.compiler), why=str(failure))


def library(build: Build) -> Path:
    """Return the path of the library, compiled unless it is there; see `load`."""
    home = folder()
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(home / f"lock-{build.key[0]}"):
            return _found(home, build.key) or _make(home, build)
    except OSError as error:
        raise WriteError(
            "cannot write", where=str(home), why=cannot_write(home, error).why, next_step=_ELSEWHERE
        ) from error


def check(compiler: Compiler, flags: Sequence[str]) -> None:
    """Compile and load the least there is.

    Raises:
        CompilerError: it does not work; the compiler's words are quoted.
        WriteError: see `load`.
    """
    load(Build({"probe.c": _LEAST}, compiler, tuple(flags)))


def openmp(compiler: Compiler, flags: Sequence[str]) -> bool:
    """Whether the compiler makes OpenMP programs that can be loaded: it brings the header and the runtime for it."""
    probe = Build({"probe.c": _PROBE}, compiler, (*flags, "-fopenmp"))
    try:
        return bool(load(probe).neurofer_threads())
    except CompilerError:
        return False


def clear() -> int:
    """Remove every library, and what was left by processes that were killed; return the bytes that are free again."""
    home = folder()
    size = sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) if home.is_dir() else 0
    shutil.rmtree(home, ignore_errors=True)
    return size


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock; the system lets go of it however this process ends."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _found(home: Path, key: str) -> Path | None:
    """Return an entry that is what it was when it was made; a damaged one is removed."""
    for path in home.glob(f"{key}.*.so"):
        if path.name.split(".")[1] == _digest(path):
            os.utime(path)  # what was used last stays longest
            return path
        path.unlink(missing_ok=True)
    return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _make(home: Path, build: Build) -> Path:
    for stale in home.glob(f"{build.key[0]}*.draft"):  # this process holds their lock: who made them was killed
        shutil.rmtree(stale, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{build.key}.", suffix=".draft", dir=home))
    try:
        for name, text in build.files.items():
            (draft / name).write_text(text)
        made = _compile(home, draft, build)
        path = home / f"{build.key}.{_digest(made)}.so"
        made.replace(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _make_room(home, path)
    return path


def _compile(home: Path, draft: Path, build: Build) -> Path:
    made = draft / "library.so"
    sources = sorted(name for name in build.files if name.endswith(".c"))
    # what the compiler writes beside its output goes with the draft
    environ = {"TMPDIR": str(draft), "ZIG_LOCAL_CACHE_DIR": str(draft), "ZIG_GLOBAL_CACHE_DIR": str(home / "zig")}
    environ |= {name: value for name, value in os.environ.items() if name == "ZIG_GLOBAL_CACHE_DIR"}
    arguments = (*build.flags, "-shared", "-o", made.name, *sources)
    said = compilers.run(build.compiler.command, arguments, folder=draft, environ=environ)
    if said.code == 0 and made.is_file():
        return made
    if any(words in said.err for words in _FULL) or shutil.disk_usage(draft).free < _NOTHING:
        raise WriteError("there is no room to compile", where=str(home), why=said.complaint(1), next_step=_ELSEWHERE)
    raise CompilerError(
        "the compiler refused what was generated",
        where=str(build.compiler),
        why=f"exit code {said.code}\n{said.complaint(_QUOTED)}" if said.code else "it left no library",
        next_step=f"try another compiler (CC), or report it; it was called as: {shlex.join(build.compiler.command)} "
        + shlex.join(arguments),
    )


def _make_room(home: Path, latest: Path) -> None:
    """Remove what was not used for longest until the rest is within the limit; ``latest`` stays."""
    entries = []
    for path in home.glob("*.so"):
        with contextlib.suppress(FileNotFoundError):
            entries.append((path.stat().st_mtime, path.stat().st_size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= LIMIT:
            return
        if path != latest:
            path.unlink(missing_ok=True)
            total -= size
