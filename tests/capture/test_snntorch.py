"""Every snnTorch construct: the real module against the captured Program on the reference, spike by spike.

Weights, inputs, decays and thresholds are dyadic, so that float32 is exact and one differing spike is a fault.
"""

# ruff: noqa: ARG001 - hooks have a fixed signature

import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch import surrogate, utils
from torch import nn

from neurofer.backends.reference import run
from neurofer.capture import capture
from neurofer.errors import CaptureError, NeuroferError
from neurofer.ir import nodes as n
from neurofer.verify import verify

T, N, IN, OUT = 8, 3, 6, 8


def dyadic(net, seed=0, low=-40, high=64):
    """Put every weight and bias on the grid 2^-6."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                for value in module.parameters():
                    value.copy_(torch.randint(low, high, value.shape, generator=draw) / 64)
    return net.eval()


def frames(*shape, steps=T, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return (torch.rand(steps, N, *shape, generator=draw) < 0.5).float()


def forget(net):
    for module in net.modules():
        if isinstance(module, snn.SpikingNeuron):
            module.reset_mem()


def spikes_of(net, call):
    """Return the spikes of all neurons by path, ``[T, N, *]``, and the output."""
    found = {}

    def keep(path):
        def hook(module, args, out):
            found.setdefault(path, []).append((out[0] if isinstance(out, tuple) else out).detach().clone())

        return hook

    hooks = [m.register_forward_hook(keep(p)) for p, m in net.named_modules() if isinstance(m, snn.SpikingNeuron)]
    forget(net)
    with torch.no_grad():
        out = call(net)
    for hook in hooks:
        hook.remove()
    forget(net)
    return {path: torch.stack(train).numpy() for path, train in found.items()}, out.numpy()


def check(net, x, program, call, *, verified=True):
    """Same spikes in every neuron, some of them, the same output, and the other simulators agree."""
    trains, out = spikes_of(net, call)
    trace = run(program, x.numpy())
    assert set(trains) == set(trace.spikes)
    for path, train in trains.items():
        assert 0 < (train != 0).mean() < 1, f"{path} shows nothing"
        np.testing.assert_array_equal(trace.unpack(path), train != 0, err_msg=path)
    found = trace.outputs["output"]
    np.testing.assert_array_equal(found if out.ndim == found.ndim else trace.read(program.contract.readout), out)
    if verified:
        exact(program, trace)
    return trace


def exact(program, trace):
    rows = verify(program, trace, on=("norse", "spikingjelly"), importers=("neurofer",))
    assert [(row.target, row.verdict) for row in rows] == [("norse", "EXACT"), ("spikingjelly", "EXACT")], rows


def stepwise(x):
    """Call a network with hidden states once per step."""
    return lambda net: torch.stack([net(frame) for frame in x])


class Layer(nn.Module):
    """Weights and one neuron, one call per step; the neuron keeps its own state."""

    def __init__(self, neuron, features=OUT):
        super().__init__()
        self.fc, self.lif = nn.Linear(IN, features), neuron

    def forward(self, x):
        out = self.lif(self.fc(x))
        return out[0] if isinstance(out, tuple) else out


THETA = torch.tensor([0.5, 0.75, 1.0, 1.25, 0.5, 0.75, 1.0, 0.25])
BETA = torch.tensor([0.5, 0.25, 1.0, 0.5, 0.0, 0.5, 0.5, 0.5])

NEURONS = {
    "leaky": lambda: snn.Leaky(0.5),
    "leaky perfect": lambda: snn.Leaky(1.0, threshold=1.5),
    "leaky beta out of range": lambda: snn.Leaky(2.0),
    "leaky three quarters": lambda: snn.Leaky(0.75, threshold=0.5),
    "leaky without memory": lambda: snn.Leaky(0.0, threshold=0.25),
    "leaky per neuron": lambda: snn.Leaky(BETA, threshold=THETA),
    "leaky learnt": lambda: snn.Leaky(0.5, learn_beta=True, threshold=0.75, learn_threshold=True),
    "leaky zero": lambda: snn.Leaky(0.5, reset_mechanism="zero"),
    "leaky zero per neuron": lambda: snn.Leaky(BETA, threshold=THETA, reset_mechanism="zero"),
    "leaky zero at once": lambda: snn.Leaky(0.5, reset_mechanism="zero", reset_delay=False),
    "leaky none": lambda: snn.Leaky(0.5, reset_mechanism="none"),
    "leaky none at once": lambda: snn.Leaky(0.5, reset_mechanism="none", reset_delay=False),
    "leaky subtract at once": lambda: snn.Leaky(0.5, threshold=3.0, reset_delay=False),
    "leaky hidden": lambda: snn.Leaky(0.5, init_hidden=True),
    "leaky hidden and output": lambda: snn.Leaky(0.5, init_hidden=True, output=True),
    "leaky by fast sigmoid": lambda: snn.Leaky(0.5, spike_grad=surrogate.fast_sigmoid()),
    "leaky without surrogate": lambda: snn.Leaky(0.5, surrogate_disable=True),
    "leaky graded": lambda: snn.Leaky(0.5, graded_spikes_factor=0.25),
    "leaky zero graded at once": lambda: snn.Leaky(
        0.5, graded_spikes_factor=2.0, reset_mechanism="zero", reset_delay=False
    ),
    "lapicque": lambda: snn.Lapicque(R=1.0, C=2.0),
    "lapicque scaled": lambda: snn.Lapicque(R=2.0, C=2.0, time_step=0.5, threshold=0.5),
    "lapicque none": lambda: snn.Lapicque(R=1.0, C=4.0, reset_mechanism="none", threshold=0.5),
    "synaptic": lambda: snn.Synaptic(0.25, 0.5),
    "synaptic none": lambda: snn.Synaptic(0.5, 0.5, reset_mechanism="none", threshold=2.0),
    "synaptic zero at once": lambda: snn.Synaptic(0.5, 0.5, reset_mechanism="zero", reset_delay=False),
    "synaptic hidden": lambda: snn.Synaptic(0.25, 0.5, init_hidden=True, threshold=2.0),
    "synaptic learnt": lambda: snn.Synaptic(0.25, 0.5, learn_alpha=True, learn_beta=True),
    "rleaky": lambda: snn.RLeaky(0.5, linear_features=OUT),
    "rleaky zero at once": lambda: snn.RLeaky(0.5, linear_features=OUT, reset_mechanism="zero", reset_delay=False),
    "rleaky one to one": lambda: snn.RLeaky(0.5, V=-0.5, all_to_all=False),
    "rleaky per neuron": lambda: snn.RLeaky(0.5, V=torch.arange(8) / 8 - 0.5, all_to_all=False),
    "rleaky without memory": lambda: snn.RLeaky(0.0, V=0.5, all_to_all=False, threshold=0.75),
    "rleaky hidden": lambda: snn.RLeaky(0.5, linear_features=OUT, init_hidden=True),
    "rsynaptic": lambda: snn.RSynaptic(0.25, 0.5, linear_features=OUT),
    "rsynaptic one to one": lambda: snn.RSynaptic(0.25, 0.5, V=-0.25, all_to_all=False),
}


@pytest.mark.parametrize("kind", NEURONS)
def test_neurons_spike_alike(kind):
    net = dyadic(Layer(NEURONS[kind]()))
    x = frames(IN)
    program = capture(net, (IN,), steps=T)
    check(net, x, program, stepwise(x))


def test_the_recurrent_bias_acts_at_the_first_step():
    net = dyadic(Layer(snn.RLeaky(0.5, linear_features=OUT)))
    x = torch.zeros(2, N, IN)
    nn.init.zeros_(net.fc.bias)
    nn.init.constant_(net.lif.recurrent.bias, 1.5)
    trains, _ = spikes_of(net, stepwise(x))
    trace = run(capture(net, (IN,), steps=2), x.numpy())
    assert trains["lif"][0].all()
    np.testing.assert_array_equal(trace.unpack("lif"), trains["lif"])


def test_recurrent_weights_without_bias_are_delayed_behind_them():
    net = dyadic(Layer(snn.RLeaky(0.5, linear_features=OUT)))
    net.lif.recurrent.bias = None
    x = frames(IN)
    program = capture(net, (IN,), steps=T)
    assert [(e.source, e.target, e.delay) for e in program.edges if e.delay] == [("lif.recurrent", "lif", 1)]
    check(net, x, program, stepwise(x))


def test_a_threshold_that_beta_divides_is_subtracted_at_once():
    node = capture(dyadic(Layer(snn.Leaky(0.25, threshold=0.75))), (IN,), steps=T).nodes["lif"]
    assert node == n.Neuron(alpha_mem=0.25, theta=0.75, compare=">", reset="soft", delta=3.0)
    rounded = capture(Layer(snn.Leaky(0.9)), (IN,), steps=T)
    beta = float(torch.tensor(0.9))
    assert rounded.nodes["lif"] == n.Neuron(alpha_mem=beta, theta=1.0, compare=">", reset="soft", delta=1 / beta)
    assert not rounded.recurrent


def test_a_membrane_left_from_before_does_not_count():
    net = dyadic(Layer(snn.Leaky(0.5)))
    net(torch.ones(N, IN))
    before = net.lif.mem.clone()
    assert before.any()
    x = frames(IN)
    program = capture(net, (IN,), steps=T)
    assert torch.equal(net.lif.mem, before)
    check(net, x, program, stepwise(x))


class Tutorial(nn.Module):
    """A time loop as in snnTorch's tutorials."""

    def __init__(self, steps=T, **options):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(IN, OUT), snn.Leaky(0.5)
        self.fc2, self.lif2 = nn.Linear(OUT, 4), snn.Synaptic(0.5, 0.5, **options)

    def forward(self, x):
        mem1 = self.lif1.init_leaky()
        syn2, mem2 = self.lif2.reset_mem()
        spk_rec, mem_rec = [], []
        for step in range(x.size(0)):
            spk1, mem1 = self.lif1(self.fc1(x[step]), mem1)
            spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem=mem2)
            spk_rec.append(spk2)
            mem_rec.append(mem2)
        return self.readout(torch.stack(spk_rec, dim=0), torch.stack(mem_rec, dim=0))

    def readout(self, spikes, membranes):
        return spikes, membranes


