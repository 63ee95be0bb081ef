"""What is written for a target: the file of a network, in the form that the target reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from neurofer.backends import registry
from neurofer.backends.targets import Target
from neurofer.ir import Program, serde
from neurofer.report.report import Computed, computed
from neurofer.report.subject import Subject

if TYPE_CHECKING:
    from neurofer.backends.board import Board


@dataclass(frozen=True)
class Artifact:
    """What was written.

    Attributes:
        path: the file.
        program: as it is read back from there.
        arithmetic: the numbers of generated code.
    """

    path: Path
    program: Program
    arithmetic: tuple[Computed, ...] = ()


def emit(subject: Subject, target: Target, folder: Path) -> Artifact:
    """Write a network for a target into a folder.

    Raises:
        RefusedError: the target cannot run the network.
        MissingPackageError: what writes it is not installed.
        WriteError: the folder cannot be written.
    """
    path = folder / target.artifact
    match target.backend:
        case "nir":
            serde.write(path, subject.lowered)
            return Artifact(path, serde.read(path))
        case "onnx":
            return _onnx(subject, path, target.options.form)
        case "c":
            return _c(subject, path, target.board)
    return _dialect(subject, path, target.backend)


def _dialect(subject: Subject, path: Path, simulator: str) -> Artifact:
    """Write NIR in the form that a simulator's own importer reads as the same network."""
    _, graph = registry.simulator(simulator).STOCK.emit(subject.lowered)
    serde.write(path, graph)
    return Artifact(path, serde.read(path))


def _onnx(subject: Subject, path: Path, form: Literal["scan", "step"]) -> Artifact:
    program = subject.snn if subject.baseline else subject.lowered
    registry.simulator("onnx").emit(program, path, form)
    return Artifact(path, program)


def _c(subject: Subject, path: Path, board: Board | None) -> Artifact:
    """Write C for any processor, or for a microcontroller with all that its build needs."""
    from neurofer.backends import c
    from neurofer.backends.c import boards

    program = subject.lowered
    if board is None:
        made = c.sources(program)
        c.write(made, path.parent)
    else:
        made = boards.suited(program, board)
        boards.write(made, path.parent, board)
    return Artifact(path, program, computed(made.arithmetic))
