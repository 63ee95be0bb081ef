"""``neurofer conformance``: what simulators make of NIR graphs as NIR defines them, node kind by node kind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurofer.cli import options
from neurofer.cli.check import Importers
from neurofer.cli.outcome import Outcome, note
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.conformance import Report, Result, Simulator

_EVERY = 10.0


def conformance(
    on: Annotated[str, typer.Option(help="Simulators: a,b or all.")] = "all",
    importer: Annotated[Importers, typer.Option(help="Theirs (ours where there is none), ours, or both.")] = "stock",
    case: Annotated[str | None, typer.Option(help="Cases or a node kind: 'lif*', Conv2d.", show_default="all")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one case.")] = 60.0,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as Markdown.")] = False,
    json: options.Json = False,
) -> Outcome:
    """Run small NIR graphs in simulators and judge each answer.

    Answers are exact, refused, silently wrong, or crashes.
    The graphs carry no metadata: simulators read them as they would read anybody's. The reference is NIR as neurofer
    reads it (forward Euler). It is a report: the exit code is 1 only where our own importer is wrong or crashes.
    """
    from neurofer import conformance as room
    from neurofer.conformance.cases import select
    from neurofer.conformance.report import RIGHT

    cases = room.suite() if case is None else select(case)
    chosen = _simulators(on, importer)
    note(f"running {len(cases)} cases in {', '.join(dict.fromkeys(s.name for s in chosen))} ...")
    report = room.run(chosen, cases, timeout=timeout, progress=_Progress())
    ours = [result.word for result in report.results if result.importer == "neurofer"]
    code = int(any(word not in (*RIGHT, "not run") for word in ours))
    if markdown:
        return Outcome(report, lambda console: console.print(room.markdown(report), end=""), code)
    return Outcome(report, lambda console: _render(console, report, detailed=case is not None), code)


def _simulators(on: str, importer: Importers) -> list[Simulator]:
    from neurofer.conformance.registered import known, simulators

    names = list(dict.fromkeys(name.strip() for name in on.split(",") if name.strip()))
    if names == ["all"]:
        names = list(known())
    unknown = [name for name in names if name not in known()]
    if unknown or not names:
        raise UsageError(
            f"no simulator is called {', '.join(map(repr, unknown)) or repr(on)}",
            where="--on",
            next_step=f"choose from all, {', '.join(known())}",
        )
    return simulators(names, None if importer == "both" else importer)


class _Progress:
    """Tells on standard error when a simulator is done, and in between every ten seconds."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, result: Result, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self._told > _EVERY:
            self._told = now
            note(f"  {result.simulator}, importer {result.importer}: {done} of {total}")


def _render(console: Console, report: Report, *, detailed: bool) -> None:
    from rich.table import Table

    from neurofer.conformance.table import MISLEADING, by_kind, cell, failures, totals

    found = [report.of(column) for column in report.columns]
    rows: list[tuple[str, ...]] = by_kind(report)
    heading: tuple[str, ...] = ("node kind", "cases")
    if detailed:
        rows = [(c.name, *(cell([results[c.name]]) for results in found)) for c in report.cases]
        heading = ("case",)
    table = Table(box=None, pad_edge=False)
    for title in (*heading, *(column.title for column in report.columns)):
        table.add_column(title)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for column in report.columns:
        words = totals(report, column)
        console.print(f"{column.version or column.title}, importer {column.importer}: {_counted(words)}")
        for names, why in failures(report, column, ("refused", *MISLEADING)):
            console.print(f"  {names}: {why}")
        if words.keys() == {"not run"}:
            console.print("  " + "\n  ".join(next(iter(report.of(column).values())).reason.splitlines()))
    console.print("next: neurofer conformance --case NAME, or --markdown for the whole report")


def _counted(words: dict[Any, int]) -> str:
    return ", ".join(f"{number} {word}" for word, number in words.items())