def first(net, x):
    out = net(x)
    return out[0] if isinstance(out, tuple) else out


def test_a_time_loop_with_states():
    net, x = dyadic(Tutorial(), high=80), frames(IN)
    program = capture(net, (IN,), steps=T)
    assert list(program.nodes) == ["input", "fc1", "lif1", "fc2", "lif2", "output"]
    check(net, x, program, lambda net: first(net, x))


class ReadsMembrane(Tutorial):
    def readout(self, spikes, membranes):
        return membranes.sum(0)


def test_a_membrane_that_nothing_resets_is_an_integrator():
    net, x = dyadic(ReadsMembrane(reset_mechanism="none"), high=80), frames(IN)
    program = capture(net, (IN,), steps=T)
    assert list(program.nodes) == ["input", "fc1", "lif1", "fc2", "lif2.mem", "output"]
    _, out = spikes_of(net, lambda net: net(x))
    trace = run(program, x.numpy())
    np.testing.assert_array_equal(trace.read(program.contract.readout), out)
    assert out.any()
    exact(program, trace)


def test_a_membrane_that_is_reset_cannot_be_read():
    with pytest.raises(CaptureError, match=r"lif2: its state 'mem' is read, which no node gives out"):
        capture(ReadsMembrane(), (IN,), steps=T)


