"""The suite ``export``: writing a .nir file, against h5py writing the same arrays with the same filters."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofer.cli.bench.case import make_case
from neurofer.cli.bench.measure import Asked, Row, compared, interleaved

if TYPE_CHECKING:
    import nir

_TIME, _SIZE = 2.0, 1.1


def rows(asked: Asked) -> Iterator[Row]:
    """Yield the rows of Spiking-FER: time and size of the file."""
    from neurofer.ir import serde

    program = make_case("spiking-fer", small=asked.small).subject.lowered
    graph = serde.to_nir(program)
    with tempfile.TemporaryDirectory() as folder:
        ours, plain = Path(folder) / "model.nir", Path(folder) / "arrays.h5"
        work = {
            "h5py": lambda: _write_arrays(plain, graph),
            "export": lambda: serde.write(ours, serde.to_nir(program)),
        }
        yield from compared("spiking-fer", interleaved(work, asked.rounds), "h5py", {"export": _TIME})
        size, weights = ours.stat().st_size, 4 * program.parameters
    yield {
        "network": "spiking-fer",
        "work": "file",
        "bytes": size,
        "ratio": size / weights,
        "against": "weights",
        "goal": _SIZE,
    }


def _write_arrays(path: Path, graph: nir.NIRGraph) -> None:
    """Write every array of a graph with h5py and the filter that `nir.write` uses."""
    import h5py
    import numpy as np

    def arrays(prefix: str, found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for key, value in found.items():
            if isinstance(value, dict):
                yield from arrays(f"{prefix}/{key}", value)
            elif isinstance(value, np.ndarray) and value.ndim:
                yield f"{prefix}/{key}", value

    with h5py.File(path, "w") as file:
        for name, value in arrays("", graph.to_dict()["nodes"]):
            file.create_dataset(name, data=value, compression="gzip")
