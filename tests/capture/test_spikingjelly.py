"""Every SpikingJelly construct: the real module against the captured Program on the reference, spike by spike.

Weights, inputs and time constants lie on a dyadic grid, so that float32 is exact and one differing spike is a fault.
"""

# ruff: noqa: ARG001, PLW0108 - constructors are written as lambdas, hooks have a fixed signature

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

from neurofer.backends.reference import run
from neurofer.capture import capture
from neurofer.errors import CaptureError, UsageError
from neurofer.ir import Contract, Readout
from neurofer.ir import nodes as n
from neurofer.nets import build
from neurofer.nets.time import Repeat

T, N = 5, 3


def dyadic(net, seed=0, scale=1.0):
    """Put every parameter and statistic on the grid 2^-6."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in net.named_parameters():
            if not name.endswith(".w"):
                value.copy_(torch.randint(-40, 64, value.shape, generator=draw) / 64 * scale)
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.copy_(torch.randint(-8, 8, module.running_mean.shape, generator=draw) / 64)
                module.running_var.fill_(0.25)
                module.eps = 0.0
    return net.eval()


def frames(*shape, steps=T, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return (torch.rand(steps, N, *shape, generator=draw) < 0.5).float()


def spikes_of(net, call):
    """Return the spikes of all neurons by path, ``[T, N, *]``, and the output."""
    found = {}

    def keep(path):
        def hook(module, args, out):
            found.setdefault(path, []).append(out.detach().clone())

        return hook

    neurons = [(p, m) for p, m in net.named_modules() if isinstance(m, neuron.BaseNode)]
    hooks = [m.register_forward_hook(keep(p)) for p, m in neurons]
    functional.reset_net(net)
    with torch.no_grad():
        out = call(net)
    for hook in hooks:
        hook.remove()
    functional.reset_net(net)
    trains = {p: (found[p][0] if m.step_mode == "m" else torch.stack(found[p])).numpy() for p, m in neurons}
    return trains, out.numpy()


def check(net, x, program, call=None):
    """The captured program gives the same spikes everywhere, some spikes, and the same output."""
    trains, out = spikes_of(net, call or (lambda net: net(x)))
    trace = run(program, x.numpy())
    assert set(trains) == set(trace.spikes)
    for path, train in trains.items():
        assert 0 < train.mean() < 1, f"{path} shows nothing"
        np.testing.assert_array_equal(trace.unpack(path), train.reshape(trace.unpack(path).shape), err_msg=path)
    found = (
        trace.outputs["output"] if out.ndim == trace.outputs["output"].ndim else trace.read(program.contract.readout)
    )
    np.testing.assert_array_equal(found, out)
    return trace


NEURONS = {
    "if hard": lambda: neuron.IFNode(),
    "if soft": lambda: neuron.IFNode(v_reset=None),
    "if threshold and reset": lambda: neuron.IFNode(v_threshold=0.75, v_reset=-0.25),
    "if half threshold": lambda: neuron.HalfThresholdIFNode(),
    "lif hard": lambda: neuron.LIFNode(tau=2.0),
    "lif soft": lambda: neuron.LIFNode(tau=2.0, v_reset=None),
    "lif to reset": lambda: neuron.LIFNode(tau=4.0, v_reset=0.25, v_threshold=0.5),
    "lif plain input": lambda: neuron.LIFNode(tau=2.0, decay_input=False),
    "lif plain input to reset": lambda: neuron.LIFNode(tau=2.0, decay_input=False, v_reset=-0.5),
    "lif plain input soft": lambda: neuron.LIFNode(tau=4.0, decay_input=False, v_reset=None),
    "plif": lambda: neuron.ParametricLIFNode(init_tau=2.0),
    "plif plain input to reset": lambda: neuron.ParametricLIFNode(init_tau=2.0, decay_input=False, v_reset=0.25),
    "if by atan": lambda: neuron.IFNode(surrogate_function=surrogate.ATan(), detach_reset=True),
}


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("kind", NEURONS)
def test_neurons_spike_alike(kind, mode):
    net = dyadic(nn.Sequential(layer.Linear(6, 8), NEURONS[kind]()), scale=2.0)
    functional.set_step_mode(net, mode)
    x = frames(6)
    program = capture(net, (6,), steps=T)
    assert list(program.nodes) == ["input", "0", "1", "output"]
    call = None if mode == "m" else lambda net: torch.stack([net(frame) for frame in x])
    check(net, x, program, call)


def test_a_learnt_time_constant_is_the_one_the_module_computes_with():
    module = neuron.ParametricLIFNode(init_tau=3.0)
    module.w.data.fill_(0.3)
    node = capture(nn.Sequential(module), (4,), steps=1).nodes["0"]
    assert node.gain == float(torch.sigmoid(torch.tensor(0.3)))
    assert node.alpha_mem == 1 - node.gain


def test_state_and_mode_of_the_module_stay():
    net = nn.Sequential(layer.Linear(6, 8), layer.BatchNorm1d(8), neuron.IFNode())
    net[0].eval()
    net(frames(6)[0])
    before = (
        net[2].v.clone(),
        [m.training for m in net.modules()],
        {k: v.clone() for k, v in net.state_dict().items()},
    )
    capture(net, (6,), steps=T)
    assert torch.equal(net[2].v, before[0])
    assert [m.training for m in net.modules()] == before[1]
    assert all(torch.equal(v, before[2][k]) for k, v in net.state_dict().items())


def test_a_forward_that_resets_and_counts_leaves_no_mark():
    def forward(self, x):
        functional.reset_net(self)
        self.calls = self.calls + 1
        return self.sn(x)

    net = loop(forward, sn=neuron.IFNode())
    net.calls = 0
    net.sn(torch.full((2, 3), 0.5))
    assert list(capture(net, (3,), steps=2).nodes) == ["input", "sn", "output"]
    assert net.calls == 0
    assert torch.equal(net.sn.v, torch.full((2, 3), 0.5))


def test_weights_are_not_copied():
    net = nn.Sequential(layer.Conv2d(1, 2, 3), neuron.IFNode())
    weight = capture(net, (1, 5, 5), steps=1).nodes["0"].weight
    assert np.shares_memory(weight, net[0].weight.detach().numpy())


LAYERS = {
    "conv bias": lambda: layer.Conv2d(2, 4, 3, padding=1),
    "conv stride groups": lambda: layer.Conv2d(2, 4, 3, stride=2, padding=(1, 0), groups=2, bias=False),
    "conv same": lambda: layer.Conv2d(2, 4, (2, 3), padding="same"),
    "conv valid dilated": lambda: layer.Conv2d(2, 4, 3, padding="valid", dilation=2),
    "batch norm": lambda: layer.BatchNorm2d(2),
    "batch norm fixed": lambda: layer.BatchNorm2d(2, affine=False),
    "max pool": lambda: layer.MaxPool2d(3, stride=2, padding=1),
    "avg pool": lambda: layer.AvgPool2d(2, padding=1),
    "adaptive": lambda: layer.AdaptiveAvgPool2d((2, None)),
    "dropout": lambda: layer.Dropout(0.5),
    "identity": lambda: nn.Identity(),
    "relu": lambda: nn.ReLU(),
}


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("kind", LAYERS)
def test_layers_compute_alike(kind):
    first = layer.Conv2d(2, 2, 1)
    tail = (neuron.IFNode(v_threshold=0.75), LAYERS[kind](), neuron.IFNode(v_threshold=0.5, v_reset=None))
    net = dyadic(nn.Sequential(first, *tail), seed=1)
    functional.set_step_mode(net, "m")
    x = frames(2, 8, 8)
    check(net, x, capture(net, (2, 8, 8), steps=T))


def test_one_dimensional_layers():
    tail = (layer.Flatten(), layer.Linear(12, 4), layer.BatchNorm1d(4), neuron.IFNode(v_threshold=0.5))
    net = dyadic(nn.Sequential(layer.Conv1d(2, 3, 3, stride=2), neuron.IFNode(v_threshold=0.5), *tail), seed=2)
    functional.set_step_mode(net[:4], "m")
    functional.set_step_mode(net[5:], "m")
    net[4].step_mode = "s"
    with pytest.raises(CaptureError, match="4: takes one step, but gets all of them"):
        capture(net, (2, 9), steps=T)
    program = capture(functional_s(net), (2, 9), steps=T)
    x = frames(2, 9)
    check(net, x, program, lambda net: torch.stack([net(frame) for frame in x]))


def functional_s(net):
    functional.set_step_mode(net, "s")
    return net


class Residual(nn.Module):
    """Sums and joins of every sort, written with operators and with functions."""

    def __init__(self, join):
        super().__init__()
        self.join = join
        self.a = nn.Sequential(layer.Linear(6, 6), neuron.IFNode(v_threshold=0.5))
        self.b = nn.Sequential(layer.Linear(6, 6), neuron.IFNode(v_threshold=0.5))
        self.c = nn.Sequential(layer.Linear(12 if join in ("cat", "cat twice") else 6, 4), neuron.IFNode())
        functional.set_step_mode(self, "m")

    def forward(self, x):
        a = self.a(x)
        b = self.b(a)
        match self.join:
            case "plus":
                y = b + a
            case "add":
                y = torch.add(x, b + a)
            case "in place":
                b += a
                y = b
            case "builtin":
                y = sum([a, b, x])
            case "twice":
                y = (a + a) + (a + b)
            case "scaled":
                y = (a * 0.5 + b / 2) * 3
            case "cat":
                y = torch.cat((b, a), dim=2)
            case "cat twice":
                y = torch.cat([a + b, a + b], -1)
        return self.c(y)


@pytest.mark.parametrize("join", ["plus", "add", "in place", "builtin", "twice", "scaled", "cat", "cat twice"])
def test_sums_and_joins(join):
    net = dyadic(Residual(join), seed=3, scale=1.5)
    x = frames(6)
    program = capture(net, (6,), steps=T)
    check(net, x, program)
    if join == "plus":
        assert [e.source for e in program.predecessors("c.0")] == ["b.1", "a.1"]
        assert not any(isinstance(node, n.Scale) for node in program.nodes.values())


class Head(nn.Module):
    def __init__(self, end):
        super().__init__()
        self.body = nn.Sequential(layer.Linear(6, 8), neuron.IFNode(v_threshold=0.5))
        self.fc = nn.Linear(8, 3)
        self.end = end
        functional.set_step_mode(self, "m")

    def forward(self, x):
        y = self.body(x)
        match self.end:
            case "mean":
                return y.mean(0)
            case "sum":
                return self.fc(y).sum(dim=0)
            case "last":
                return self.fc(y)[-1]
            case "sum / T":
                return torch.sum(y, 0) / T
            case "mean * T":
                return T * torch.mean(y, dim=0)
            case "sum / 2":
                return y.sum(0) / 2
            case "fc(sum)":
                return self.fc(y.sum(0))
            case "fc(mean * 5)":
                return self.fc(y.mean(0) * 5)
            case "fc(last)":
                return self.fc(y[T - 1]).relu()


ENDS = {
    "mean": "rate",
    "sum": "sum",
    "last": "last",
    "sum / T": "rate",
    "mean * T": "sum",
    "sum / 2": "sum",
    "fc(sum)": "last",
    "fc(mean * 5)": "last",
    "fc(last)": "last",
}


@pytest.mark.parametrize("end", ENDS)
def test_reductions_over_time(end):
    net = dyadic(Head(end), seed=5)
    x = frames(6)
    program = capture(net, (6,), steps=T)
    assert program.contract.readout.reduction == ENDS[end]
    trains, out = spikes_of(net, lambda net: net(x))
    trace = run(program, x.numpy())
    np.testing.assert_array_equal(trace.unpack("body.1"), trains["body.1"])
    np.testing.assert_allclose(trace.read(program.contract.readout), out, rtol=1e-6)
    assert np.abs(out).max() > 0
    integrators = [name for name, node in program.nodes.items() if isinstance(node, n.Neuron) and not node.spiking]
    assert integrators == (["sum"] if end in ("fc(sum)", "fc(mean * 5)") else [])


def test_an_integrator_of_a_mean_has_gain_one_over_t():
    class Mean(Head):
        def forward(self, x):
            return self.fc(self.body(x).mean(0))

    program = capture(dyadic(Mean("")), (6,), steps=4)
    assert program.nodes["mean"] == n.Neuron(theta=None, gain=0.25)
    assert program.contract.readout.reduction == "last"


class Prefix(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = how
        self.conv = nn.Conv2d(1, 2, 3)
        self.repeat = Repeat(T)
        self.sn = neuron.IFNode(v_threshold=1.5, step_mode="m")

    def forward(self, x):
        x = self.conv(x)
        match self.how:
            case "module":
                x = self.repeat(x)
            case "repeat":
                x = x.unsqueeze(0).repeat(T, 1, 1, 1, 1)
            case "expand":
                x = torch.unsqueeze(x, 0).expand(T, -1, -1, -1, -1)
            case "none":
                x = x[None].repeat([T, 1, 1, 1, 1])
            case "stack":
                x = torch.stack([x] * T)
        return self.sn(x).mean(0)


@pytest.mark.parametrize("how", ["module", "repeat", "expand", "none", "stack"])
def test_a_static_prefix_makes_the_encoder_constant(how):
    net = dyadic(Prefix(how))
    program = capture(net, (1, 5, 5))
    assert (program.contract.encoder, program.contract.steps) == ("constant", T)
    assert program.static == {"input", "conv"}
    assert program.domains["input"].kind == "real"
    x = frames(1, 5, 5)[0]
    trains, out = spikes_of(net, lambda net: net(x))
    trace = run(program, x.numpy())
    assert 0 < trains["sn"].mean() < 1
    np.testing.assert_array_equal(trace.unpack("sn"), trains["sn"])
    np.testing.assert_allclose(trace.read(program.contract.readout), out, rtol=1e-6)


class Loop(nn.Module):
    """SpikingJelly's classic: the convolution once, the rest in a Python loop over time."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.static = nn.Conv2d(1, 2, 3)
        self.conv = nn.Sequential(neuron.IFNode(), nn.Conv2d(2, 2, 3, bias=False), neuron.IFNode(v_threshold=0.5))
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(2, 4), neuron.LIFNode(v_threshold=0.125))

    def forward(self, x):
        if self.how == "events":
            out = 0
            for t in range(T):
                out = out + self.fc(self.conv(self.static(x[t])))
            return out
        if self.how == "iterate":
            return torch.stack([self.fc(self.conv(self.static(frame))) for frame in x]).mean(0)
        x = self.static(x)
        if self.how == "stack":
            return torch.stack([self.fc(self.conv(x)) for _ in range(T)]).sum(0)
        out = self.fc(self.conv(x))
        for _ in range(T - 1):
            if self.how == "last":
                out = self.fc(self.conv(x))
            else:
                out += self.fc(self.conv(x))
        return out / T if self.how == "rate" else out