class Explicit(nn.Module):
    """One step; the states go in and out."""

    def __init__(self):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(IN, OUT), snn.Leaky(0.5)
        self.fc2, self.lif2 = nn.Linear(OUT, OUT), snn.RLeaky(0.5, linear_features=OUT)

    def forward(self, x, mem1, spk2, mem2):
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), spk2, mem2)
        return spk2, mem1, mem2


def test_a_step_with_states_in_and_out():
    net, x = dyadic(Explicit()), frames(IN)

    def call(net):
        mem1, spk2, mem2, out = torch.zeros(N, OUT), torch.zeros(N, OUT), torch.zeros(N, OUT), []
        for frame in x:
            spk2, mem1, mem2 = net(frame, mem1, spk2, mem2)
            out.append(spk2)
        return torch.stack(out)

    check(net, x, capture(net, (IN,), steps=T), call)


def test_convolutions_with_hidden_states_in_a_sequential():
    net = dyadic(
        nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.MaxPool2d(2),
            snn.Leaky(0.5, init_hidden=True),
            nn.Conv2d(4, 4, 3),
            snn.RLeaky(0.5, conv2d_channels=4, kernel_size=3, init_hidden=True),
            nn.Flatten(),
            nn.Linear(16, 4),
            snn.Leaky(0.5, init_hidden=True, output=False),
        ),
        low=-48,
        high=56,
    )
    x = frames(1, 8, 8)
    check(net, x, capture(net, (1, 8, 8), steps=T), stepwise(x))


