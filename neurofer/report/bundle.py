"""The bundle: a folder that holds an exported network with its recorded sample, manifest and report."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from neurofer.errors import BundleError, Problem, UsageError, WriteError
from neurofer.files import cannot_write, write_file
from neurofer.ir import Contract, Program, Trace, program_file, serde
from neurofer.passes import Proof
from neurofer.report.golden import read_golden

SCHEMA = "neurofer.bundle/1"
MANIFEST, GOLDEN, REPORT, MARKDOWN = "manifest.json", "golden.npz", "report.json", "report.md"
PROGRAM = "program.npz"
"""The exported program, where none can be read from the artifact."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle holds. Schema ``neurofer.bundle/1``.

    Attributes:
        network: as it was named when exported.
        weights: ``trained``, ``random`` or ``file``.
        target: what it was exported for.
        backend: that wrote the artifact.
        artifact: file name of the exported network.
        command: the command line that made it.
        seed: of random weights and drawn samples.
        sample: where the recorded input comes from.
        contract: time, encoder and readout of the exported program.
        verdict: ``target/importer`` -> verdict.
        caveats: what the artifact cannot say by itself.
        proof: of a network exported with ``--exact``: of every node its grid, bound, and whether float32 is exact.
        versions: package -> version.
        sha256: file name -> hash, of every file but this one.
    """

    network: str
    weights: Literal["trained", "random", "file"]
    target: str
    backend: str
    artifact: str
    command: str
    seed: int
    sample: str
    contract: Contract
    verdict: dict[str, str]
    caveats: list[str]
    proof: list[Proof] = []
    versions: dict[str, str]
    sha256: dict[str, str] = {}
    schema: str = SCHEMA


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk whose files are those of its manifest."""

    folder: Path
    manifest: Manifest

    @property
    def artifact(self) -> Path:
        """Path of the exported network."""
        return self.folder / self.manifest.artifact

    def program(self) -> Program:
        """Read the exported program.

        Raises:
            UsageError: the artifact is not one that a program can be read from.
            ReadError: the artifact is damaged.
        """
        if PROGRAM in self.manifest.sha256:
            return program_file.read(self.folder / PROGRAM)
        if self.artifact.suffix != ".nir":
            raise UsageError(
                f"no program can be read from {self.manifest.artifact}",
                where=str(self.folder),
                next_step=f"run it in {self.manifest.target}; neurofer report {self.folder} shows what was checked",
            )
        return serde.read(self.artifact)

    def golden(self, program: Program) -> Trace:
        """Read the recorded sample of ``program``, the bundle's own."""
        return read_golden(self.folder / GOLDEN, program)


def open_bundle(folder: str | Path) -> Bundle:
    """Open a bundle after checking the hash of every file.

    Raises:
        BundleError: no bundle, an unknown schema, or files that are missing or altered; all are named.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    problems = [
        Problem(name, "this is no plain file name, and a bundle's files lie in its folder")
        for name in sorted({manifest.artifact, *manifest.sha256})
        if name in ("", ".", "..") or any(letter in name for letter in "/\\\0")
    ]
    for name, expected in () if problems else manifest.sha256.items():
        path = folder / name
        if not path.is_file():
            problems.append(Problem(name, "the file is missing"))
        elif sha256(path) != expected:
            problems.append(Problem(name, "the file is not the one that was exported (sha256 differs)"))
    needed = {manifest.artifact, GOLDEN, REPORT}
    problems += [Problem(name, "the manifest has no sha256 of it") for name in sorted(needed - manifest.sha256.keys())]
    if problems:
        raise BundleError(
            "the bundle is not as it was exported", where=str(folder), problems=problems, next_step="export it again"
        )
    return Bundle(folder, manifest)


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(
            "this folder is no bundle",
            where=str(folder),
            why=f"it has no {MANIFEST}",
            next_step="make one with: neurofer export NETWORK --to nir",
        )
    try:
        content = path.read_bytes()
        schema = msgspec.json.decode(content, type=_Named).schema
        if schema == SCHEMA:
            return msgspec.json.decode(content, type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError("the manifest cannot be read", where=str(path), why=str(error)) from error
    raise BundleError(
        f"the bundle's schema is {schema!r}, not {SCHEMA!r}",
        where=str(path),
        next_step="use the version of neurofer that wrote it",
    )


class _Named(msgspec.Struct):
    schema: str


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Hash all files of ``folder`` into the manifest, write it, and return it.

    Raises:
        WriteError: the folder is full.
    """
    hashes = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    manifest = msgspec.structs.replace(manifest, sha256=hashes)
    write_file(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest


@contextlib.contextmanager
def publish(folder: str | Path, *, force: bool = False, mark: str = MANIFEST) -> Iterator[Path]:
    """Give an empty folder to fill; where that succeeds it becomes ``folder``, else nothing remains.

    A new folder appears in one step. One that is replaced is first moved aside, and back if the new one cannot follow.

    Args:
        folder: must not exist yet.
        force: an existing bundle or empty folder is replaced.
        mark: the file by which a folder is known to be one that may be replaced.

    Raises:
        WriteError: the folder exists, or cannot be written.
    """
    folder = Path(folder).absolute()
    check_free(folder, force=force, mark=mark)
    draft = _draft(folder)
    try:
        try:
            yield draft
        except WriteError as error:
            error.rename(str(draft), str(folder))
            raise
        try:
            _settle(draft)
            _swap(draft, folder)
        except OSError as error:
            raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draft(folder: Path) -> Path:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise cannot_write(folder, error) from error


def check_free(folder: Path, *, force: bool, mark: str = MANIFEST) -> None:
    """Check that `publish` may write to ``folder``, before the work that leads there.

    Raises:
        WriteError: the folder exists; with ``force``, it is not empty and has no file ``mark``.
    """
    if not os.path.lexists(folder):
        return
    replaceable = folder.is_dir() and ((folder / mark).is_file() or not any(folder.iterdir()))
    if not (force and replaceable):
        raise WriteError(
            "the output exists already",
            where=str(folder),
            why="" if replaceable else f"it has no {mark}, so nothing replaces it",
            next_step="choose another --out" + (", or replace it with --force" if replaceable else ""),
        )


def _settle(draft: Path) -> None:
    """Bring files and folder to the disk, readable for all."""
    for path in (*draft.rglob("*"), draft):
        path.chmod(0o755 if path.is_dir() else 0o644)
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _swap(draft: Path, folder: Path) -> None:
    if not folder.exists():
        draft.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.old."))
    old = aside / folder.name
    try:
        folder.rename(old)
        draft.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
