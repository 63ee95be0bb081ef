"""The suite ``memory``: the largest resident set of a fresh process that runs Spiking-FER once, on one thread.

``process`` is all of it, with the interpreter and the libraries; ``added`` is what came after the runtime was imported:
model, states and values. The program of C alone is what would be deployed. Linux tells these figures.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from neurofer.cli.bench.measure import Asked, Column, Row, number, word
from neurofer.cli.outcome import note
from neurofer.errors import CompilerError

if TYPE_CHECKING:
    from neurofer.cli.bench.workload import Workload

ALONE = "native int8, C alone"
_RUNTIMES = ("native int8", "SpikingJelly", "Norse", "snnTorch", "SNN in ONNX Runtime", "ANN in ONNX Runtime")
_GOAL = 5.0
_MEGA, _KIBI = 1e6, 1024
_HERE = Path(__file__).parent

COLUMNS = (
    word("network"),
    word("runtime"),
    number("process MB", "process_mb", ".1f"),
    number("ratio", "process_ratio", ".2f"),
    number("added MB", "added_mb", ".1f"),
    number("ratio", "added_ratio", ".2f"),
    Column("goal", lambda row: f">= {row['goal']:g}" if row["goal"] else ""),
)


def rows(asked: Asked) -> Iterator[Row]:
    """Yield a row for every process; ratios are to the program of C alone."""
    from neurofer.cli.bench.native import small
    from neurofer.cli.bench.turns import timed
    from neurofer.cli.bench.workload import Case, make

    case = Case("spiking-fer")
    workload = make(small(case) if asked.small else case)
    note(f"  starting {ALONE}")
    before, whole = alone(workload)
    (found,) = timed(workload, _RUNTIMES, threads=(1,), rounds=0).values()
    taken = [(ALONE, before, whole), *((one.runtime, one.imported, one.peak) for one in found if not one.reason)]
    for runtime, imported, peak in taken:
        yield {
            "network": workload.title,
            "runtime": runtime,
            "process_mb": peak / _MEGA,
            "process_ratio": peak / whole,
            "added_mb": (peak - imported) / _MEGA,
            "added_ratio": (peak - imported) / (whole - before),
            "goal": _GOAL if runtime == "SpikingJelly" else None,
        }


def alone(workload: Workload) -> tuple[int, int]:
    """Build the program of generated C alone, run it, and return the bytes it took at its start and at most.

    Raises:
        CompilerError: it cannot be built or run.
    """
    from neurofer.backends import c
    from neurofer.backends.c import compiler

    found, made = compiler.find(), c.sources(workload.exact)
    ports = c.load(workload.exact).engine.description
    inputs = [port.feed(workload.x[:, :1]).tobytes() for port in ports.inputs]
    outputs = [port.buffer(1, ports.steps).nbytes for port in ports.outputs]
    sizes = (f"-DINPUT_BYTES={len(inputs[0])}", f"-DOUTPUT_BYTES={outputs[0]}")
    files = {"model.c": made.code, "model.h": made.header, "model_weights.c": made.weights_code}
    files["alone.c"] = (_HERE / "alone.c").read_text()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text)
        (folder / "input").write_bytes(inputs[0])
        sources = [file for file in files if file.endswith(".c")]
        arguments = (*compiler.flags(found), *sizes, "-o", "alone", *sources)
        said = compiler.run(found.command, arguments, folder=folder)
        if said.code:
            raise CompilerError("the program does not compile", where=str(found), why=said.complaint(1))
        done = subprocess.run(  # noqa: S603 - what was just built
            [folder / "alone", folder / "input"], capture_output=True, text=True, check=False
        )
    sizes_kib = [int(line.split()[0]) for line in done.stdout.splitlines()]
    if done.returncode or len(sizes_kib) != 2:
        raise CompilerError("the program does not run", where="alone", why=f"exit code {done.returncode}")
    return sizes_kib[0] * _KIBI, sizes_kib[1] * _KIBI
