"""Running a program in targets and showing the verdicts: what ``verify``, ``export`` and ``demo`` share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from neurofer.cli.outcome import note
from neurofer.errors import UsageError

if TYPE_CHECKING:
    import nir
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from neurofer.ir import Program, Trace
    from neurofer.verify import Verdict, Verification
    from neurofer.verify.verdict import Importer

Importers = Literal["neurofer", "stock", "both"]
DENSITY = 0.3
_SHOWN = 3
_STYLE = {"EXACT": "green", "TIES": "green", "DIVERGENT": "red", "SILENT": "red", "REFUSED": "yellow"}


def parse_targets(text: str | None) -> tuple[str, ...] | None:
    """Return the simulators named in ``a,b``, None for None.

    Raises:
        UsageError: names that are none; all are named.
    """
    if text is None:
        return None
    from neurofer.backends import registry

    known = registry.names()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UsageError(
            f"no simulator is called {', '.join(map(repr, unknown)) or repr(text)}",
            where="--on",
            next_step=f"choose from {', '.join(known)}",
        )
    return names


def importers(wanted: Importers) -> tuple[Importer, ...]:
    """Return the importers that an option asks for."""
    return ("neurofer", "stock") if wanted == "both" else (wanted,)


def check(
    program: Program,
    golden: Trace,
    *,
    on: Sequence[str],
    importer: Importers = "both",
    graph: nir.NIRGraph | None = None,
) -> list[Verdict]:
    """Return one verdict per simulator and importer, telling on standard error which is being run."""
    from neurofer.verify import verify

    def progress(target: str, route: Importer) -> None:
        note(f"running in {target}, importer {route} ...")

    return verify(program, golden, on=on, importers=importers(importer), graph=graph, progress=progress)


def show(console: Console, verification: Verification, *, emitted: bool = False) -> None:
    """Print the verdicts as a table, and below it what is behind those that are not EXACT.

    Args:
        console: where to.
        verification: the verdicts.
        emitted: whether stock importers read a form that was written for them, and not the artifact itself.
    """
    from neurofer.backends.registry import RUNTIMES
    from neurofer.report.markdown import costs, divergence

    console.print(
        f"{verification.artifact}: {verification.steps} steps, {verification.samples} sample(s), "
        f"weights: {verification.weights}, input: {verification.input}"
    )
    console.print(verdict_table(verification.targets))
    if emitted and any(row.importer == "stock" and row.target not in RUNTIMES for row in verification.targets):
        console.print("stock importers read the form that neurofer export --to SIMULATOR writes for them")
    for row in verification.targets:
        if row.verdict in ("EXACT", "NOT_RUN"):
            continue
        said, _, more = condense(row.reason).partition("\n")
        console.print(f"{row.target}, {row.importer}: {row.verdict}: {said}")
        if row.verdict == "TIES" and row.spikes_differing:
            console.print(
                "  a tie that rounds the other way shifts the spikes behind it: all that then differ are counted"
            )
        if row.first_divergence:
            console.print(f"  first divergence: {divergence(row.first_divergence)}")
        if row.sources:
            console.print(f"  sources: {', '.join(map(repr, row.sources))}")
        if more:
            console.print(more)
    for row in verification.targets:
        if row.cost:
            console.print(f"{row.target}: {costs(row.cost)}")
    for reason, names in _absent(verification.targets).items():
        console.print(f"{', '.join(names)}: NOT_RUN: {condense(reason)}")


def _absent(rows: Iterable[Verdict]) -> dict[str, list[str]]:
    """Return why targets did not run -> these targets, each once."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.verdict == "NOT_RUN":
            names = found.setdefault(row.reason.removeprefix(f"{row.target}: "), [])
            if row.target not in names:
                names.append(row.target)
    return found


def condense(reason: str) -> str:
    """Return the text of an error with the nodes that share a cause in one line; the JSON has them all."""
    lines: list[str] = []
    causes: dict[str, list[str]] = {}
    for line in reason.splitlines():
        where, separator, why = line.removeprefix("  - ").partition(": ")
        if not (line.startswith("  - ") and separator):
            lines.append(line)
            continue
        if why not in causes:
            lines.append(f"  - {why}: ")
        causes.setdefault(why, []).append(where)
    return "\n".join(line + _some(causes[line[4:-2]]) if line[4:-2] in causes else line for line in lines)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def verdict_table(rows: Iterable[Verdict]) -> Table:
    """Return the table of verdicts, for a console."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("target", "importer", "version", "verdict"):
        table.add_column(title, no_wrap=True)
    table.add_column("spikes compared", justify="right")
    table.add_column("differing", justify="right")
    table.add_column("nodes", justify="right")
    table.add_column("reason", overflow="fold")
    for row in rows:
        table.add_row(
            row.target,
            row.importer,
            row.version.removeprefix(f"{row.target} "),
            verdict_text(row.verdict),
            f"{row.spikes_compared:,}",
            f"{row.spikes_differing:,}",
            f"{row.nodes_compared}/{row.nodes_total}",
            _short(row),
        )
    return table


def verdict_text(word: str) -> Text:
    """Return a verdict in its colour."""
    from rich.text import Text

    return Text(word, style=_STYLE.get(word, "dim"))


def _short(row: Verdict) -> str:
    if row.verdict == "EXACT":
        return row.reason
    if row.first_divergence:
        return f"at node {row.first_divergence.node!r}, step {row.first_divergence.step}; see below"
    return "see below"
