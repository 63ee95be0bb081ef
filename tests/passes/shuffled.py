"""A float32 runtime that adds in another random order at every sum, and writes neurons in a random way each time."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurofer.backends import reference
from neurofer.backends.network import Network
from neurofer.ir import nodes as n

F = np.float32


def load(program, rng):
    """The program on this runtime."""
    steps = {name: _step(node, rng) for name, node in program.nodes.items()}
    return _Shuffled(program, steps, lambda x: np.asarray(x, F), np.asarray, np.concatenate, "shuffled", rng=rng)


def add(terms, rng):
    """The sum of arrays, in a random order, each partial sum rounded to float32."""
    terms = [terms[i] for i in rng.permutation(len(terms))]
    total = terms[0]
    for term in terms[1:]:
        total = F(total + term) if np.ndim(total) == 0 else np.asarray(total + term, F)
    return total


def add_along(products, rng):
    """The sum along the last axis, in a random order, one after the other or by halves."""
    products = products[..., rng.permutation(products.shape[-1])]
    if rng.random() < 0.5:
        return np.add.accumulate(products, axis=-1, dtype=F)[..., -1]
    while products.shape[-1] > 1:
        half = products.shape[-1] // 2
        odd = products[..., 2 * half :]
        products = np.concatenate([products[..., :half] + products[..., half : 2 * half], odd], axis=-1)
    return products[..., 0]


@dataclass(frozen=True)
class _Shuffled(Network):
    rng: Any = field(default=None, kw_only=True)

    def gather(self, name, values, before):
        if isinstance(self.program.nodes[name], n.Concat):
            return super().gather(name, values, before)
        sources = [(before if edge.delay else values).get(edge.source) for edge in self.program.predecessors(name)]
        terms = [term for term in sources if term is not None]
        return add(terms, self.rng) if terms else super().gather(name, values, before)


def _step(node, rng):
    match node:
        case n.Linear():
            return lambda x, state: (_weighted(node, x[:, None, :], rng), state)
        case n.Conv1d() | n.Conv2d():
            return lambda x, state: (_convolution(node, x, rng), state)
        case n.SumPool2d() | n.AvgPool2d():
            return lambda x, state: (_pool(node, x, rng), state)
        case n.Scale():
            return lambda x, state: (x * np.asarray(node.scale, F), state)
        case n.Threshold():
            theta = np.asarray(node.theta, F)
            return lambda x, state: ((x >= theta if node.compare == ">=" else x > theta).astype(F), state)
        case n.Neuron():
            return lambda x, state: _neuron(node, x, state, rng)
        case n.Delay():
            delay = reference.step_function(node)
            return lambda x, state: (np.asarray((found := delay(x, state))[0], F), found[1])
    return lambda x, state: (np.asarray(reference.stateless(node, x), F), state)


def _weighted(node, columns, rng):
    """Products of weights [out, k] and columns [N, 1 or out, k], and the bias, summed."""
    weight = np.asarray(node.weight, F).reshape(len(node.weight), -1)
    products = columns.astype(F) * weight
    if node.bias is not None:
        bias = np.broadcast_to(np.asarray(node.bias, F)[:, None], (*products.shape[:-1], 1))
        products = np.concatenate([products, bias], axis=-1)
    return add_along(products, rng)


def _convolution(node, x, rng):
    """One output position at a time: the taps that fall on padding count as zeros."""
    shape = node.output_shape(x.shape[1:])
    padded = np.pad(x, ((0, 0), (0, 0), *node.pads))
    out = np.zeros((len(x), *shape), F)
    group = len(node.weight) // node.groups
    channels = node.weight.shape[1]
    for where in np.ndindex(*shape[1:]):
        cut = tuple(
            slice(p * s, p * s + d * (k - 1) + 1, d)
            for p, s, d, k in zip(where, node.stride, node.dilation, node.kernel, strict=True)
        )
        patch = padded[(slice(None), slice(None), *cut)]
        columns = np.stack(
            [patch[:, (o // group) * channels :][:, :channels].reshape(len(x), -1) for o in range(len(node.weight))], 1
        )
        out[(slice(None), slice(None), *where)] = _weighted(node, columns, rng)
    return out


def _pool(node, x, rng):
    windows = reference._windows(x, node)
    windows = windows.reshape(*windows.shape[:4], -1)
    area = F(node.kernel[0] * node.kernel[1])
    if isinstance(node, n.SumPool2d):
        return add_along(windows, rng)
    return add_along(windows / area, rng) if rng.random() < 0.5 else add_along(windows, rng) / area


def _neuron(node, x, state, rng):
    c = {name: np.asarray(value, F) for name in node.COEFFICIENTS if (value := getattr(node, name)) is not None}
    v, i = (c["v_init"], c["i_init"]) if state is None else state
    i = _decayed(i, c["alpha_syn"], c["w_in"], x, None, rng) if "alpha_syn" in c else x
    u = _decayed(v, c["alpha_mem"], c["gain"], i, c["offset"], rng)
    if node.theta is None:
        return u, (u, i)
    v, s = _fired(node, u, rng)
    return s, (v, i)


def _fired(node, u, rng):
    """The membrane after the reset, and the spikes."""
    if node.theta is None:
        return u, None
    c = {name: np.asarray(value, F) for name in node.COEFFICIENTS if (value := getattr(node, name)) is not None}
    if rng.random() < 0.5:
        s = (u >= c["theta"]) if node.compare == ">=" else (u > c["theta"])
    else:
        s = (u - c["theta"] >= 0) if node.compare == ">=" else (u - c["theta"] > 0)
    s = s.astype(F)
    if "delta" in c:
        v = u - s * c["delta"]
    else:
        v = (F(1) - s) * u + s * c["v_reset"] if rng.random() < 0.5 else u - s * (u - c["v_reset"])
    return v, s


def _decayed(v, alpha, gain, i, offset, rng):
    """The update of a leaky state, in one of the ways in which runtimes write it."""
    leak = F(1) - alpha
    more = [] if offset is None else [offset]
    form = rng.integers(3)
    if form == 0 and np.all(leak != 0):
        towards = [] if offset is None else [offset / leak]
        return v + leak * add([gain / leak * i, -v, *towards], rng)
    if form == 1:
        return add([v, -(leak * v), gain * i, *more], rng)
    return add([alpha * v, gain * i, *more], rng)
