"""A NIR graph as the released importers of sinabs and rockpool build and run it, one sample after the other."""

from __future__ import annotations

import copy
import io
import warnings
from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor


def run(plan: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Return what the nodes wanted put out, ``[T, N, ...]`` by name; those that have no module are left out."""
    warnings.simplefilter("ignore")
    graph = nir.read(io.BytesIO(arrays["graph"].tobytes()))
    frames = torch.from_numpy(arrays["input"])
    samples = [_sample(plan, copy.deepcopy(graph), frames[:, n]) for n in range(frames.shape[1])]
    return {name: np.stack([one[name] for one in samples], axis=1) for name in samples[0]}


def _sample(plan: dict[str, Any], graph: Any, x: Tensor) -> dict[str, Any]:
    """Run a whole sequence ``[T, *shape]`` through a fresh network."""
    module = _imported(plan["simulator"], graph, len(x))
    seen: dict[str, Tensor] = {}
    names = {name.replace(".", "_"): name for name in plan["wanted"]}
    outputs = {name for name, node in graph.nodes.items() if isinstance(node, nir.Output)}
    for key, child in module.named_children():
        if key in names and names[key] not in outputs:
            child.register_forward_hook(_keep(seen, names[key]))
    with torch.no_grad():
        out = module(x[None] if plan["simulator"] == "rockpool" else x)
    for name in outputs:
        seen[name] = _first(out)
    return {name: value.detach().numpy().reshape(len(x), -1) for name, value in seen.items()}


def _imported(simulator: str, graph: Any, steps: int) -> Any:
    if simulator == "sinabs":
        from sinabs.nir import from_nir

        return from_nir(graph, batch_size=1, num_timesteps=steps)
    from rockpool.nn.modules.torch.nir import from_nir as from_nir_rockpool

    return from_nir_rockpool(graph)


def _keep(seen: dict[str, Tensor], name: str) -> Any:
    def hook(module: Any, inputs: Any, output: Any) -> None:
        del module, inputs
        seen[name] = _first(output)

    return hook


def _first(output: Any) -> Any:
    while isinstance(output, tuple):
        output = output[0]
    return output