@pytest.mark.parametrize(
    ("how", "encoder", "reduction"),
    [
        ("rate", "constant", "rate"),
        ("sum", "constant", "sum"),
        ("last", "constant", "last"),
        ("stack", "constant", "sum"),
        ("events", "events", "sum"),
        ("iterate", "events", "rate"),
    ],
)
def test_time_loops_fold_into_one_step(how, encoder, reduction):
    net = dyadic(Loop(how), seed=1)
    program = capture(net, (1, 5, 5), steps=T if how == "iterate" else None)
    assert program.contract == Contract(steps=T, encoder=encoder, readout=Readout(reduction))
    assert list(program.nodes) == ["input", "static", "conv.0", "conv.1", "conv.2", "fc.0", "fc.1", "fc.2", "output"]
    x = frames(1, 5, 5) if encoder == "events" else frames(1, 5, 5)[0]
    trains, out = spikes_of(net, lambda net: net(x))
    trace = run(program, x.numpy())
    for path, train in trains.items():
        assert 0 < train.mean() < 1
        np.testing.assert_array_equal(trace.unpack(path), train)
    np.testing.assert_allclose(trace.read(program.contract.readout), out, rtol=1e-6)


def loop(forward, **modules):
    """Make a module of a forward and its parts."""
    net = type("Net", (nn.Module,), {"forward": forward})()
    for name, module in modules.items():
        net.add_module(name, module)
    return net


