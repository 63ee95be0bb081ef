"""Cases of what lies between the nodes: recurrence, nested graphs, branches, sums, batches, and a small network.

Their neurons are the LIF that most importers read rightly (r = 1, tau = 2 dt, dt = 1e-4 s), so that the wiring alone is
tested.
"""

from __future__ import annotations

from collections.abc import Iterator

import nir
import numpy as np

from neurofer.conformance.case import Case, Pairs, dense, draw, full, graph, weights
from neurofer.conformance.neurons import neuron
from neurofer.ir.nodes import Shape

_DT = 1e-4


def cases() -> Iterator[Case]:
    """Yield the cases of wiring."""
    yield from _recurrent()
    yield from _branches()
    yield from _batches()
    yield _network()


def _lif(size: int, kind: str = "LIF") -> nir.NIRNode:
    return neuron(kind, (size,), _DT, **({"r": 4.0, "v_threshold": 1.26} if kind == "CubaLIF" else {}))


def _case(name: str, kind: str, what: str, made: nir.NIRGraph, enters: Shape, samples: int = 1) -> Case:
    return Case(name, kind, what, made, _DT, draw(name, enters, samples=samples))


def _recurrent() -> Iterator[Case]:
    loop = [("input", "fc"), ("fc", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    flat = "Recurrence, flat"
    for name, kind in (("lif", "LIF"), ("if", "IF"), ("cubalif", "CubaLIF")):
        nodes = {"fc": dense(weights(4, 5)), "lif": _lif(4, kind), "w_rec": dense(_back(4))}
        what = f"{kind} hears its spikes of the step before"
        yield _case(f"recurrent-{name}", flat, what, graph(nodes, loop, enters=(5,), leaves=(4,)), (5,))
    nodes = {
        "fc": dense(weights(4, 5)),
        "lif": _lif(4),
        "fc2": dense(weights(4, 4, seed=1)),
        "lif2": _lif(4),
        "w_rec": dense(_back(4)),
    }
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "fc2"), ("fc2", "lif2"), ("lif2", "w_rec"), ("w_rec", "lif")]
    around = graph(nodes, [*edges, ("lif2", "output")], enters=(5,), leaves=(4,))
    yield _case("recurrent-two-layers", flat, "the second layer is heard by the first", around, (5,))
    nodes = {"fc": dense(weights(4, 5)), "lif": _lif(4)}
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "lif"), ("lif", "output")]
    itself = graph(nodes, edges, enters=(5,), leaves=(4,))
    yield _case("recurrent-self", "Recurrence, an edge to itself", "a neuron adds its last spike", itself, (5,))
    yield _nested(
        "nested-recurrent", "Recurrence, nested", "LIF and its weights in a graph of their own", recurrent=True
    )
    yield _nested("nested", "Nested graph", "a LIF and the weights before it in a graph of their own", recurrent=False)


def _back(size: int) -> np.ndarray:
    return (weights(size, size, seed=2) - np.float32(0.375)).astype(np.float32)


def _nested(name: str, kind: str, what: str, *, recurrent: bool) -> Case:
    if recurrent:
        nodes = {"lif": _lif(4), "w_rec": dense(_back(4))}
        edges: Pairs | None = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    else:
        nodes, edges = {"fc2": dense(weights(4, 4, seed=1)), "lif": _lif(4)}, None
    inner = graph(nodes, edges, enters=(4,), leaves=(4,))
    outer = graph({"fc": dense(weights(4, 5)), "block": inner}, enters=(5,), leaves=(4,))
    return _case(name, kind, what, outer, (5,))


