"""Random stateless programs: what ANNs are made of."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from neurofer.ir import Contract, Edge, Program, Readout
from neurofer.ir import nodes as n

ONCE = Contract(steps=1, encoder="constant", readout=Readout("last"))


def line(*nodes, contract=ONCE):
    """A Program whose nodes follow each other between ``input`` and ``output``, named by type and place."""
    named = {("input" if i == 0 else f"{type(node).__name__.lower()}{i}"): node for i, node in enumerate(nodes)}
    named["output"] = n.Output()
    names = list(named)
    return Program(named, tuple(map(Edge, names, names[1:])), contract)


def convolution(rng, shape, out, kernel=3, padding=1, groups=1, bias=True):
    """A float32 Conv2d with weights of He's scale."""
    fan_in = shape[0] // groups * kernel**2
    weight = rng.normal(0, np.sqrt(2 / fan_in), (out, shape[0] // groups, kernel, kernel)).astype(np.float32)
    return n.Conv2d(weight, rng.normal(size=out).astype(np.float32) if bias else None, 1, padding, 1, groups)


def linear(rng, inputs, out, bias=True):
    """A float32 Linear with weights of He's scale."""
    weight = rng.normal(0, np.sqrt(2 / inputs), (out, inputs)).astype(np.float32)
    return n.Linear(weight, rng.normal(size=out).astype(np.float32) if bias else None)


def deep_relu_net(rng, *, depth=8, width=6, thin=False):
    """Linear and ReLU in turns; ``thin`` has one unit per layer, where no sum hides the roundings before it."""
    width = 1 if thin else width
    layers = [n.Input((width,))]
    for _ in range(depth):
        layers += [linear(rng, width, width, bias=not thin), n.Relu()]
    return line(*layers, linear(rng, width, 3, bias=not thin))


def residual_net(rng, *, channels=4, size=8):
    """Convolutions, BatchNorm, max pooling, a residual sum, average pooling and a classifier."""
    shape = (channels, size, size)
    norm = n.BatchNorm(*(np.abs(rng.normal(size=channels)).astype(np.float32) + 0.1 for _ in range(4)))
    nodes = {
        "input": n.Input((2, size, size)),
        "stem": convolution(rng, (2, size, size), channels),
        "norm": norm,
        "act": n.Relu(),
        "pool": n.MaxPool2d((3, 3), (1, 1), (1, 1)),
        "block.conv": convolution(rng, shape, channels),
        "block.drop": n.Dropout(0.5),
        "block.act": n.Relu(),
        "avg": n.AvgPool2d((size, size)),
        "flatten": n.Flatten(),
        "fc": linear(rng, channels, 3),
        "output": n.Output(),
    }
    chain = ["input", "stem", "norm", "act", "pool", "block.conv", "block.drop", "block.act"]
    tail = ["block.act", "avg", "flatten", "fc", "output"]
    edges = [*map(Edge, chain, chain[1:]), Edge("pool", "block.act"), *map(Edge, tail, tail[1:])]
    return Program(nodes, tuple(edges), ONCE)


@st.composite
def anns(draw):
    """A small image network of any stateless nodes that ONNX takes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, height, width = draw(st.sampled_from((1, 2, 4))), draw(st.integers(4, 9)), draw(st.integers(4, 9))
    found = [n.Input((channels, height, width))]
    for kind in draw(st.lists(st.sampled_from(("conv", "max", "avg", "sum", "norm", "scale", "drop")), max_size=6)):
        shape = line(*found).shapes["output"]
        if kind == "conv" and min(shape[1:]) >= 2:
            groups = draw(st.sampled_from([g for g in (1, 2) if shape[0] % g == 0]))
            padding = draw(st.sampled_from((1, 2, (0, 1), "same")))
            found += [convolution(rng, shape, 4, draw(st.sampled_from((1, 2))), padding, groups), n.Relu()]
        elif kind in ("max", "avg", "sum") and min(shape[1:]) >= 2:
            pool = {"max": n.MaxPool2d, "avg": n.AvgPool2d, "sum": n.SumPool2d}[kind]
            found.append(pool((2, 2), draw(st.sampled_from(((1, 1), (2, 1)))), draw(st.sampled_from(((0, 0), (1, 0))))))
        elif kind == "norm":
            values = (rng.uniform(0.1, 2.0, shape[0]).astype(np.float32) for _ in range(4))
            found.append(n.BatchNorm(*values))
        elif kind == "scale":
            found.append(n.Scale(rng.choice([0.3, -1.7, 2.0], shape)))
        elif kind == "drop":
            found.append(n.Dropout(0.2))
    found += [n.Flatten(1), n.Flatten()]
    return line(*found, linear(rng, line(*found).shapes["output"][0], 3))


def images(rng, program, samples=3):
    """Random inputs ``[N, *shape]`` float32."""
    return rng.normal(size=(samples, *program.shapes["input"])).astype(np.float32)


def with_changed_weight(program, name, change=1.01):
    """The program with the largest weight of one node multiplied by ``change``."""
    node = program.nodes[name]
    weight = node.weight.copy()
    at = np.unravel_index(np.abs(weight).argmax(), weight.shape)
    weight[at] *= change
    return program.with_nodes({**program.nodes, name: replace(node, weight=weight)})
