"""Cases of the nodes without a membrane: weights, convolutions, pooling, Flatten, Scale, Threshold, Delay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import nir
import numpy as np

from neurofer.conformance.case import Case, dense, draw, full, graph, weights
from neurofer.conformance.neurons import neuron
from neurofer.ir.nodes import Array, Shape

DT = 1e-4
IMAGE: Shape = (2, 6, 5)


def cases() -> Iterator[Case]:
    """Yield the cases of nodes without a membrane."""
    yield _case("affine", "Affine", "weights and bias", nir.Affine(weights(3, 5), weights(3, seed=1)), (5,), (3,))
    yield _case("linear", "Linear", "weights that are not square", nir.Linear(weights(3, 5)), (5,), (3,))
    nodes = {"fc": nir.Linear(weights(4, 5)), "lif": neuron("LIF", (4,), DT)}
    yield _case("linear-lif", "Linear", "before a LIF", nodes, (5,), (4,))
    yield _after("scale", "Scale", "a factor per value", nir.Scale(full([0.5, 2, -1], (5,))))
    image = nir.Scale(full([0.5, 2, -1], IMAGE))
    yield _after("scale-image", "Scale", "a factor per value of [C, H, W]", image, IMAGE)
    yield from _conv1d()
    yield from _conv2d()
    yield from _pools()
    yield from _flatten()
    yield _after("threshold", "Threshold", "1 above, else 0", _threshold(0.30, (5,)))
    yield _after("threshold-image", "Threshold", "on [C, H, W]", _threshold(0.30, IMAGE), IMAGE)
    yield _after("threshold-per-value", "Threshold", "one per value", _threshold([0.30, -0.80], (5,)))
    tie = _after("threshold-tie", "Threshold", "an input at the threshold gives 0 (>)", _threshold(0.25, (5,)))
    yield replace(tie, inputs=draw(tie.name, (5,)))
    for name, dt in (("delay", 1e-4), ("delay-1ms", 1e-3)):
        yield _after(name, "Delay", f"three steps of {dt:g} s", nir.Delay(full(3 * dt, (5,))), dt=dt)
    node = nir.Delay(full([0, DT, 4 * DT], (5,)))
    yield _after("delay-per-value", "Delay", "another delay for each value, one of them 0", node)


def _case(
    name: str,
    kind: str,
    what: str,
    nodes: nir.NIRNode | dict[str, nir.NIRNode],
    enters: Shape,
    leaves: Shape,
    **more: Any,
) -> Case:
    dt, samples, check = more.get("dt", DT), more.get("samples", 1), more.get("check", True)
    named = nodes if isinstance(nodes, dict) else {type(nodes).__name__.lower(): nodes}
    made = graph(named, enters=enters, leaves=leaves, check=check)
    return Case(name, kind, what, made, dt, draw(name, enters, samples=samples, real=True))


def _after(name: str, kind: str, what: str, node: nir.NIRNode, shape: Shape = (5,), dt: float = DT) -> Case:
    """Return the node after weights: where an importer leaves it out in silence, the weights' output shows it."""
    return _case(name, kind, what, {**_weights(shape), type(node).__name__.lower(): node}, shape, shape, dt=dt)


def _weights(shape: Shape) -> dict[str, nir.NIRNode]:
    if len(shape) == 1:
        return {"fc": dense(weights(*shape, *shape, seed=2))}
    channels, *size = shape
    return {
        "conv": nir.Conv2d(tuple(size), weights(channels, channels, 3, 3), 1, 1, 1, 1, np.zeros(channels, np.float32))
    }


def _threshold(value: Any, shape: Shape) -> nir.NIRNode:
    return nir.Threshold(full(value, shape))


