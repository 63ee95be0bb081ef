"""``neurofer targets``: what can be exported to, and what each target can run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurofer.cli import options
from neurofer.cli.outcome import Outcome, note

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.backends.targets import Column, Target

_SCHEMA = "neurofer.targets/1"


def targets(
    name: Annotated[str | None, typer.Argument(help="One target, or the path of a .toml file.")] = None,
    matrix: Annotated[bool, typer.Option("--matrix", help="Show the support matrix (imports the simulators).")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the support matrix as Markdown.")] = False,
    json: options.Json = False,
) -> Outcome:
    """List the targets: what they are, whether what they need is installed, and what they can run.

    A target is a file in targets/; the support matrix is made from what the backends declare.
    """
    from neurofer.backends import targets as room

    found = room.targets() if name is None else (room.load_target(name),)
    columns = _columns(found) if matrix or markdown else []
    document: dict[str, Any] = {"schema": _SCHEMA, "targets": [_describe(target) for target in found]}
    if columns:
        document["matrix"] = columns
    if markdown:
        return Outcome(document, lambda console: console.print(room.markdown(columns), end=""))
    if name is None:
        return Outcome(document, lambda console: _render(console, found, columns))
    return Outcome(document, lambda console: _render_one(console, found[0], columns))


def _describe(target: Target) -> dict[str, Any]:
    import msgspec

    from neurofer.backends.targets import installed

    return {**msgspec.to_builtins(target), "installed": installed(target)}


def _columns(found: tuple[Target, ...]) -> list[Column]:
    """Return the columns of what is installed, telling on standard error what is not."""
    from neurofer.backends.targets import support
    from neurofer.errors import MissingPackageError

    columns = []
    for target in found:
        try:
            columns += support(target)
        except MissingPackageError as error:
            note(f"left out: {error}")
    return columns


def _versions(target: Target) -> str:
    from neurofer.backends.targets import installed

    return ", ".join(f"{package} {found or 'missing'}" for package, found in installed(target).items())


def _render(console: Console, found: tuple[Target, ...], columns: list[Column]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("target", "importers", "installed", "description"):
        table.add_column(title, no_wrap=title in ("target", "importers"))
    for target in found:
        table.add_row(target.name, ", ".join(target.importers), _versions(target), target.description)
    console.print(table)
    _render_matrix(console, columns)
    console.print("next: neurofer targets NAME, or neurofer targets --matrix")


def _render_one(console: Console, target: Target, columns: list[Column]) -> None:
    dt = "" if target.options.dt is None else f"{target.options.dt:g} s"
    facts = {
        "what": target.description,
        "writes": target.artifact or "nothing",
        "importers": ", ".join(target.importers),
        "installed": _versions(target),
        "install": target.install if "missing" in _versions(target) else "",
        "dt": dt,
        "energy": target.profile,
    }
    console.print(target.name)
    for fact, value in facts.items():
        if value:
            console.print(f"  {fact:<10} {value}")
    for limit in target.limits:
        console.print(f"  limit      {limit}")
    _render_matrix(console, columns)
    if target.artifact:
        console.print(f"next: neurofer export NETWORK --to {target.name} --out DIR")


def _render_matrix(console: Console, columns: list[Column]) -> None:
    from rich.table import Table

    if not columns:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for column in columns:
        table.add_column(f"{column.target}\n{column.importer}")
    for row in columns[0].cells:
        table.add_row(row, *(column.cells[row] for column in columns))
    console.print(table)
