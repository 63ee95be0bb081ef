"""A NIR graph as spyx's own importer builds it; its layers run one after the other, as its Sequential does."""

from __future__ import annotations

import io
from typing import Any

import jax
import nir
import numpy as np
from spyx.nir import from_nir

_BUILT = (nir.Affine, nir.Linear, nir.Conv2d, nir.SumPool2d, nir.IF, nir.LIF, nir.CubaLIF, nir.Flatten)


def run(plan: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Return what the nodes wanted put out, ``[T, N, ...]`` by name; those that have no layer are left out."""
    graph = nir.read(io.BytesIO(arrays["graph"].tobytes()))
    x = _channels_last(arrays["input"])
    model, out = from_nir(graph, x, dt=plan["dt"])
    result = {name: _channels_first(out) for name, node in graph.nodes.items() if isinstance(node, nir.Output)}
    names = _path(graph)
    if len(names) == len(model.layers):
        _, trains = jax.lax.scan(lambda state, frame: _step(model, frame, state), model.initial_state(x.shape[1]), x)
        layers = dict(zip(names, trains, strict=True))
        result |= {name: _channels_first(layers[name]) for name in plan["wanted"] if name in layers}
    return result


def _path(graph: Any) -> list[str]:
    """Return the nodes that the importer makes layers of: from "input" on it follows the first edge it finds."""
    names: list[str] = []
    name = "input"
    following = dict(reversed(graph.edges))
    while name in following and name not in names[:-1]:
        name = following[name]
        if isinstance(graph.nodes[name], _BUILT):
            names.append(name)
    return names


def _step(model: Any, x: Any, state: Any) -> Any:
    outputs, states = [], []
    for layer, before in zip(model.layers, state, strict=True):
        x, after = (layer(x), None) if before is None else layer(x, before)
        outputs.append(x)
        states.append(after)
    return states, tuple(outputs)


def _channels_last(x: Any) -> Any:
    return np.moveaxis(x, 2, -1) if x.ndim == 5 else x


def _channels_first(x: Any) -> Any:
    x = np.asarray(x)
    return np.moveaxis(x, -1, 2) if x.ndim == 5 else x