def _conv1d() -> Iterator[Case]:
    settings: dict[str, tuple[str, dict[str, Any], int, int]] = {
        "": ("kernel 3 with bias", {}, 2, 7),
        "-stride": ("stride 2", {"stride": 2}, 2, 4),
        "-padding": ("padding 1", {"padding": 1}, 2, 9),
        "-same": ("padding 'same'", {"padding": "same"}, 2, 9),
        "-dilation": ("dilation 2", {"dilation": 2}, 2, 5),
        "-groups": ("two groups of one channel", {"groups": 2}, 1, 7),
        "-groups-wide": ("two groups of two channels", {"groups": 2}, 2, 7),
    }
    for suffix, (what, more, channels, length) in settings.items():
        options: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **more}
        node = nir.Conv1d(9, weights(4, channels, 3), bias=weights(4, seed=1), **options)
        wide, kind = options["groups"] * channels, "Conv1d with groups" if "groups" in more else "Conv1d"
        yield _case(f"conv1d{suffix}", kind, what, node, (wide, 9), (4, length), check=options["groups"] == 1)
    lif = neuron("LIF", (4, 7), DT)
    node = nir.Conv1d(9, weights(4, 2, 3), 1, 0, 1, 1, np.zeros(4, np.float32))
    yield _case("conv1d-lif", "Conv1d", "before a LIF on [C, L]", {"conv1d": node, "lif": lif}, (2, 9), (4, 7))


def _conv2d() -> Iterator[Case]:
    square, wide = (3, 3), (3, 2)
    settings: dict[str, tuple[str, dict[str, Any], tuple[int, int], tuple[int, int]]] = {
        "": ("kernel 3x3 with bias on an image that is not square", {}, square, (4, 3)),
        "-stride": ("stride 2", {"stride": 2}, square, (2, 2)),
        "-stride-rectangular": ("stride 2x1", {"stride": (2, 1)}, square, (2, 3)),
        "-padding": ("padding 1", {"padding": 1}, square, (6, 5)),
        "-padding-rectangular": ("padding 0x2", {"padding": (0, 2)}, square, (4, 7)),
        "-same": ("padding 'same'", {"padding": "same"}, square, (6, 5)),
        "-dilation": ("dilation 2x1", {"dilation": (2, 1)}, square, (2, 3)),
        "-groups": ("two groups of one channel", {"groups": 2}, square, (4, 3)),
        "-groups-wide": ("two groups of two channels", {"groups": 2}, square, (4, 3)),
        "-kernel-rectangular": ("kernel 3x2", {}, wide, (4, 4)),
    }
    for suffix, (what, more, kernel, size) in settings.items():
        options: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **more}
        channels = 1 if suffix == "-groups" else 2
        node = nir.Conv2d(IMAGE[1:], weights(4, channels, *kernel), bias=weights(4, seed=1), **options)
        # its type check takes weight.shape[1] for the channels and the first kernel size for both
        check = options["groups"] == 1 and kernel == square
        kind = "Conv2d with groups" if "groups" in more else "Conv2d with dilation" if "dilation" in more else "Conv2d"
        enters = (channels * options["groups"], *IMAGE[1:])
        yield _case(f"conv2d{suffix}", kind, what, node, enters, (4, *size), check=check)


def _pools() -> Iterator[Case]:
    settings = {
        "": ("kernel 2, stride 2", 2, 2, 0, (3, 2)),
        "-overlapping": ("kernel 3, stride 1x2", 3, (1, 2), 0, (4, 2)),
        "-padding": ("kernel 3, stride 2, padding 1", 3, 2, 1, (3, 3)),
    }
    for pool in (nir.SumPool2d, nir.AvgPool2d):
        for suffix, (what, kernel, stride, padding, size) in settings.items():
            node = pool(_pair(kernel), _pair(stride), _pair(padding))
            kind = f"{pool.__name__} with padding" if padding else pool.__name__
            told = what + (", which counts in the mean" if padding and pool is nir.AvgPool2d else "")
            nodes = {**_weights(IMAGE), "pool": node}
            yield _case(f"{pool.__name__.lower()}{suffix}", kind, told, nodes, IMAGE, (2, *size))


def _pair(value: Any) -> Array:
    return np.array(np.broadcast_to(value, 2), np.int64)


def _flatten() -> Iterator[Case]:
    settings = {
        "flatten": ("all dimensions: start_dim 0, as NIR counts no batch", 0, (60,), 1),
        "flatten-batch": ("all dimensions of three samples", 0, (60,), 3),
        "flatten-partly": ("the image of each channel: start_dim 1", 1, (2, 30), 1),
    }
    for name, (what, start, leaves, samples) in settings.items():
        node = nir.Flatten({"input": np.array(IMAGE)}, start, -1)
        kind = "Flatten, part" if start else "Flatten"
        yield _case(name, kind, what, {**_weights(IMAGE), "flatten": node}, IMAGE, leaves, samples=samples)
