"""A Program as a file of its own, exact to the bit: for bundles whose artifact no program can be read from.

An ``.npz``: ``program`` is a JSON document (contract, edges, and the fields of every node), and the arrays of the nodes
are stored beside it: those on a dyadic grid as the integers they are. It holds what NIR has no primitive for, too.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurofer.errors import ReadError
from neurofer.files import replace_file
from neurofer.ir import nodes as n
from neurofer.ir.contract import Contract, Readout
from neurofer.ir.domain import Domain
from neurofer.ir.dyadic import exponent
from neurofer.ir.program import Edge, Program

_KINDS = {kind.__name__: kind for kind in n.KINDS}


def write(path: str | Path, program: Program) -> Path:
    """Write a program; the same one gives the same bytes.

    Raises:
        WriteError: the folder is missing, read-only or full.
    """
    arrays: dict[str, n.Array] = {}
    units: dict[str, tuple[str, int]] = {}
    described = []
    for name, node in program.nodes.items():
        entry: dict[str, Any] = {"name": name, "type": type(node).__name__}
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            if isinstance(value, np.ndarray):
                key = f"{name}.{field.name}"
                arrays[key], power = _narrowed(value)
                if power is not None:
                    units[key] = (value.dtype.str, power)
            else:
                entry.setdefault("fields", {})[field.name] = (
                    dataclasses.asdict(value) if isinstance(value, Domain) else value
                )
        described.append(entry)
    document = {
        "contract": dataclasses.asdict(program.contract),
        "nodes": described,
        "edges": [[edge.source, edge.target, edge.delay] for edge in program.edges],
        "units": units,
    }
    text = np.frombuffer(json.dumps(document).encode(), np.uint8)
    stored = {f"a{index}": array for index, array in enumerate(arrays.values())}  # any name is one: no paths in the zip
    names = np.frombuffer(json.dumps(list(arrays)).encode(), np.uint8)

    def save(draft: str) -> None:
        with Path(draft).open("wb") as file:
            np.savez(file, allow_pickle=False, program=text, names=names, **stored)

    return replace_file(path, save)


def read(path: str | Path) -> Program:
    """Read what `write` wrote.

    Raises:
        ReadError: the file is damaged.
        ProgramError: what it says is no program.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            document = json.loads(stored["program"].tobytes())
            names = json.loads(stored["names"].tobytes())
            arrays = {name: stored[f"a{index}"] for index, name in enumerate(names)}
            for name, (kind, power) in document.get("units", {}).items():
                arrays[name] = np.ldexp(arrays[name].astype(np.float64), -power).astype(kind)
        nodes = {entry["name"]: _node(entry, arrays) for entry in document["nodes"]}
        contract = {**document["contract"], "readout": Readout(**document["contract"]["readout"])}
        return Program(nodes, tuple(Edge(*edge) for edge in document["edges"]), Contract(**contract))
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ReadError("the program is damaged", where=str(path), why=f"{type(error).__name__}: {error}") from error


def _narrowed(array: n.Array) -> tuple[n.Array, int | None]:
    """Return whole multiples of ``2^-k``, where 16 bits hold them, and k; else the array itself and None."""
    if array.dtype.kind != "f" or not np.isfinite(array).all() or np.any(np.signbit(array) & (array == 0)):
        return array, None
    power = exponent(array)
    largest = np.ldexp(np.abs(array).max(initial=0.0).astype(np.float64), power)
    kind = next((kind for kind in (np.int8, np.int16) if largest <= np.iinfo(kind).max), None)
    if kind is None:
        return array, None
    return np.ldexp(array.astype(np.float64), power).astype(kind), power


def _node(entry: Mapping[str, Any], arrays: Mapping[str, n.Array]) -> n.Node:
    kind = _KINDS[entry["type"]]
    values: dict[str, Any] = dict(entry.get("fields", {}))
    for field in dataclasses.fields(kind):
        if (key := f"{entry['name']}.{field.name}") in arrays and field.name not in values:
            values[field.name] = arrays[key]
        elif isinstance(values.get(field.name), dict):
            values[field.name] = Domain(**values[field.name])
        elif isinstance(values.get(field.name), list):
            values[field.name] = tuple(values[field.name])
    return kind(**values)