def test_a_loop_whose_steps_differ_is_refused():
    def forward(self, x):
        out = self.sn(self.a(x))
        for _ in range(2):
            out = out + self.sn(self.b(x))
        return out

    net = loop(forward, a=nn.Linear(3, 3), b=nn.Linear(3, 3), sn=neuron.IFNode())
    with pytest.raises(CaptureError, match=r"sn: the steps of the time loop differ: step 2 feeds it \['b'\]"):
        capture(net, (3,))


def test_feedback_is_refused():
    def forward(self, x):
        out = self.sn(self.a(x))
        return self.sn(self.a(out))

    with pytest.raises(CaptureError, match="call 2 gets a value of step 1"):
        capture(loop(forward, a=nn.Linear(3, 3), sn=neuron.IFNode()), (3,))


def test_a_sum_over_some_steps_is_refused():
    def forward(self, x):
        outs = [self.sn(self.a(x)) for _ in range(3)]
        return self.a(outs[0] + outs[1])

    with pytest.raises(CaptureError, match="a: a sum over some of the 3 steps is used"):
        capture(loop(forward, a=nn.Linear(3, 3), sn=neuron.IFNode()), (3,))


def test_an_early_step_is_no_output():
    def forward(self, x):
        return [self.sn(self.a(x)) for _ in range(3)][1]

    with pytest.raises(CaptureError, match="the output is step 2 of 3"):
        capture(loop(forward, a=nn.Linear(3, 3), sn=neuron.IFNode()), (3,))


