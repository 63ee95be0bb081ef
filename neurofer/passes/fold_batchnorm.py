"""Folding BatchNorm into the weights of the layer before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurofer.errors import PassError, Problem
from neurofer.ir.nodes import BatchNorm, Conv1d, Conv2d, Linear
from neurofer.ir.program import Program

LAYERS = (Linear, Conv1d, Conv2d)


def fold_batchnorm(program: Program) -> Program:
    """Fold every BatchNorm into the Linear or Conv node before it, which keeps its name.

    With ``f = weight / sqrt(var + eps)`` the layer becomes ``W' = f W`` and ``b' = f (b - mean) + bias``, computed in
    float64 and rounded once to the dtype of its weight. The result equals the original up to that rounding, not bit for
    bit: a membrane that lies on its threshold can fall to the other side.

    Requires that each BatchNorm has one input, without a delay: a Linear or Conv node without other consumers.
    Ensures that there is no BatchNorm.

    Raises:
        PassError: naming every BatchNorm that stands elsewhere.
    """
    problems: list[Problem] = []
    for name in program.order:
        node = program.nodes.get(name)
        if not isinstance(node, BatchNorm):
            continue
        why = _obstacle(program, name, node)
        if why:
            problems.append(Problem(name, why, "a BatchNorm directly behind its own Linear or Conv layer"))
        else:
            program = _fold(program, name, node)
    if problems:
        raise PassError(
            "BatchNorm cannot be folded", problems=problems, next_step="move it behind a Linear or Conv layer"
        )
    return program


def _obstacle(program: Program, name: str, node: BatchNorm) -> str:
    """Return why the BatchNorm cannot be folded, empty if it can."""
    edges = program.predecessors(name)
    if len(edges) != 1:
        return f"it normalises a sum of {len(edges)} inputs"
    source = edges[0].source
    if edges[0].delay:
        return f"it sees {source} a step late, and zero at first, which it would turn into its bias"
    if not isinstance(program.nodes[source], LAYERS):
        return f"it follows {source}, a {type(program.nodes[source]).__name__}, which has no weights to fold into"
    others = [edge.target for edge in program.successors(source) if edge.target != name]
    if others:
        return f"the layer {source} before it also feeds {', '.join(others)}"
    if not np.all(node.var.astype(np.float64) + node.eps > 0):
        return "its variance plus eps is not positive everywhere"
    return ""


def _fold(program: Program, name: str, norm: BatchNorm) -> Program:
    source = program.predecessors(name)[0].source
    layer = program.nodes[source]
    if not isinstance(layer, LAYERS):
        return program
    dtype = layer.weight.dtype
    mean, var, weight, shift = (a.astype(np.float64) for a in (norm.mean, norm.var, norm.weight, norm.bias))
    factor = weight / np.sqrt(var + norm.eps)
    bias = shift - factor * mean if layer.bias is None else factor * (layer.bias.astype(np.float64) - mean) + shift
    scaled = layer.weight.astype(np.float64) * factor.reshape(-1, *[1] * (layer.weight.ndim - 1))
    folded = replace(layer, weight=scaled.astype(dtype), bias=bias.astype(dtype))
    return program.with_nodes({**program.nodes, source: folded}).without(name)
