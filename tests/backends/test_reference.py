"""The reference against torch in float64, and against loops over scalars."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from neurofer.backends.reference import convolve, run, stateless
from neurofer.ir import Contract, Edge, Program
from neurofer.ir import nodes as n
from tests.ir.graphs import any_neurons
from tests.ir.test_nodes import convolutions
from tests.strategies import chain, rngs

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("rank", [1, 2])
@given(data=st.data(), rng=rngs)
def test_convolution(rank, data, rng):
    blank = data.draw(convolutions(rank))
    weight = rng.standard_normal(blank.weight.shape)
    bias = rng.standard_normal(len(weight)) if data.draw(st.booleans()) else None
    node = type(blank)(weight, bias, blank.stride, blank.padding, blank.dilation, blank.groups)
    size = data.draw(st.lists(st.integers(7, 9), min_size=rank, max_size=rank))
    x = rng.standard_normal((2, weight.shape[1] * node.groups, *size))
    torchs = functional.conv1d if rank == 1 else functional.conv2d
    settings = {"stride": node.stride, "padding": node.padding, "dilation": node.dilation, "groups": node.groups}
    expected = torchs(torch.tensor(x), torch.tensor(weight), None if bias is None else torch.tensor(bias), **settings)
    close(convolve(node, x), expected)


def test_a_convolution_lays_out_one_sample_at_a_time():
    node, x = n.Conv2d(np.ones((1, 4, 5, 5), np.float32), padding=2), np.ones((16, 4, 32, 32))
    tracemalloc.start()
    convolve(node, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * x[0].nbytes * 25  # all samples at once take 16 times that of one


@given(PAIRS, PAIRS, st.data(), rngs)
def test_pooling(kernel, stride, data, rng):
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    x = rng.standard_normal((2, 2, 5, 6))
    mean = functional.avg_pool2d(torch.tensor(x), kernel, stride, padding)
    close(stateless(n.AvgPool2d(kernel, stride, padding), x), mean)
    close(stateless(n.SumPool2d(kernel, stride, padding), x), mean * (kernel[0] * kernel[1]))
    maximum = functional.max_pool2d(torch.tensor(x), kernel, stride, padding)
    close(stateless(n.MaxPool2d(kernel, stride, padding), x), maximum)


@given(rngs, st.integers(1, 3))
def test_other_stateless_nodes(rng, channels):
    x = rng.standard_normal((2, channels, 3, 4))
    t = torch.tensor(x)
    mean, var, weight, bias = rng.uniform(0.1, 2.0, (4, channels))
    norm = functional.batch_norm(t, *(torch.tensor(v) for v in (mean, var, weight, bias)), eps=1e-3)
    close(stateless(n.BatchNorm(mean, var, weight, bias, 1e-3), x), norm)
    close(stateless(n.Relu(), x), functional.relu(t))
    close(stateless(n.Flatten(), x), t.flatten(1))
    close(stateless(n.Flatten(1, 2), x), t.flatten(2, 3))
    scale = rng.standard_normal(x.shape[1:])
    close(stateless(n.Scale(scale), x), t * torch.tensor(scale))
    matrix, offset = rng.standard_normal((5, 12)), rng.standard_normal(5)
    vector = x[:, 0].reshape(2, 12)
    close(
        stateless(n.Linear(matrix, offset), vector),
        functional.linear(torch.tensor(vector), torch.tensor(matrix), torch.tensor(offset)),
    )
    assert np.array_equal(stateless(n.Dropout(0.9), x), x)
    ties = np.round(x, 1)
    assert np.array_equal(stateless(n.Threshold(0.5, ">"), ties), ties > 0.5)
    assert np.array_equal(stateless(n.Threshold(0.5, ">="), ties), ties >= 0.5)


def by_hand(neuron, x):
    """Run one Neuron over ``x`` ``[T, N, K]``, one scalar after the other, as its docstring says."""
    out = np.zeros(x.shape)

    def at(name, k):
        value = getattr(neuron, name)
        return value[k] if isinstance(value, np.ndarray) else value

    for sample in range(x.shape[1]):
        for k in range(x.shape[2]):
            v, i = at("v_init", k), at("i_init", k)
            for t in range(len(x)):
                value = x[t, sample, k]
                i = value if neuron.alpha_syn is None else at("alpha_syn", k) * i + at("w_in", k) * value
                u = at("alpha_mem", k) * v + at("gain", k) * i + at("offset", k)
                v = u
                if neuron.theta is None:
                    out[t, sample, k] = u
                    continue
                fires = u >= at("theta", k) if neuron.compare == ">=" else u > at("theta", k)
                if fires:
                    out[t, sample, k] = 1
                    v = at("v_reset", k) if neuron.reset == "hard" else u - at("delta", k)
    return out


@settings(max_examples=200)
@given(any_neurons((3,)), rngs)
def test_neurons_of_all_kinds(neuron, rng):
    x = rng.integers(-4, 8, (6, 2, 3)) / 4
    trace = run(chain(("input", n.Input((3,))), ("neuron", neuron), contract=Contract(steps=6)), x)
    expected = by_hand(neuron, x)
    assert np.array_equal(trace.outputs["output"], expected)
    if neuron.spiking:
        assert np.array_equal(trace.unpack("neuron"), expected)


@pytest.mark.parametrize("compare", [">=", ">"])
def test_a_tie_is_decided_by_the_comparison(compare):
    neuron = n.Neuron(compare=compare, reset="soft", delta=0.5)
    trace = run(chain(("input", n.Input((1,))), ("if", neuron)), np.array([[[1.0]], [[0.0]], [[0.5]]]))
    expected = {">=": [1, 0, 1], ">": [0, 0, 1]}[compare]
    assert trace.unpack("if").ravel().tolist() == expected


@given(rngs, st.booleans())
def test_delays(rng, uniform):
    steps = 2 if uniform else rng.integers(0, 4, 3)
    x = rng.standard_normal((6, 2, 3))
    out = run(chain(("input", n.Input((3,))), ("wait", n.Delay(steps))), x).outputs["output"]
    for k, late in enumerate(np.broadcast_to(steps, 3)):
        for t in range(6):
            assert np.array_equal(out[t, :, k], x[t - late, :, k] if t >= late else [0, 0])


def test_recurrent_weights_see_the_step_before_and_nothing_at_first():
    weight, bias = np.array([[0.0, 0.5], [0.25, 0.0]]), np.array([0.125, 0.25])
    nodes = {"input": n.Input((2,)), "li": n.Neuron(alpha_mem=0.5, theta=None), "w": n.Linear(weight, bias)}
    edges = [Edge("input", "li"), Edge("li", "w"), Edge("w", "li", 1), Edge("li", "output")]
    x = np.random.default_rng(0).standard_normal((5, 1, 2))
    out = run(Program({**nodes, "output": n.Output()}, edges), x).outputs["output"]
    v, back = np.zeros(2), np.zeros(2)
    for t in range(5):
        v = 0.5 * v + x[t, 0] + back
        np.testing.assert_allclose(out[t, 0], v, rtol=1e-14)
        back = weight @ v + bias


def test_a_delayed_edge_before_the_weights_lets_their_bias_through_at_first():
    nodes = {"input": n.Input((1,)), "w": n.Linear(np.array([[2.0]]), np.array([0.5])), "output": n.Output()}
    out = run(Program(nodes, [Edge("input", "w", 1), Edge("w", "output")]), np.array([[[1.0]], [[3.0]]])).outputs
    assert out["output"].ravel().tolist() == [0.5, 2.5]


def test_inputs_are_summed_and_joined_in_the_order_of_the_edges():
    nodes = {
        "a": n.Input((2,)),
        "b": n.Input((2,)),
        "sum": n.Relu(),
        "join": n.Concat(-1),
        "output": n.Output(),
    }
    edges = [Edge("a", "sum"), Edge("b", "sum"), Edge("b", "join"), Edge("sum", "join"), Edge("join", "output")]
    a, b = np.array([[[1.0, 2.0]]]), np.array([[[10.0, 20.0]]])
    trace = run(Program(nodes, edges), {"a": a, "b": b})
    assert trace.outputs["output"].tolist() == [[[10.0, 20.0, 11.0, 22.0]]]


def test_a_constant_input_is_the_same_every_step():
    nodes = [("input", n.Input((2,))), ("fc", n.Linear(np.array([[0.5, 0.25]]))), ("if", n.Neuron())]
    program = chain(*nodes, contract=Contract(steps=4, encoder="constant"))
    x = np.array([[1.0, 0.0], [2.0, 1.0]])
    once, repeated = run(program, x), run(program, np.broadcast_to(x, (4, 2, 2)).copy())
    assert once.unpack("if").reshape(4, 2).T.tolist() == [[0, 1, 0, 1], [1, 1, 1, 1]]
    assert np.array_equal(once.unpack("if"), repeated.unpack("if"))