def test_neurons_called_a_different_number_of_times_are_refused():
    def forward(self, x):
        return sum(self.sn(self.once(x)) for _ in range(3))

    net = loop(forward, once=neuron.IFNode(), sn=neuron.IFNode())
    program = capture(net, (3,))
    assert program.contract.steps == 3

    def mixed(self, x):
        x = self.once(x)
        return sum(self.sn(x) for _ in range(3))

    with pytest.raises(CaptureError, match="once: called 1 times where other neurons are called 3 times"):
        capture(loop(mixed, once=neuron.IFNode(), sn=neuron.IFNode()), (3,))


@pytest.mark.parametrize(
    "make",
    [
        lambda: layer.SeqToANNContainer(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten()),
        lambda: layer.MultiStepContainer(nn.Conv2d(2, 3, 3), neuron.IFNode(v_threshold=0.5), nn.Flatten()),
        lambda: layer.StepModeContainer(False, "m", nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten()),
        lambda: layer.StepModeContainer(True, "m", nn.Conv2d(2, 3, 3), neuron.IFNode(v_threshold=0.5), nn.Flatten()),
    ],
)
def test_containers_over_time_are_looked_through(make):
    net = dyadic(nn.Sequential(make(), neuron.IFNode(v_threshold=0.5, step_mode="m")), seed=2)
    x = frames(2, 4, 4)
    program = capture(net, (2, 4, 4), steps=T)
    assert {"0.0", "0.1", "0.2", "1"} < set(program.nodes)
    check(net, x, program)


