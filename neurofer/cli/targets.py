"""``neurofer targets``: what can be exported to, and what each target can run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurofer.cli import options
from neurofer.cli.outcome import Outcome, note
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.backends.targets import Column, Target

_SCHEMA = "neurofer.targets/1"


def targets(
    name: Annotated[str | None, typer.Argument(help="One target, a .toml file, or: setup, remove.")] = None,
    environment: Annotated[str | None, typer.Argument(help="What to set up or remove; all for all.")] = None,
    matrix: Annotated[bool, typer.Option("--matrix", help="Show the support matrix (imports the simulators).")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the support matrix as Markdown.")] = False,
    json: options.Json = False,
) -> Outcome:
    """List the targets, and whether they are installed.

    Also what each is and can run.
    A target is a file in targets/; the support matrix is made from what the backends declare.
    Some simulators run in an environment of their own: neurofer targets setup NAME makes it (all for all of them).
    neurofer targets remove c removes the libraries that were compiled for this machine.
    """
    from neurofer.backends import targets as room

    if name in ("setup", "remove"):
        return _change(name, environment)
    if environment is not None:
        raise UsageError(f"{name!r} takes no second name", next_step="neurofer targets setup NAME, or one NAME alone")
    found = room.targets() if name is None else (room.load_target(name),)
    shown = [target for target in found if target.board is None or name]  # boards run what the C they compile can
    columns = _columns(shown) if matrix or markdown else []
    document: dict[str, Any] = {"schema": _SCHEMA, "targets": [_describe(target) for target in found]}
    if columns:
        document["matrix"] = columns
    if markdown:
        return Outcome(document, lambda console: console.print(room.markdown(columns), end=""))
    if name is None:
        return Outcome(document, lambda console: _render(console, found, columns))
    return Outcome(document, lambda console: _render_one(console, found[0], columns))


def _change(what: str, name: str | None) -> Outcome:
    """Set up or remove environments; what was compiled for the target c can be removed, too."""
    from neurofer.backends import environments
    from neurofer.backends.c import build

    known = environments.names() if what == "setup" else (*environments.names(), "c")
    if name != "all" and name not in known:
        raise UsageError(
            f"there is no environment {name!r}" if name else f"{what} what?",
            next_step=f"choose from {', '.join(known)}, or all",
        )
    for chosen in known if name == "all" else (name,):
        if what == "setup":
            environments.setup(chosen, note)
        elif chosen == "c":
            note(f"c: {build.clear() / 1e6:.1f} MB of compiled libraries removed")
        elif not environments.remove(chosen):
            note(f"{chosen}: there was none")
    found = [environments.status(chosen) for chosen in environments.names()]
    rows = [{"name": s.name, "state": s.state, "folder": str(s.folder), "megabytes": s.megabytes} for s in found]
    return Outcome({"schema": _SCHEMA, "environments": rows}, lambda console: _render_environments(console, rows))


def _render_environments(console: Console, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("environment", "state", "MB", "folder"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        there = row["state"] == "ready"
        table.add_row(row["name"], row["state"], str(row["megabytes"]) if there else "", row["folder"] if there else "")
    console.print(table)
    if ready := [row["name"] for row in rows if row["state"] == "ready"]:
        console.print(f"next: neurofer verify NETWORK --on {','.join(ready)}")


def _describe(target: Target) -> dict[str, Any]:
    import msgspec

    from neurofer.backends.targets import installed

    return {**msgspec.to_builtins(target), "installed": installed(target)}


def _columns(found: Iterable[Target]) -> list[Column]:
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
    board = target.board
    dt = "" if target.options.dt is None else f"{target.options.dt:g} s"
    facts = {
        "what": target.description,
        "writes": target.artifact or "nothing",
        "importers": ", ".join(target.importers),
        "installed": _versions(target),
        "install": target.install if "missing" in _versions(target) else "",
        "part": f"{board.part}: flash {board.flash:,} bytes, RAM {board.ram:,} bytes" if board else "",
        "source": board.source if board else "",
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
        console.print(f"next: neurofer export NETWORK --to {target.name}")


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
