"""``neurofer report``: the report of a bundle, rendered again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurofer.cli import options
from neurofer.cli.outcome import Outcome


def report(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder, or a report.json.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Markdown file to write.", show_default="standard output")] = None,
    json: options.Json = False,
) -> Outcome:
    """Show what is known of an exported network.

    As Markdown, or with --json as its report.json.
    """
    from neurofer.files import replace_file
    from neurofer.report.bundle import REPORT, open_bundle
    from neurofer.report.markdown import markdown
    from neurofer.report.report import read_report

    found = read_report(bundle if bundle.is_file() else open_bundle(bundle).folder / REPORT)
    text = markdown(found)
    if out is None:
        return Outcome(found, lambda console: console.print(text, end=""))
    replace_file(out, lambda draft: Path(draft).write_text(text))
    return Outcome(found, lambda console: console.print(f"report: {out}"))
