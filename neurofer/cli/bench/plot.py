"""The picture of the suite ``density``: times over firing rates and input densities, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from neurofer.cli.bench.measure import Row
from neurofer.errors import MissingPackageError
from neurofer.files import replace_file

_AXES = {"rate": "spikes per neuron and step (%)", "density": "input events per pixel, polarity and step (%)"}
_LINES = {
    "native int8": ("tab:blue", "-"),
    "native float32": ("tab:cyan", "-"),
    "ANN in ONNX Runtime": ("tab:red", "--"),
    "ANN in ONNX Runtime, int8": ("tab:orange", "--"),
}


def require() -> None:
    """Raise a MissingPackageError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise MissingPackageError("matplotlib is not installed", next_step="pip install 'neurofer[plot]'")


def draw(rows: Sequence[Row], path: Path) -> Path:
    """Draw the rows of the suite ``density`` into a file, whose ending says in which format.

    Raises:
        MissingPackageError: matplotlib is not installed.
        WriteError: the file cannot be written.
    """
    require()
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, ScalarFormatter

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    places = figure.subplots(1, len(_AXES), sharey=True)
    for axes, (over, title) in zip(places, _AXES.items(), strict=True):
        for runtime, (colour, style) in _LINES.items():
            found = [row for row in rows if (row["over"], row["runtime"]) == (over, runtime) and row["ms_min"]]
            percent, times = [100 * row[over] for row in found], [row["ms_min"] for row in found]
            axes.plot(percent, times, style, color=colour, marker="." if style == "-" else "", label=runtime)
        axes.set_xlabel(title)
        axes.grid(alpha=0.3)
    places[0].set_ylabel("ms, one thread, best")
    places[0].set_yscale("log")  # of both
    places[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    places[0].yaxis.set_major_formatter(ScalarFormatter())
    figure.legend(*places[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(_LINES))
    kind = path.suffix.lstrip(".") or "svg"
    with mpl.rc_context({"svg.hashsalt": "neurofer"}):  # the same rows give the same file
        metadata = {"Date": None} if kind == "svg" else None
        return replace_file(path, lambda draft: figure.savefig(draft, format=kind, metadata=metadata))
