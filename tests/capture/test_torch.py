"""Plain torch modules: the captured Program computes what the ANN computes, and refuses what it cannot, all at once."""

# ruff: noqa: ARG001, ARG005, PLW0108 - forwards and constructors are written as lambdas of one signature

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from neurofer.backends.reference import run
from neurofer.capture import capture
from neurofer.errors import CaptureError
from neurofer.ir import Contract, Readout
from neurofer.ir import nodes as n
from neurofer.nets import build

SHAPE = (2, 8, 8)


def make(forward, **modules):
    """Return a module of a forward and its parts."""
    net = type("Net", (nn.Module,), {"forward": forward})()
    for name, module in modules.items():
        net.add_module(name, module)
    return net


def check(net, shape=SHAPE, **options):
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    x = torch.randn(3, *shape)
    program = capture(net, shape, **options)
    with torch.no_grad():
        out = net.eval()(x).numpy()
    assert np.abs(out).max() > 0
    np.testing.assert_allclose(run(program, x.numpy()).read(program.contract.readout), out, rtol=1e-4, atol=1e-5)
    return program


LAYERS = {
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(128, 3, bias=False)),
    "conv": lambda: nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
    "conv same": lambda: nn.Conv2d(2, 4, 3, padding="same", dilation=2),
    "conv1d": lambda: nn.Sequential(nn.Flatten(2), nn.Conv1d(2, 4, 3, stride=2, padding=1), nn.BatchNorm1d(4)),
    "batch norm": lambda: nn.BatchNorm2d(2),
    "batch norm 1d": lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(128)),
    "max pool": lambda: nn.MaxPool2d(3, 2, 1),
    "avg pool": lambda: nn.AvgPool2d(3, 2, 1),
    "avg pool unpadded": lambda: nn.AvgPool2d((2, 3), count_include_pad=False),
    "adaptive avg": lambda: nn.AdaptiveAvgPool2d((2, 4)),
    "adaptive max": lambda: nn.AdaptiveMaxPool2d(1),
    "adaptive same": lambda: nn.AdaptiveAvgPool2d((None, 8)),
    "flatten some": lambda: nn.Flatten(-2),
    "flatten middle": lambda: nn.Flatten(1, 2),
    "relu dropout identity": lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(), nn.Dropout2d(), nn.Identity()),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_layers(kind):
    program = check(nn.Sequential(LAYERS[kind](), nn.ReLU()))
    assert program.contract == Contract(steps=1, encoder="constant", readout=Readout("last"))


def residual(self, x):
    y = self.bn(self.conv(x))
    y += x
    y = F.relu(y)
    return torch.relu(torch.add(y, x)) * 0.5 + y / 3


def resized(self, x):
    y = torch.cat([x, self.conv(x), x], dim=1)
    y = F.avg_pool2d(F.max_pool2d(y, 2), 3, stride=1, padding=1)
    return y.mean((2, 3)) + F.adaptive_avg_pool2d(y, 1).flatten(1)


def viewed(self, x):
    y = F.dropout(self.conv(x).detach().clone(), 0.3, self.training)
    return torch.cat((y.view(y.size(0), -1), x.reshape(x.shape[0], x.shape[1] * 64), torch.flatten(x, 1)), -1)


def pooled(self, x):
    return x.sum(dim=(-1, -2), keepdim=True).view(-1, 2)


def constants(self, x):
    return (x * self.gain + sum([x, self.conv(x)])) / self.gain * 2


FORWARDS = {f.__name__: f for f in (residual, resized, viewed, pooled, constants)}


@pytest.mark.parametrize("name", FORWARDS)
def test_functions(name):
    net = make(FORWARDS[name], conv=nn.Conv2d(2, 2, 3, padding=1), bn=nn.BatchNorm2d(2))
    net.gain = nn.Parameter(torch.tensor([0.5, 3.0]).reshape(1, 2, 1, 1))
    check(net)


def test_a_module_called_twice_shares_its_weights():
    net = make(lambda self, x: self.fc(self.fc(x)), fc=nn.Linear(4, 4))
    assert list(check(net, (4,)).nodes) == ["input", "fc", "fc_1", "output"]


def test_a_single_layer_is_a_network():
    assert list(check(nn.Linear(4, 3), (4,)).nodes) == ["input", "linear", "output"]


