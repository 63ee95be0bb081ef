"""Commands of one group, in the order of the work: Typer alone would put groups behind single commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from neurofer.cli.outcome import Outcome, command

Command = Callable[..., Outcome] | typer.Typer


def group(commands: Mapping[str, Command], **settings: Any) -> typer.Typer:
    """Return an application of commands, some of them applications themselves, that lists them in this order.

    Args:
        commands: name -> function, or application.
        settings: of the application.
    """

    class InOrder(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return list(commands)

    app = typer.Typer(cls=InOrder, no_args_is_help=True, **settings)
    for name, found in commands.items():
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(command(found))
    return app


def imported(package: str, names: Iterable[str], groups: Iterable[str]) -> dict[str, Command]:
    """Return the commands of a package, each a function of its own name in the module of that name.

    Args:
        package: where the modules are.
        names: of the commands.
        groups: those whose function returns an application.
    """
    found = {name: getattr(import_module(f"{package}.{name}"), name) for name in names}
    return {name: made() if name in groups else made for name, made in found.items()}