def forward(function, **modules):
    """Return a module with this forward."""
    net = type("Net", (nn.Module,), {"forward": function})()
    for name, module in modules.items():
        net.add_module(name, module)
    return net


def stuck(self, x):
    spk, _ = self.lif(x, torch.zeros(N, IN))
    return spk


def swapped(self, x):
    a, b = self.a.reset_mem(), self.b.reset_mem()
    out = []
    for t in range(T):
        spk, a = self.a(x[t], a)
        spk, b = self.b(spk, b)
        out.append(spk)
        a, b = b, a
    return torch.stack(out)


def kept(self, x, mem):
    spk, mem = self.lif(x, mem)
    return spk


def warm(self, x):
    mem, out = torch.ones(N, IN), []
    for t in range(T):
        spk, mem = self.lif(x[t], mem)
        out.append(spk)
    return torch.stack(out)


def unequal(self, x):
    spk, _ = self.lif(x)
    return spk, x


def resets(self, x):
    self.lif.reset_mem()
    return self.lif(x)[0]


class Repeats(nn.Module):
    """An image shown at every step; hidden states, reset first."""

    def __init__(self):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(IN, OUT), snn.Leaky(0.5, init_hidden=True)
        self.fc2, self.lif2 = nn.Linear(OUT, 4), snn.Leaky(0.5, init_hidden=True)

    def forward(self, x):
        utils.reset(self)
        total = torch.zeros_like(self.fc2(self.fc1(x)))
        for _ in range(T):
            total += self.lif2(self.fc2(self.lif1(self.fc1(x))))
        return total


def test_an_image_shown_at_every_step():
    net = dyadic(Repeats(), high=80)
    image = frames(IN)[0]
    program = capture(net, (IN,))
    assert (program.contract.steps, program.contract.encoder) == (T, "constant")
    check(net, image, program, lambda net: net(image))


