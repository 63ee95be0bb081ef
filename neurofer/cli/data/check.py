"""``neurofer data check``: everything that is wrong with data, at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurofer.cli import options
from neurofer.cli.data.options import Labels
from neurofer.cli.outcome import Outcome, Ticker, doing

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.data.check import Checked

_SHOWN = 50


def check(
    data: Annotated[
        Path, typer.Argument(help="Recording, video, FER2013, or folder that data build made.", show_default=False)
    ],
    labels: Labels = "fer2013",
    json: options.Json = False,
) -> Outcome:
    """Check that data is what it should be.

    Readable to its end, in the order of time, inside the sensor, as its manifest says, labels in range, no exact
    copies in two parts. All problems are listed; exit code 1 if there is any.
    """
    from neurofer.data.check import check as examine

    ticker = Ticker("samples")
    with doing(f"checking {data}"):
        found = examine(data, labels=labels, progress=ticker.add)
    return Outcome(found, lambda console: _render(console, found), code=1 if found.problems else 0)


def _render(console: Console, found: Checked) -> None:
    count = len(found.problems)
    verdict = f"{count:,} problem{'s' * (count > 1)}" if count else "nothing is wrong"
    console.print(f"{found.path}: {found.kind}, {found.samples:,} looked at, {verdict}")
    for problem in found.problems[:_SHOWN]:
        console.print(f"  - {problem}")
    if len(found.problems) > _SHOWN:
        console.print(f"  and {len(found.problems) - _SHOWN:,} more; --json lists all")
    for text in found.notes:
        console.print(f"note: {text}")
