"""The rows of suites as tables, for a terminal and as Markdown."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from neurofer.cli.bench.measure import COLUMNS, Column, Row

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Section:
    """What is shown of a suite.

    Attributes:
        suite: its name.
        introduction: what its module says of it.
        columns: of its table.
        rows: of its table.
        notes: sentences that follow.
    """

    suite: str
    introduction: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    notes: tuple[str, ...]

    @property
    def cells(self) -> list[list[str]]:
        """The table."""
        return [[column.cell(row) for column in self.columns] for row in self.rows]


def module(suite: str) -> Any:
    """Return the module of a suite."""
    return import_module(f"neurofer.cli.bench.{suite}")


def sections(document: dict[str, Any]) -> Iterator[Section]:
    """Yield the suites of a document; see `Section`."""
    for name in dict.fromkeys(row["suite"] for row in document["rows"]):
        found: ModuleType = module(name)
        rows = [row for row in document["rows"] if row["suite"] == name]
        notes = tuple(found.notes(rows)) if hasattr(found, "notes") else ()
        yield Section(name, inspect.getdoc(found) or "", getattr(found, "COLUMNS", COLUMNS), rows, notes)


def show(console: Console, document: dict[str, Any]) -> None:
    """Print a document on a terminal."""
    from rich.table import Table

    for section in sections(document):
        table = Table(box=None, pad_edge=False)
        for column in section.columns:
            table.add_column(column.title, justify="left" if column.words else "right", no_wrap=True)
        for cells in section.cells:
            table.add_row(*cells)
        console.print(table)
        for note in section.notes:
            console.print(f"  {note}")
    console.print(document["machine"])


def markdown(document: dict[str, Any]) -> str:
    """Return a document as Markdown, ending in a newline."""
    from neurofer.report.markdown import table

    parts = []
    for section in sections(document):
        made = f"`neurofer bench --suite {section.suite} --rounds {document['rounds']}` on {document['machine']}:"
        parts += [f"## {section.suite}", section.introduction, made]
        parts.append(table([column.title for column in section.columns], section.cells))
        if section.notes:
            parts.append("\n".join(f"- {note}" for note in section.notes))
    return "\n\n".join(parts) + "\n"
