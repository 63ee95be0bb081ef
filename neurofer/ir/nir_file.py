"""``.nir`` files: reading them node by node, so that what is wrong is named, and writing them whole or not at all.

`nir.read` stops at the first bad node without its name, and checks nested graphs with a type check that rejects grouped
and non-square convolutions; so the nodes are made here, one by one, from the same dictionaries.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
from nir.serialization import hdf2dict

from neurofer.errors import Problem, ReadError
from neurofer.files import replace_file

_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What h5py and nir raise on contents they do not expect."""

_DENSEST = 1100
"""Largest factor by which gzip, NIR's filter, shrinks an array (it is 1032)."""

_WORDS = ("type", "padding")
"""Entries of a node that may be text."""


def read_graph(path: str | Path) -> nir.NIRGraph:
    """Read a ``.nir`` file as ``nir`` sees it, without its type check.

    Raises:
        ReadError: no such file, not HDF5, truncated, no NIR graph, or nodes that ``nir`` does not know or take; all
            such nodes at once.
    """
    path = Path(path)
    if not path.is_file():
        raise ReadError("no such file", where=str(path), next_step="check the path")
    problems: list[Problem] = []
    try:
        with h5py.File(path, "r") as file:
            root = file.get("node")
            if not isinstance(root, h5py.Group):
                raise ReadError("HDF5, but not a NIR graph", where=str(path), why="it has no group 'node'")
            if (kind := _kind(root)) != "NIRGraph":
                raise ReadError("the file holds no graph", where=str(path), why=f"its one node is of type {kind!r}")
            _check_sizes(root, path.stat().st_size)
            graph = _read_graph(root, "", problems)
    except OSError as error:
        raise ReadError(
            "not a complete HDF5 file", where=str(path), why=str(error), next_step="export or download it again"
        ) from error
    except _BROKEN as error:
        raise ReadError("HDF5, but not a NIR graph", where=str(path), why=_reason(error)) from error
    if problems:
        raise ReadError("the graph cannot be read", where=str(path), problems=problems)
    return graph


def _check_sizes(root: h5py.Group, size: int) -> None:
    """Raise ValueError before memory is taken for arrays that a file of ``size`` bytes cannot hold."""

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.nbytes > _DENSEST * size:
            raise ValueError(f"{name} claims to hold {item.nbytes} bytes, and the whole file has {size}")

    root.visititems(visit)


def _kind(group: h5py.Group) -> Any:
    kind = group["type"][()] if isinstance(group.get("type"), h5py.Dataset) else None
    return kind.decode(errors="replace") if isinstance(kind, bytes) else kind


def _read_graph(group: h5py.Group, prefix: str, problems: list[Problem]) -> nir.NIRGraph:
    nodes, metadata = {}, group.get("metadata")
    for name in group["nodes"]:
        try:
            nodes[name] = _read_node(group["nodes"][name], f"{prefix}{name}", problems)
        except OSError as error:  # h5py says so when a node's data are cut off or cannot be decompressed
            raise OSError(f"node {prefix}{name}: {error}") from error
        except _BROKEN as error:
            problems.append(Problem(f"{prefix}{name}", _reason(error)))
    edges = []
    for edge in group["edges"][()]:
        ends = [end.decode() if isinstance(end, bytes) else end for end in np.ravel(edge)]
        if len(ends) == 2 and all(isinstance(end, str) for end in ends):
            edges.append((ends[0], ends[1]))
        else:
            problems.append(Problem(f"{prefix}edges", f"{ends} is no pair of node names"))
    return nir.NIRGraph(
        {name: node for name, node in nodes.items() if node is not None},
        edges,
        metadata={} if metadata is None else hdf2dict(metadata),
        type_check=False,
    )


def _read_node(group: Any, name: str, problems: list[Problem]) -> Any:
    if not isinstance(group, h5py.Group):
        problems.append(Problem(name, "this is an array, not a node"))
        return None
    kind = _kind(group)
    if kind == "NIRGraph":
        return _read_graph(group, f"{name}.", problems)
    if kind not in nir.ir.__all__:
        problems.append(Problem(name, f"the node type {kind!r} is unknown" if kind else "the node has no type"))
        return None
    values: Mapping[str, Any] = hdf2dict(group)
    texts = [key for key, value in values.items() if isinstance(value, str) and key not in _WORDS]
    if texts:
        problems.append(Problem(name, f"{kind}: text stands where numbers belong: {', '.join(texts)}"))
        return None
    try:
        with np.errstate(all="ignore"):  # nir computes the output shape here; a Program checks it later
            return nir.dict2NIRNode(dict(values))
    except _BROKEN as error:
        problems.append(Problem(name, f"{kind}: {_reason(error)}"))
        return None


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error) or type(error).__name__


def write_graph(path: str | Path, graph: nir.NIRGraph) -> None:
    """Write a graph to a ``.nir`` file; either the whole file or none.

    Raises:
        WriteError: the folder is missing, read-only or full.
    """
    image = io.BytesIO()  # HDF5 cannot tell a full disk apart from a fault of its own, so it never sees the disk
    nir.write(image, graph)
    replace_file(path, lambda draft: Path(draft).write_bytes(image.getbuffer()))
