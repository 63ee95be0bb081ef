"""The exact program in a NIR graph's metadata, and the proof that graph and metadata still say the same.

Weights and biases stay in the graph's nodes, which hold them without loss. All else (alpha -> tau -> alpha loses bits;
NIR has no soft reset, no ``>=`` and no delayed edge) is one JSON document, and one array for each coefficient that
differs between neurons.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import nir
import numpy as np

from neurofer.errors import Problem, ReadError
from neurofer.ir import nodes as n
from neurofer.ir.contract import Contract, Readout
from neurofer.ir.domain import Domain
from neurofer.ir.program import Edge, Program

SCHEMA = "neurofer/1"

_STORED = ("weight", "bias")
"""Fields that the NIR node holds without loss."""

_KINDS = {kind.__name__: kind for kind in n.KINDS}


def encode(program: Program, written: Mapping[str, nir.NIRNode]) -> dict[str, Any]:
    """Return the metadata under ``neurofer`` for the NIR nodes ``written`` for ``program``."""
    arrays: dict[str, n.Array] = {}

    def value(item: Any) -> Any:
        if isinstance(item, np.ndarray):
            arrays[f"array{len(arrays)}"] = item
            return {"array": f"array{len(arrays) - 1}"}
        return dataclasses.asdict(item) if isinstance(item, Domain) else item

    described = {}
    for name, node in program.nodes.items():
        items = {f.name: getattr(node, f.name) for f in dataclasses.fields(node)}
        kept = {key: value(item) for key, item in items.items() if key not in _STORED or item is None}
        described[name] = {"type": type(node).__name__, "fields": kept, "sha256": _digest(written[name], kept, arrays)}
    document = {
        "contract": dataclasses.asdict(program.contract),
        "edges": [[e.source, e.target, e.delay] for e in program.edges],
        "nodes": described,
    }
    text = json.dumps(document)
    return {"schema": SCHEMA, "program": text, "sha256": _hash([text.encode()]), **arrays}


def decode(graph: nir.NIRGraph, known: Any) -> Program:
    """Return the program that the metadata ``known`` and the graph that carries them say together.

    Raises:
        ReadError: metadata of another schema, damaged, or of another graph; every node that differs is named.
        ProgramError: what they say is no program.
    """
    if not isinstance(known, Mapping) or known.get("schema") != SCHEMA:
        schema = known.get("schema") if isinstance(known, Mapping) else known
        raise ReadError(f"the metadata's schema is {schema!r}, not {SCHEMA!r}", next_step="update neurofer")
    text = known.get("program")
    if not isinstance(text, str) or known.get("sha256") != _hash([text.encode()]):
        raise ReadError("the neurofer metadata are damaged", why="their text is not the one that was written")
    try:
        document = json.loads(text)
        problems = list(_differences(graph, document, known))
        if not problems:
            return _program(graph, document, known)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReadError("the neurofer metadata are damaged", why=f"{type(error).__name__}: {error}") from error
    raise ReadError(
        "graph and neurofer metadata contradict each other",
        problems=problems,
        next_step="if the graph was edited on purpose, delete its metadata 'neurofer'",
    )


def _differences(graph: nir.NIRGraph, document: Mapping[str, Any], known: Mapping[str, Any]) -> Iterable[Problem]:
    for name, entry in document["nodes"].items():
        node = graph.nodes.get(name)
        if node is None:
            yield Problem(name, "the graph lacks this node of the metadata")
        elif _digest(node, entry["fields"], known) != entry["sha256"]:
            yield Problem(name, "the node is not the one that the metadata describe")
    for name in graph.nodes:
        if name not in document["nodes"]:
            yield Problem(name, "the metadata lack this node of the graph")
    edges = sorted((source, target) for source, target, _ in document["edges"])
    if edges != sorted((str(a), str(b)) for a, b in graph.edges):
        yield Problem("edges", "the edges are not those that the metadata describe")
    if graph.metadata.get("dt") != document["contract"]["dt"]:
        yield Problem("dt", f"{graph.metadata.get('dt')} s is not the {document['contract']['dt']} s of the metadata")


def _program(graph: nir.NIRGraph, document: Mapping[str, Any], arrays: Mapping[str, Any]) -> Program:
    nodes = {name: _node(entry, graph.nodes[name], arrays) for name, entry in document["nodes"].items()}
    contract = {**document["contract"], "readout": Readout(**document["contract"]["readout"])}
    return Program(nodes, tuple(Edge(*edge) for edge in document["edges"]), Contract(**contract))


def _node(entry: Mapping[str, Any], written: nir.NIRNode, arrays: Mapping[str, Any]) -> n.Node:
    def value(item: Any) -> Any:
        if isinstance(item, dict):
            return arrays[item["array"]] if "array" in item else Domain(**item)
        return item

    values = {name: value(item) for name, item in entry["fields"].items()}
    kind = _KINDS[entry["type"]]
    for name in _STORED:
        if name in {f.name for f in dataclasses.fields(kind)} and name not in values:
            values[name] = getattr(written, name)
    return kind(**values)


def _digest(node: nir.NIRNode, kept: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """Return a hash of what graph and metadata both say: an edit of one alone must not go unnoticed.

    A weight or bias that only the graph holds is left out; it may be trained on.
    """
    values = {key: value for key, value in vars(node).items() if key not in ("metadata", "output_type")}
    values["input_type"] = (values["input_type"] or {}).get("input") if isinstance(node, _TYPED) else None
    parts: list[bytes | memoryview] = [type(node).__name__.encode()]
    for key, value in sorted(values.items()):
        if key not in _STORED or key in kept:
            parts += [key.encode(), *_content(value)]
    for key, item in sorted(kept.items()):
        if isinstance(item, dict) and "array" in item:
            parts += [key.encode(), *_content(arrays[item["array"]])]
    return _hash(parts)


_TYPED = (nir.Input, nir.Output, nir.Flatten)
"""NIR nodes whose type is stored; that of others is inferred."""


def _content(value: Any) -> list[bytes | memoryview]:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return [str(value.shape).encode(), np.ascontiguousarray(value).data.cast("B") if value.size else b""]
    plain = value if isinstance(value, str) or value is None else np.ravel(value).tolist()
    return [str(plain).encode()]


def _hash(parts: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
        digest.update(b"\0")
    return digest.hexdigest()