def test_a_neuron_that_gets_all_frames_as_a_batch_is_refused():
    net = nn.Sequential(layer.SeqToANNContainer(nn.Linear(2, 2), neuron.IFNode()))
    with pytest.raises(CaptureError, match=r"0\.1: a neuron gets all steps as one batch"):
        capture(net, (2,), steps=T)


REFUSED = {
    "step_mode='m'": lambda: nn.Sequential(layer.Linear(6, 6, step_mode="m"), neuron.IFNode(step_mode="s"), Multi()),
    "graded": lambda: neuron.IFNode(surrogate_function=surrogate.ATan(spiking=False), step_mode="m"),
    "TLastMultiStepContainer cannot be captured": lambda: layer.TLastMultiStepContainer(neuron.IFNode()),
    "LinearRecurrentContainer cannot": lambda: layer.LinearRecurrentContainer(neuron.IFNode(), 6, 6, step_mode="m"),
    "EIFNode cannot": lambda: neuron.EIFNode(step_mode="m"),
    "reduction over time": lambda: Reduced(),
}


class Multi(neuron.IFNode):
    def __init__(self):
        super().__init__(step_mode="m")


class Reduced(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = Multi(), neuron.IFNode()

    def forward(self, x):
        return self.two(self.one(x).sum(0))


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_captured_is_refused(why):
    with pytest.raises(CaptureError, match=why):
        capture(nn.Sequential(REFUSED[why]()), (6,), steps=T)


def test_a_subclass_that_changes_nothing_is_captured():
    assert capture(nn.Sequential(Multi()), (3,), steps=2).nodes["0"].kind == "IF"


def test_a_subclass_with_other_dynamics_is_refused():
    class Other(neuron.IFNode):
        def single_step_functional_forward(self, inputs, states, **kwargs):
            return super().single_step_functional_forward((2 * inputs[0],), states, **kwargs)

    with pytest.raises(CaptureError, match="Other cannot be captured"):
        capture(nn.Sequential(Other()), (3,), steps=2)


def test_the_number_of_steps_must_be_known():
    with pytest.raises(UsageError, match="does not say how many steps"):
        capture(nn.Sequential(Multi()), (3,))
    assert capture(nn.Sequential(Multi()), (3,), contract=Contract(steps=7)).contract.steps == 7


def test_steps_and_encoder_that_contradict_the_module_are_refused():
    with pytest.raises(UsageError, match="runs 5 steps, not 4"):
        capture(Prefix("module"), (1, 5, 5), steps=4)
    with pytest.raises(UsageError, match="cannot take events"):
        capture(Prefix("module"), (1, 5, 5), encoder="events")


def test_contract_and_encoder_reach_the_program():
    given_contract = Contract(dt=1e-3, readout=Readout("argmax"), preprocessing="none")
    program = capture(nn.Sequential(Multi()), (3,), steps=4, contract=given_contract, encoder="poisson")
    assert program.contract == Contract(
        dt=1e-3, steps=4, encoder="poisson", readout=Readout("argmax"), preprocessing="none"
    )
    assert program.domains["input"].kind == "binary"
    assert capture(nn.Sequential(Multi()), (3,), steps=4, encoder="constant").domains["input"].kind == "real"


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("conv-snn", {"size": 8, "channels": 4, "hidden": (6, 5), "steps": T}, (1, 8, 8)),
        ("conv-snn", {"size": 8, "channels": 4, "hidden": (6, 5), "steps": T, "encoder": "poisson"}, (1, 8, 8)),
        ("spiking-fer", {"width": 4, "steps": T}, (2, 64, 64)),
    ],
)
def test_the_papers_networks(name, options, shape, reset):
    net = dyadic(build(name, reset=reset, **options), seed=1)
    program = capture(net, shape, steps=T)
    x = frames(*shape) if program.contract.encoder == "events" else frames(*shape)[0]
    trains, out = spikes_of(net, lambda net: net(x))
    trace = run(program, x.numpy())
    assert sum(train.sum() for train in trains.values()) > 100
    for path, train in trains.items():
        np.testing.assert_array_equal(trace.unpack(path), train)
    np.testing.assert_allclose(trace.read(program.contract.readout), out, rtol=1e-6)