def test_names_are_paths_and_never_taken_twice():
    def forward(self, x):
        return torch.relu(self.relu(torch.relu(self.output(self.input(x)))))

    net = make(forward, input=nn.Linear(4, 4), output=nn.Linear(4, 4), relu=nn.ReLU())
    outer = nn.Sequential(nn.Identity(), net)
    names = list(check(outer, (4,)).nodes)
    assert names == ["input", "1.input", "1.output", "1.relu_1", "1.relu", "1.relu_2", "output"]
    assert list(check(net, (4,)).nodes) == ["input", "input_1", "output_1", "relu_1", "relu", "relu_2", "output"]


def test_other_arguments_keep_their_defaults():
    net = make(lambda self, x, twice=True, *more: self.fc(x) * 2 if twice else x, fc=nn.Linear(4, 4))
    assert "mul" in check(net, (4,)).nodes


def test_branches_on_training_take_the_side_of_evaluation():
    net = make(lambda self, x: self.fc(x) if self.training else self.fc(x) * 3, fc=nn.Linear(4, 4)).train()
    assert "mul" in capture(net, (4,)).nodes
    assert net.training


def test_events_for_an_ann():
    program = capture(nn.Conv2d(2, 3, 3), SHAPE, encoder="events")
    assert program.domains["input"].kind == "binary"


@pytest.mark.parametrize("name", ["conv-cnn", "resnet18"])
def test_the_papers_networks(name):
    options = {"conv-cnn": {"size": 8, "channels": 4, "hidden": (6, 5)}, "resnet18": {"width": 4, "in_channels": 2}}
    shape = {"conv-cnn": (1, 8, 8), "resnet18": (2, 40, 40)}[name]
    net = build(name, **options[name])
    program = check(net, shape)
    assert program.parameters == sum(p.numel() for p in net.parameters())


REFUSED = {
    "padding_mode 'reflect'": lambda: nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"),
    "0: ceil_mode=True": lambda: nn.MaxPool2d(3, ceil_mode=True),
    "AvgPool2d ceil_mode": lambda: nn.AvgPool2d(3, ceil_mode=True),
    "dilation 2": lambda: nn.MaxPool2d(3, dilation=2),
    "two outputs": lambda: nn.MaxPool2d(3, return_indices=True),
    "another number at the border": lambda: nn.AvgPool2d(3, padding=1, count_include_pad=False),
    "divisor_override=2": lambda: nn.AvgPool2d(3, divisor_override=2),
    "8 x 8 cannot be divided into 3 x 3": lambda: nn.AdaptiveAvgPool2d(3),
    "depends on the batch": lambda: nn.BatchNorm2d(2, track_running_stats=False),
    "BatchNorm1d does not take": lambda: nn.BatchNorm1d(2),
    "joins the batch": lambda: nn.Flatten(0),
    "does not fit 3 channels": lambda: nn.Conv2d(3, 2, 3),
    "torch's Sigmoid cannot be captured": lambda: nn.Sigmoid(),
    "Softmax": lambda: nn.Softmax(1),
    "not finite": lambda: bad_weights(),
    "forward hook": lambda: hooked(),
}


def bad_weights():
    conv = nn.Conv2d(2, 2, 3)
    conv.weight.data[0, 0, 0, 0] = float("nan")
    return conv


def hooked():
    conv = nn.Conv2d(2, 2, 3)
    conv.register_forward_hook(lambda module, args, out: 2 * out)
    return conv


@pytest.mark.parametrize("why", REFUSED)
def test_modules_that_cannot_be_captured(why):
    with pytest.raises(CaptureError, match=why.removeprefix("AvgPool2d ")):
        capture(nn.Sequential(REFUSED[why]()), SHAPE)


FUNCTIONS = {
    "tanh": lambda self, x: torch.tanh(x),
    "two values are multiplied": lambda self, x: x * self.conv(x),
    "a constant is added": lambda self, x: x + 1,
    "division by a value": lambda self, x: 1 / x,
    "division by zero": lambda self, x: x / 0,
    "drops in evaluation too": lambda self, x: F.dropout(x),
    "by broadcasting": lambda self, x: x + x.mean((2, 3), keepdim=True),
    "dimension 0 is the batch": lambda self, x: torch.cat([x, x]),
    "cannot be joined": lambda self, x: torch.cat([x, F.max_pool2d(x, 2)], 1),
    "mean over the batch": lambda self, x: x.mean(0),
    "indexing with 0": lambda self, x: x[0],
    "is reshaped": lambda self, x: x.view(-1, 4, 32),
    "not one tensor": lambda self, x: (x, x),
    "cannot be traced: symbolically": lambda self, x: x if x.sum() > 0 else -x,
    "attribute T": lambda self, x: x.T * 2,
    "mean.. is called in a way": lambda self, x: x.mean((2, 3), dtype=torch.float32),
    "a dimension is inserted at 1": lambda self, x: x.unsqueeze(1),
}