def _branches() -> Iterator[Case]:
    first, second = dense(weights(4, 5)), dense(weights(4, 5, seed=1))
    edges = [("input", "fc1"), ("input", "fc2"), ("fc1", "lif"), ("fc2", "lif"), ("lif", "output")]
    made = graph({"fc1": first, "fc2": second, "lif": _lif(4)}, edges, enters=(5,), leaves=(4,))
    yield _case("branch", "Branch and sum", "the input goes two ways, both enter a neuron", made, (5,))
    edges = [("input", "fc1"), ("fc1", "lif1"), ("input", "fc2"), ("fc2", "lif2"), ("lif1", "fc3"), ("lif2", "fc3")]
    edges += [("fc3", "lif3"), ("lif3", "output")]
    nodes = {"fc1": first, "lif1": _lif(4), "fc2": second, "lif2": _lif(4), "fc3": dense(weights(3, 4, seed=3))}
    made = graph({**nodes, "lif3": _lif(3)}, edges, enters=(5,), leaves=(3,))
    yield _case("sum-into-linear", "Branch and sum", "two layers' spikes are added before weights", made, (5,))
    yield _residual("residual-identity", "a SEW shortcut: spikes of two layers are added", downsample=False)
    yield _residual("residual-downsample", "a SEW shortcut through weights and a neuron", downsample=True)
    edges = [
        ("input", "fc1"),
        ("fc1", "lif1"),
        ("input", "fc2"),
        ("fc2", "lif2"),
        ("lif1", "output"),
        ("lif2", "output"),
    ]
    nodes = {"fc1": first, "lif1": _lif(4), "fc2": second, "lif2": _lif(4)}
    made = graph(nodes, edges, enters=(5,), leaves=(4,))
    yield _case("sum-into-output", "Two edges into Output", "the output is their sum", made, (5,))


def _residual(name: str, what: str, *, downsample: bool) -> Case:
    nodes = {
        "fc1": dense(weights(4, 5)),
        "lif1": _lif(4),
        "fc2": dense(weights(4, 4, seed=1)),
        "lif2": _lif(4),
        "fc3": dense(weights(3, 4, seed=3)),
        "lif3": _lif(3),
    }
    edges = [("input", "fc1"), ("fc1", "lif1"), ("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "fc3")]
    if downsample:
        nodes |= {"shortcut": dense(weights(4, 4, seed=4)), "lif4": _lif(4)}
        edges += [("lif1", "shortcut"), ("shortcut", "lif4"), ("lif4", "fc3")]
    else:
        edges += [("lif1", "fc3")]
    made = graph(nodes, [*edges, ("fc3", "lif3"), ("lif3", "output")], enters=(5,), leaves=(3,))
    return _case(name, "Residual shortcut", what, made, (5,))


def _batches() -> Iterator[Case]:
    made = graph({"fc": dense(weights(4, 5)), "lif": _lif(4)}, enters=(5,), leaves=(4,))
    yield _case("batch", "Batch", "three samples, each with its own membranes", made, (5,), 3)
    shape = (2, 4, 4)
    conv = nir.Conv2d(shape[1:], weights(2, 2, 3, 3), 1, 1, 1, 1, np.zeros(2, np.float32))
    nodes = {
        "conv": conv,
        "lif1": neuron("LIF", shape, _DT),
        "flatten": nir.Flatten({"input": np.array(shape)}, 0, -1),
        "fc": dense(weights(3, 32, scale=0.25)),
        "lif2": _lif(3),
    }
    yield _case(
        "batch-flatten", "Batch", "three images through a Flatten", graph(nodes, enters=shape, leaves=(3,)), shape, 3
    )


def _network() -> Case:
    shape, pooled = (2, 8, 8), (3, 4, 4)
    nodes = {
        "conv": nir.Conv2d(shape[1:], weights(3, 2, 3, 3), 1, 1, 1, 1, full(0.0625, (3,))),
        "lif1": neuron("LIF", (3, 8, 8), _DT),
        "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flatten": nir.Flatten({"input": np.array(pooled)}, 0, -1),
        "fc": nir.Affine(weights(4, 48, scale=0.125) - np.float32(0.03125), full(-0.0625, (4,))),
        "lif2": _lif(4),
    }
    made = graph(nodes, enters=shape, leaves=(4,))
    return _case("network", "Small network", "Conv2d, LIF, SumPool2d, Flatten, Affine, LIF", made, shape)