def test_parameters_and_mult_adds_of_conv_snn():
    with torch.device("meta"):
        net = build("conv-snn")
    net = net.to_empty(device="cpu")
    for value in net.state_dict().values():
        value.zero_()
    program = capture(net, (1, 48, 48))
    assert (program.parameters, program.mult_adds) == (21_531_136, 427_920_896)


@st.composite
def networks(draw):
    """A random stack of dense layers with shortcuts, in either step mode."""
    width, depth = draw(st.integers(2, 6)), draw(st.integers(1, 4))
    kinds = [draw(st.sampled_from(sorted(NEURONS))) for _ in range(depth)]
    shortcuts = [draw(st.booleans()) for _ in range(depth)]
    mode = draw(st.sampled_from(["s", "m"]))

    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.fcs = nn.ModuleList(layer.Linear(width, width, bias=i % 2 == 0) for i in range(depth))
            self.sns = nn.ModuleList(NEURONS[kind]() for kind in kinds)

        def forward(self, x):
            for fc, sn, shortcut in zip(self.fcs, self.sns, shortcuts, strict=True):
                y = sn(fc(x))
                x = x + y if shortcut else y
            return x

    net = dyadic(Stack(), seed=draw(st.integers(0, 1000)), scale=2.0)
    functional.set_step_mode(net, mode)
    return net, width, mode


@settings(max_examples=40)
@given(networks(), st.integers(0, 1000))
def test_random_stacks_spike_alike(made, seed):
    net, width, mode = made
    x = frames(width, seed=seed)
    program = capture(net, (width,), steps=T)
    call = (lambda net: net(x)) if mode == "m" else (lambda net: torch.stack([net(frame) for frame in x]))
    trains, out = spikes_of(net, call)
    trace = run(program, x.numpy())
    for path, train in trains.items():
        np.testing.assert_array_equal(trace.unpack(path), train)
    np.testing.assert_array_equal(trace.outputs["output"], out)
