"""Shapes against torch, domains, canonical parameters and equality."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from neurofer.ir import BINARY, REAL, Domain
from neurofer.ir import nodes as n

SIZES = st.integers(1, 3)


@st.composite
def convolutions(draw, rank):
    groups, channels, out = draw(SIZES), draw(SIZES), draw(SIZES)
    same = draw(st.booleans())
    many = st.lists(SIZES, min_size=rank, max_size=rank).map(tuple)
    kernel = draw(many)
    stride = (1,) * rank if same else draw(many)
    padding = "same" if same else draw(st.lists(st.integers(0, 2), min_size=rank, max_size=rank).map(tuple))
    weight = np.zeros((out * groups, channels, *kernel), np.float32)
    kind = n.Conv1d if rank == 1 else n.Conv2d
    return kind(weight, None, stride, padding, draw(many), groups)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("rank", [1, 2])
@given(data=st.data())
def test_convolution_shape_is_torchs(rank, data):
    node = data.draw(convolutions(rank))
    size = data.draw(st.lists(st.integers(1, 9), min_size=rank, max_size=rank))
    x = torch.zeros(1, node.weight.shape[1] * node.groups, *size)
    convolve = functional.conv1d if rank == 1 else functional.conv2d
    settings = {"stride": node.stride, "padding": node.padding, "dilation": node.dilation, "groups": node.groups}
    try:
        expected = tuple(convolve(x, torch.tensor(node.weight), **settings).shape[1:])
    except RuntimeError:
        with pytest.raises(ValueError, match="larger than the padded input"):
            node.output_shape(tuple(x.shape[1:]))
        return
    assert node.output_shape(tuple(x.shape[1:])) == expected


@given(st.tuples(SIZES, SIZES), st.tuples(SIZES, SIZES), st.data())
def test_pool_shape_is_torchs(kernel, stride, data):
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    shape = data.draw(st.tuples(SIZES, st.integers(3, 9), st.integers(3, 9)))
    expected = tuple(functional.avg_pool2d(torch.zeros(1, *shape), kernel, stride, padding).shape[1:])
    for kind in (n.SumPool2d, n.AvgPool2d, n.MaxPool2d):
        assert kind(kernel, stride, padding).output_shape(shape) == expected


@given(st.lists(SIZES, min_size=1, max_size=4).map(tuple), st.integers(-5, 4), st.integers(-5, 4))
def test_flatten_shape_is_torchs_without_the_batch(shape, start, end):
    dims = [d + 1 if d >= 0 else d for d in (start, end)]
    node = n.Flatten(start, end)
    if any(not -len(shape) <= d < len(shape) for d in (start, end)) or start % len(shape) > end % len(shape):
        with pytest.raises(ValueError, match="do not exist"):
            node.output_shape(shape)
        return
    assert node.output_shape(shape) == tuple(torch.zeros(1, *shape).flatten(*dims).shape[1:])


@given(st.integers(-3, 2), st.lists(SIZES, min_size=1, max_size=3))
def test_concat_shape_is_torchs_without_the_batch(axis, sizes):
    shapes = [tuple(size if d == axis % 3 else 2 for d in range(3)) for size in sizes]
    node = n.Concat(axis)
    assert node.join(shapes) == tuple(torch.cat([torch.zeros(1, *s) for s in shapes], node.batch_axis).shape[1:])


@pytest.mark.parametrize(
    ("node", "shape", "why"),
    [
        (n.Linear(np.ones((2, 3))), (2,), "does not fit weight"),
        (n.Linear(np.ones(3)), (3,), "2 dimensions"),
        (n.Linear(np.ones((2, 3)), np.ones(3)), (3,), "bias"),
        (n.Linear(np.ones((0, 3))), (3,), "at least 1"),
        (n.Conv2d(np.ones((2, 1, 3, 3)), stride=0), (1, 5, 5), "stride must be at least 1"),
        (n.Conv2d(np.ones((2, 1, 3, 3)), stride=-(10**12)), (1, 5, 5), "stride must be at least 1"),
        (n.Conv2d(np.ones((2, 1, 3, 3)), padding=-1), (1, 5, 5), "padding must be at least 0"),
        (n.Conv2d(np.ones((2, 1, 3, 3)), dilation=0), (1, 5, 5), "dilation"),
        (n.Conv2d(np.ones((2, 1, 3, 3)), groups=0), (1, 5, 5), "groups"),
        (n.Conv2d(np.ones((3, 1, 3, 3)), groups=2), (2, 5, 5), "split into 2 groups"),
        (n.Conv2d(np.ones((2, 1, 3, 3)), stride=2, padding="same"), (1, 5, 5), "needs stride 1"),
        (n.Conv2d(np.ones((2, 1, 3, 3))), (1, 5), "does not fit"),
        (n.Conv2d(np.ones((2, 1, 3))), (1, 5, 5), "4 dimensions"),
        (n.SumPool2d(2, 0), (1, 4, 4), "stride"),
        (n.SumPool2d(0), (1, 4, 4), "kernel"),
        (n.MaxPool2d(2), (4, 4), "channels, height, width"),
        (n.AvgPool2d(5), (1, 4, 4), "larger than the padded input"),
        (n.Scale(np.arange(3.0)), (4,), "scale"),
        (n.Threshold(np.arange(3.0)), (4,), "theta"),
        (n.Threshold(1.0, "=>"), (4,), "compare"),
        (n.Neuron(gain=np.arange(3.0)), (4,), "gain"),
        (n.Neuron(reset="subtract"), (4,), "reset"),
        (n.Neuron(compare="<"), (4,), "compare"),
        (n.Delay(0.5), (4,), "whole number"),
        (n.Delay(-1), (4,), "whole number"),
        (n.Delay(np.inf), (4,), "whole number"),
        (n.BatchNorm(*np.ones((4, 3))), (2, 4, 4), "mean"),
        (n.Input((0, 2)), (), "at least 1"),
    ],
)
def test_what_does_not_fit_says_why(node, shape, why):
    with pytest.raises(ValueError, match=why):
        node.output_shape(shape)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: n.Conv2d(np.ones((1, 1, 1, 1)), padding="full"), "'same' or 'valid'"),
        (lambda: n.Conv2d(np.ones((1, 1, 1, 1)), stride=(1, 2, 3)), "one or 2"),
        (lambda: n.Conv2d(np.ones((1, 1, 1, 1)), stride=1.5), "whole numbers"),
        (lambda: n.SumPool2d((1, 2, 3)), "one or 2"),
        (lambda: n.Linear("weights"), "array of numbers"),
        (lambda: n.Linear(np.ones((2, 2), complex)), "array of numbers"),
    ],
)
def test_what_cannot_be_made_says_why(make, why):
    with pytest.raises(ValueError, match=why):
        make()


def test_settings_have_one_form():
    weight = np.ones((1, 1, 2, 3), np.float32)
    assert n.Conv2d(weight, stride=np.array([1, 1]), padding=np.array([0, 0])) == n.Conv2d(weight, padding="valid")
    assert n.SumPool2d(np.int64(2)) == n.SumPool2d((2, 2), (2, 2), 0)
    assert n.Neuron(alpha_mem=np.full((2, 3), 0.5)) == n.Neuron(alpha_mem=0.5)
    assert n.Neuron(theta=None, reset="soft", delta=3.0, v_reset=1.0) == n.Neuron(theta=None)
    assert n.Neuron(w_in=2.0, i_init=1.0) == n.Neuron()
    assert n.Neuron(reset="soft") == n.Neuron(reset="soft", delta=1.0, v_reset=5.0)


def test_equality_is_bit_for_bit():
    one = np.ones((2, 2), np.float32)
    assert n.Linear(one) == n.Linear(one.copy())
    assert n.Linear(one) != n.Linear(one.astype(np.float64))
    assert n.Linear(one) != n.Linear(np.nextafter(one, np.float32(2)))
    assert n.Neuron(offset=0.0) != n.Neuron(offset=-0.0)
    assert n.Neuron(offset=np.array([0.0, -0.0])) != n.Neuron(offset=np.array([0.0, 0.0]))
    assert n.Linear(one * 0) != n.Linear(one * -0.0)
    assert n.Scale(np.nan) == n.Scale(np.nan)
    assert n.SumPool2d(2) != n.AvgPool2d(2)


def test_arrays_are_read_only_and_not_copied():
    weight = np.ones((2, 2), np.float32)
    node = n.Linear(weight)
    assert np.shares_memory(node.weight, weight)
    with pytest.raises(ValueError, match="read-only"):
        node.weight[0, 0] = 2


@pytest.mark.parametrize(
    ("neuron", "kind"),
    [
        (n.Neuron(), "IF"),
        (n.Neuron(theta=None), "I"),
        (n.Neuron(alpha_mem=0.5), "LIF"),
        (n.Neuron(offset=0.5), "LIF"),
        (n.Neuron(alpha_mem=0.5, theta=None), "LI"),
        (n.Neuron(alpha_syn=0.5), "CubaLIF"),
        (n.Neuron(alpha_syn=0.5, theta=None), "CubaLI"),
    ],
)
def test_kind_is_nirs_name(neuron, kind):
    assert neuron.kind == kind
    assert neuron.output_domain(REAL, (1,)) == (BINARY if neuron.spiking else REAL)


@pytest.mark.parametrize(
    ("node", "entering", "leaving"),
    [
        (n.SumPool2d(2), BINARY, Domain("integer", 4)),
        (n.SumPool2d(1), BINARY, BINARY),
        (n.SumPool2d((2, 3)), Domain("code", 255), Domain("integer", 1530)),
        (n.AvgPool2d(2), BINARY, REAL),
        (n.MaxPool2d(2), Domain("integer", 3), Domain("integer", 3)),
        (n.Scale(3.0), BINARY, Domain("integer", 3)),
        (n.Scale(1.0), Domain("code", 7), Domain("code", 7)),
        (n.Scale(np.array([1.0, 2.0])), BINARY, Domain("integer", 2)),
        (n.Scale(0.5), BINARY, REAL),
        (n.Scale(-1.0), BINARY, REAL),
        (n.Scale(np.inf), BINARY, REAL),
        (n.Linear(np.ones((1, 1))), BINARY, REAL),
        (n.Conv1d(np.ones((1, 1, 1))), BINARY, REAL),
        (n.BatchNorm(*np.ones((4, 1))), BINARY, REAL),
        (n.Threshold(2.0), REAL, BINARY),
        (n.Delay(2), Domain("integer", 2), Domain("integer", 2)),
        (n.Flatten(), BINARY, BINARY),
        (n.Dropout(), BINARY, BINARY),
        (n.Relu(), BINARY, BINARY),
    ],
)
def test_domains(node, entering, leaving):
    assert node.output_domain(entering, (1, 4, 4)) == leaving


def test_not_finite_counts_and_names():
    node = n.Neuron(gain=np.array([1.0, np.nan, np.inf]), offset=np.inf)
    assert list(node.not_finite()) == [
        "gain holds 2 values that are not finite (NaN or infinite)",
        "offset holds 1 value that is not finite (NaN or infinite)",
    ]
    assert list(n.Neuron().not_finite()) == []