@pytest.mark.parametrize("why", FUNCTIONS)
def test_functions_that_cannot_be_captured(why):
    inner = make(FUNCTIONS[why], conv=nn.Conv2d(2, 2, 3, padding=1))
    with pytest.raises(CaptureError, match=f"(?s)- 0.inner: .*{why}" if why != "not one tensor" else why):
        capture(Outer(inner), SHAPE)


class Outer(nn.Module):
    """Holds the module under test at the path ``0.inner``."""

    def __init__(self, inner):
        super().__init__()
        self.add_module("0", nn.Module())
        self._modules["0"].inner = inner

    def forward(self, x):
        return self._modules["0"].inner(x)


def test_everything_is_listed_at_once():
    net = nn.Sequential(
        nn.MaxPool2d(2, ceil_mode=True, dilation=2),
        nn.Sequential(nn.GELU()),
        nn.Conv2d(2, 2, 1, padding_mode="circular"),
    )
    with pytest.raises(CaptureError) as caught:
        capture(net, SHAPE)
    assert [p.where for p in caught.value.problems] == ["0", "0", "1.0", "2"]
    assert all(p.closest for p in caught.value.problems)


def test_a_forward_that_cannot_be_traced_does_not_hide_the_rest():
    def forward(self, x):
        while x.sum() > 0:
            x = self.act(x)
        return x

    inner = make(forward, act=nn.Sequential(nn.ReLU(), nn.GELU()))
    with pytest.raises(CaptureError) as caught:
        capture(nn.Sequential(nn.ReLU(), inner), SHAPE)
    assert [p.where for p in caught.value.problems] == ["1", "1.act.1"]
    assert isinstance(caught.value.__cause__, torch.fx.proxy.TraceError)


@pytest.mark.parametrize(
    "forward",
    [
        lambda self, x: in_place_sum(self, x),
        lambda self, x: (y := self.conv(x), self.act(y))[1] + y,
        lambda self, x: (y := self.conv(x), self.pass_on(y).relu_())[1] + y,
    ],
)
def test_overwriting_what_is_read_again_is_refused(forward):
    net = make(forward, conv=nn.Conv2d(2, 2, 3, padding=1), act=nn.ReLU(inplace=True), pass_on=nn.Identity())
    with pytest.raises(CaptureError, match="overwritten in place and used again"):
        capture(net, SHAPE)


def in_place_sum(net, x):
    y = net.conv(x)
    z = y
    z += x
    return y + z


@st.composite
def stacks(draw):
    """A random feed-forward stack over images, with random geometry."""
    channels, size, layers = 2, 8, []
    for _ in range(draw(st.integers(1, 4))):
        kernel = draw(st.integers(1, min(3, size)))
        stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, kernel // 2))
        match draw(st.sampled_from(["conv", "max", "avg", "bn", "relu", "drop"])):
            case "conv":
                groups, out = draw(st.sampled_from([1, 2])), draw(st.sampled_from([2, 4]))
                bias = draw(st.booleans())
                layers.append(nn.Conv2d(channels, out, kernel, stride, padding, groups=groups, bias=bias))
                channels, size = out, (size + 2 * padding - kernel) // stride + 1
            case "max":
                layers.append(nn.MaxPool2d(kernel, stride, padding))
                size = (size + 2 * padding - kernel) // stride + 1
            case "avg":
                layers.append(nn.AvgPool2d(kernel, stride, padding))
                size = (size + 2 * padding - kernel) // stride + 1
            case "bn":
                layers.append(nn.BatchNorm2d(channels))
            case "relu":
                layers.append(nn.ReLU())
            case "drop":
                layers.append(nn.Dropout())
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * size * size, 3))


@settings(max_examples=40)
@given(stacks())
def test_random_stacks(net):
    program = check(net)
    assert [type(node) for node in program.nodes.values()][-2:] == [n.Linear, n.Output]