@pytest.mark.filterwarnings("ignore:Inhibition is an unstable feature")
@pytest.mark.parametrize(
    ("neuron", "why"),
    [
        (lambda: snn.Leaky(0.5, inhibition=True), "inhibition lets one neuron of a layer fire"),
        (lambda: snn.Leaky(0.5, state_quant=torch.round), "state_quant rounds its state"),
        (lambda: snn.Leaky(0.5, spike_grad=torch.sigmoid), "spike_grad is no step at 0"),
        (lambda: snn.Leaky(0.5, threshold=-1.0), "with a threshold below 0 it resets before it fires"),
        (lambda: snn.Leaky(0.5, reset_delay=False), "its input exceeds 1.5, which may reach"),
        (lambda: snn.Lapicque(R=1.0, C=2.0, reset_mechanism="zero"), "drops the input of the next step"),
        (lambda: snn.Synaptic(0.5, 0.5, reset_mechanism="zero"), "drops the input of the next step"),
        (lambda: snn.Synaptic(0.5, 0.5, reset_delay=False), "subtracts again while it stays above"),
        (lambda: snn.Synaptic(0.5, 0.0), "reset by subtraction is not expressible"),
        (lambda: snn.RLeaky(0.5, V=1.0, all_to_all=False, reset_mechanism="zero"), "drops the input of the next step"),
        (lambda: snn.RSynaptic(0.5, 0.5, V=1.0, all_to_all=False, reset_delay=False), "computes with no membrane"),
        (lambda: snn.Alpha(0.5, 0.25), "snntorch's Alpha cannot be captured"),
        (lambda: snn.Leaky(torch.full((5,), 0.5)), r"a parameter of shape \[5\] does not fit the neurons \[8\]"),
    ],
)
def test_what_a_neuron_cannot_be_is_refused(neuron, why):
    with pytest.raises(CaptureError, match=rf"lif: .*{why}"):
        capture(dyadic(Layer(neuron())), (IN,), steps=T)


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (lambda: forward(stuck, lif=snn.Leaky(0.5)), "lif: its state 'mem' is set within the time loop"),
        (lambda: forward(resets, lif=snn.Leaky(0.5)), "lif: its state is reset in the forward"),
        (lambda: forward(swapped, a=snn.Leaky(0.5), b=snn.Leaky(0.5)), "a: its state 'mem' is not the one it left"),
        (lambda: forward(kept, lif=snn.Leaky(0.5)), "lif: its state 'mem' is lost"),
        (lambda: forward(warm, lif=snn.Leaky(0.5)), "lif: its state 'mem' starts at other values than zero"),
        (lambda: forward(unequal, lif=snn.Leaky(0.5)), "the forward returns a tuple, not one tensor"),
    ],
)
def test_states_that_get_lost_are_refused(net, why):
    with pytest.raises(CaptureError, match=why):
        capture(net(), (IN,), steps=T)


def test_all_problems_are_named_at_once():
    net = nn.Sequential(
        nn.Linear(IN, OUT),
        snn.Leaky(0.5, init_hidden=True, threshold=-1.0, state_quant=torch.round),
        snn.Alpha(0.5, 0.25, init_hidden=True),
    )
    with pytest.raises(CaptureError) as caught:
        capture(net, (IN,), steps=T)
    assert [problem.where for problem in caught.value.problems] == ["1", "1", "2"]


def test_the_bound_of_a_subtraction_at_once_is_sharp():
    """With beta = 0.5 and threshold 1, an input of at most 1.5 is what the node says, and one of 1.625 is not."""
    for weight, same in ((0.5, True), (0.625, False)):
        net = nn.Sequential(nn.Linear(2, 1, bias=False), snn.Leaky(0.5, reset_delay=False, init_hidden=True))
        with torch.no_grad():
            net[0].weight.copy_(torch.tensor([[1.0, weight]]))
        x = torch.ones(T, N, 2)
        x[3:, :, 1] = 0.0
        trains, _ = spikes_of(net, stepwise(x))
        node = n.Neuron(alpha_mem=0.5, theta=1.0, compare=">", reset="soft")
        try:
            program = capture(net, (2,), steps=T)
        except CaptureError:
            assert not same
            net[1].reset_delay = True
            program = capture(net, (2,), steps=T)
            program = program.with_nodes({**program.nodes, "1": node})
        assert program.nodes["1"] == node
        agrees = np.array_equal(run(program, x.numpy()).unpack("1"), trains["1"])
        assert agrees == same
        assert trains["1"].any()


def test_frameworks_do_not_mix():
    from norse.torch import LIFBoxCell

    with pytest.raises(NeuroferError, match="mixes norse and snntorch"):
        capture(nn.Sequential(snn.Leaky(0.5, init_hidden=True), LIFBoxCell()), (IN,), steps=T)
