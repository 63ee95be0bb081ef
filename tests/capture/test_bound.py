"""The range that capture infers holds for every binary input, and is reached."""

import itertools
import math

import numpy as np
import pytest

from neurofer.backends.reference import stateless
from neurofer.capture.bound import reach
from neurofer.capture.signal import Builder
from neurofer.ir import BINARY, REAL
from neurofer.ir import nodes as n

WEIGHT = np.array([[1.0, -2.0, 0.5], [-0.25, 0.75, -1.0]])
SQUARE = np.array([[[[1.0, -2.0], [0.5, 0.25]]]])

CHAINS = {
    "linear": ((3,), [n.Linear(WEIGHT, None)]),
    "bias": ((3,), [n.Linear(WEIGHT, np.array([0.5, -3.0]))]),
    "scale": ((3,), [n.Linear(WEIGHT, None), n.Scale(-2.0)]),
    "relu": ((3,), [n.Linear(WEIGHT, None), n.Relu()]),
    "conv": ((1, 2, 2), [n.Conv2d(SQUARE, None, padding=1), n.Flatten()]),
    "pool": ((1, 2, 2), [n.MaxPool2d(2), n.AvgPool2d(1)]),
}


def built(nodes, shape, domain=BINARY):
    builder = Builder(())
    name = builder.place("input", "input", n.Input(shape, domain), ())
    for index, node in enumerate(nodes):
        name = builder.place(index, str(index), node, (name,))
    return builder, name


@pytest.mark.parametrize("kind", CHAINS)
def test_the_range_is_what_binary_inputs_reach(kind):
    shape, nodes = CHAINS[kind]
    builder, name = built(nodes, shape)
    values = np.array(list(itertools.product((0.0, 1.0), repeat=math.prod(shape)))).reshape(-1, *shape)
    for node in nodes:
        values = stateless(node, values)
    assert reach(builder, (name,)) == (values.min(), values.max())


def test_terms_add_up_and_spikes_count_one():
    builder, name = built([n.Linear(WEIGHT, None)], (3,))
    fired = builder.place("lif", "lif", n.Neuron(), (name,))
    assert reach(builder, (name, fired)) == (-2.0, 2.5)


@pytest.mark.parametrize(("node", "domain"), [(n.Linear(WEIGHT, None), REAL), (n.Neuron(theta=None), BINARY)])
def test_what_is_not_known_has_no_bounds(node, domain):
    builder, name = built([node], (3,), domain)
    assert reach(builder, (name,)) == (-math.inf, math.inf)
