"""Targets: data files that name a backend and its settings. Adding a target is adding a file to ``targets/``."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from neurofer import resources
from neurofer.backends import environments
from neurofer.backends.board import Board
from neurofer.errors import MissingPackageError, ReadError, UsageError
from neurofer.ir import Capabilities
from neurofer.ir import nodes as n

Text = Annotated[str, msgspec.Meta(min_length=1)]
Importer = Literal["neurofer", "stock"]

NEURONS = ("IF", "LIF", "CubaLIF", "I", "LI", "CubaLI")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the backend.

    Attributes:
        dt: length of a step in seconds that the target's files are written with; None where time has no unit.
        form: of an ONNX model of a network with memory: all steps as one Scan, or a single step.
    """

    dt: Annotated[float, msgspec.Meta(gt=0)] | None = None
    form: Literal["scan", "step"] = "scan"


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One target.

    Attributes:
        name: the file's name without ``.toml``.
        description: one line.
        backend: module of `neurofer.backends` that speaks the framework or writes the format.
        artifact: name of the file in a bundle; empty for what is run and never written.
        importers: routes by which what was written can be run: ours, and the target's own.
        packages: distributions that must be installed.
        extra: extra of neurofer that installs them; empty if they always are.
        environment: environment of its own that it runs in instead; see `neurofer.backends.environments`.
        profile: energy profile.
        limits: what does not work, in words.
        options: settings of the backend.
        board: the microcontroller that the backend's C is compiled for and emulated on.
    """

    name: Text
    description: Text
    backend: Text
    artifact: str = ""
    importers: tuple[Importer, ...] = ()
    packages: tuple[Text, ...] = ()
    extra: str = ""
    environment: str = ""
    profile: Text = "cmos45"
    limits: tuple[Text, ...] = ()
    options: Options = Options()
    board: Board | None = None

    @property
    def install(self) -> str:
        """The command that installs what the target needs."""
        if self.board is not None:
            return self.board.install
        if self.environment:
            return f"neurofer targets setup {self.environment}"
        return f"pip install 'neurofer[{self.extra}]'" if self.extra else "pip install neurofer"


def target_names() -> tuple[str, ...]:
    """Names of the targets there are, sorted."""
    return tuple(sorted(path.stem for path in resources.folder("targets").glob("*.toml")))


def load_target(name: str | Path) -> Target:
    """Read a target.

    Args:
        name: one of `target_names()`, or the path of a ``.toml`` file.

    Raises:
        UsageError: there is no such target; the message names those there are.
        ReadError: the file is no target: no TOML, unknown keys, missing or wrong values.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = resources.folder("targets") / f"{name}.toml"
        if str(name) not in target_names():
            raise UsageError(f"no target is called {str(name)!r}", next_step=_known())
    try:
        target = msgspec.toml.decode(path.read_bytes(), type=Target)
    except OSError as error:
        raise UsageError("no such target", where=str(path), why=error.strerror or "", next_step=_known()) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReadError("this is no target", where=str(path), why=str(error), next_step="see targets/") from error
    if target.name != path.stem:
        raise ReadError("the target's name is not the file's", where=str(path), why=f"it calls itself {target.name!r}")
    return target


def targets() -> tuple[Target, ...]:
    """Return every target, in the order of their names."""
    return tuple(load_target(name) for name in target_names())


def _known() -> str:
    return f"use one of {', '.join(target_names())}, or give the path of a .toml file"


def installed(target: Target) -> dict[str, str | None]:
    """Return the version of every package of ``target``, None where it is not installed; nothing is imported."""
    found: dict[str, str | None] = {}
    if target.environment:
        made = environments.status(target.environment)
        name, _, pinned = environments.version(target.environment).partition(" ")
        return {name: pinned if made.state == "ready" else None}
    for package in target.packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    if target.board is not None:
        found |= {tool: shutil.which(tool) for tool in target.board.tools}
    if target.extra == "native":
        found["C compiler"] = _compiler()
    return found


def _compiler() -> str | None:
    from neurofer.backends.c import compiler

    try:
        return str(compiler.find())
    except MissingPackageError:
        return None


def capabilities(target: Target) -> dict[Importer | Literal[""], Capabilities]:
    """Return what a target can, by importer ("" for one that has none): imports the backend.

    Raises:
        ReadError: the target names a backend that does not exist.
        MissingPackageError: a package it needs is not installed.
    """
    name = f"neurofer.backends.{target.backend}"
    try:
        module = import_module(name)
    except (ModuleNotFoundError, PackageNotFoundError) as error:
        if error.name == name:
            raise ReadError("the target names no backend", where=target.name, why=str(error)) from error
        raise MissingPackageError(
            "a package is not installed", where=target.name, why=str(error), next_step=target.install
        ) from error
    ours: Capabilities = module.CAPABILITIES
    stock: Capabilities = module.STOCK.capabilities if hasattr(module, "STOCK") else ours
    if not target.importers:
        return {"": ours}
    return {importer: stock if importer == "stock" else ours for importer in target.importers}


@dataclass(frozen=True)
class Column:
    """A column of the support matrix: one target through one importer."""

    target: str
    importer: str
    cells: dict[str, str]


def support(target: Target) -> list[Column]:
    """Return the columns of a target: row name -> ``yes``, ``no``, or a choice such as ``hard``.

    Raises:
        MissingPackageError: see `capabilities`.
    """
    return [Column(target.name, importer, _cells(can)) for importer, can in capabilities(target).items()]


def _cells(can: Capabilities) -> dict[str, str]:
    def yes(value: object) -> str:
        return "yes" if value else "no"

    neurons = bool(can.neurons)
    cells = {kind.__name__: yes(kind in can.nodes) for kind in n.LAYERS}
    cells |= {kind: yes(kind in can.neurons) for kind in NEURONS}
    cells["reset"] = _choice(can.resets) if neurons else "no"
    cells["compare"] = _choice(can.compares) if neurons else "no"
    cells["v_reset"] = yes(neurons and can.v_reset)
    cells["per neuron"] = yes(neurons and can.per_neuron)
    cells["groups"] = yes(can.groups)
    cells["padded sum pooling"] = yes(can.pool_padding and n.SumPool2d in can.nodes)
    cells["sums"] = yes(can.sums)
    cells["recurrent"] = yes(can.recurrent)
    return cells


def _choice(found: Iterable[str]) -> str:
    return ", ".join(sorted(found)) or "no"


def markdown(columns: list[Column]) -> str:
    """Return the support matrix as a Markdown table, one row per node kind or feature."""
    titles = [f"{column.target} ({column.importer})" if column.importer else column.target for column in columns]
    rows = [["", *titles], ["---"] * (len(titles) + 1)]
    rows += [[row, *(column.cells[row] for column in columns)] for row in (columns[0].cells if columns else ())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
