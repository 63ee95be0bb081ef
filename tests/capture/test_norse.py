"""Every Norse construct: the real module against the captured Program on the reference, spike by spike.

Weights, inputs, rates and thresholds are dyadic, so that float32 is exact and one differing spike is a fault.
"""

# ruff: noqa: ARG001, PLW0108 - constructors are written as lambdas, hooks have a fixed signature

import norse.torch as norse
import numpy as np
import pytest
import torch
from norse.torch.functional.reset import reset_subtract
from norse.torch.module.snn import SNN, SNNCell, SNNRecurrent, SNNRecurrentCell
from torch import nn

from neurofer.backends.reference import run
from neurofer.capture import capture
from neurofer.errors import CaptureError
from neurofer.ir import nodes as n
from neurofer.verify import verify

T, N, IN, OUT = 8, 3, 6, 8
DT = 2.0**-10
HALF, QUARTER = torch.tensor(512.0), torch.tensor(256.0)  # dt / tau = 1/2 and 1/4
CELLS = (SNNCell, SNNRecurrentCell, SNN, SNNRecurrent, norse.LILinearCell)
INTEGRATORS = (norse.LI, norse.LICell, norse.LIBoxCell, norse.LILinearCell)


def dyadic(net, seed=0, low=-40, high=64):
    """Put every weight and bias on the grid 2^-6; Norse's recurrent weights have no autapses."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in net.parameters():
            value.copy_(torch.randint(low, high, value.shape, generator=draw) / 64)
    return net.eval()


def frames(*shape, steps=T, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return (torch.rand(steps, N, *shape, generator=draw) < 0.5).float()


def spikes_of(net, call):
    """Return the spikes of all neurons by path, ``[T, N, *]``, and the output."""
    found = {}

    def keep(path):
        def hook(module, args, out):
            found.setdefault(path, []).append(out[0].detach().clone())

        return hook

    neurons = [(p, m) for p, m in net.named_modules() if isinstance(m, CELLS) and not isinstance(m, INTEGRATORS)]
    hooks = [m.register_forward_hook(keep(p)) for p, m in neurons]
    with torch.no_grad():
        out = call(net)
    for hook in hooks:
        hook.remove()
    whole = {p for p, m in neurons if isinstance(m, (SNN, SNNRecurrent))}
    trains = {p: (train[0] if p in whole else torch.stack(train)).numpy() for p, train in found.items()}
    return trains, out.numpy()


def check(net, x, program, call):
    """Same spikes in every neuron, some of them, the same output, and the other simulators agree."""
    trains, out = spikes_of(net, call)
    trace = run(program, x.numpy())
    assert set(trains) == set(trace.spikes)
    for path, train in trains.items():
        assert 0 < train.mean() < 1, f"{path} shows nothing"
        np.testing.assert_array_equal(trace.unpack(path), train, err_msg=path)
    found = trace.outputs["output"]
    assert out.any()
    np.testing.assert_array_equal(found if out.ndim == found.ndim else trace.read(program.contract.readout), out)
    # snnTorch's Synaptic has no constant drive
    driven = any(
        isinstance(node, n.Neuron) and node.alpha_syn is not None and node.offset for node in program.nodes.values()
    )
    rows = verify(program, trace, on=("snntorch", "spikingjelly"), importers=("neurofer",))
    assert [(row.target, row.verdict) for row in rows] == [
        ("snntorch", "REFUSED" if driven else "EXACT"),
        ("spikingjelly", "EXACT"),
    ], rows
    return trace


def stepwise(x):
    """Hand the state of a network from step to step."""

    def call(net):
        state, found = None, []
        for frame in x:
            out, state = net(frame, state)
            found.append(out)
        return torch.stack(found)

    return call


def at_once(x):
    """Give a network all steps."""

    def call(net):
        out = net(x)
        return out[0] if isinstance(out, tuple) else out

    return call


def box(tau=HALF, dt=DT, **parameters):
    return norse.LIFBoxCell(norse.LIFBoxParameters(tau_mem_inv=tau, **parameters), dt=dt)


def lif(kind=norse.LIFCell, *sizes, **parameters):
    return kind(*sizes, p=norse.LIFParameters(**{"tau_syn_inv": HALF, "tau_mem_inv": HALF, **parameters}), dt=DT)


def value(number):
    return torch.tensor(number)


SPREAD = torch.tensor([0.25, 0.5, 0.75, 0.5, 0.25, 0.5, 0.125, 0.375])

CELLS_THAT_FIRE = {
    "iaf": lambda: norse.IAFCell(norse.IAFParameters(v_th=value(1.5))),
    "iaf to reset": lambda: norse.IAFCell(norse.IAFParameters(v_th=value(1.5), v_reset=value(-0.5))),
    "iaf per neuron": lambda: norse.IAFCell(norse.IAFParameters(v_th=1 + SPREAD, v_reset=-SPREAD)),
    "box": lambda: box(v_th=value(0.5)),
    "box default step": lambda: box(torch.tensor(500.0), dt=0.001, v_th=value(0.5)),
    "box subtract": lambda: box(v_th=value(0.375), reset_method=reset_subtract),
    "box to reset": lambda: box(QUARTER, v_th=value(0.25), v_reset=value(-0.25)),
    "box with leak": lambda: box(v_leak=value(0.25), v_th=value(0.5), v_reset=value(0.125)),
    "box per neuron": lambda: box(1024 * SPREAD, v_th=SPREAD, v_leak=-SPREAD / 2, v_reset=SPREAD / 2),
    "box by heaviside": lambda: box(v_th=value(0.5), method="heaviside"),
    "lif": lambda: lif(),
    "lif slow synapse": lambda: lif(tau_syn_inv=QUARTER, v_th=value(1.5)),
    "lif to reset with leak": lambda: lif(v_leak=value(0.25), v_reset=value(-0.25), v_th=value(0.75)),
    "lif per neuron": lambda: lif(v_th=SPREAD, tau_mem_inv=1024 * SPREAD),
    "lif by triangle": lambda: lif(method="triangle"),
    "recurrent": lambda: lif(norse.LIFRecurrentCell, OUT, OUT),
}

WHOLE = {
    "iaf": lambda: norse.IAF(norse.IAFParameters(v_th=value(1.5))),
    "lif": lambda: lif(norse.LIF),
    "lif with leak": lambda: lif(norse.LIF, v_leak=value(0.25)),
    "recurrent": lambda: lif(norse.LIFRecurrent, OUT, OUT),
}

READOUTS = {
    "li box": lambda: norse.LIBoxCell(norse.LIBoxParameters(tau_mem_inv=HALF, v_leak=value(0.5)), dt=DT),
    "li": lambda: norse.LICell(norse.LIParameters(tau_syn_inv=HALF, tau_mem_inv=HALF), dt=DT),
    "li linear": lambda: norse.LILinearCell(
        OUT, 4, norse.LIParameters(tau_syn_inv=HALF, tau_mem_inv=HALF, v_leak=value(0.25)), dt=DT
    ),
}


@pytest.mark.parametrize("kind", CELLS_THAT_FIRE)
def test_cells_spike_alike(kind):
    net = dyadic(norse.SequentialState(nn.Linear(IN, OUT), CELLS_THAT_FIRE[kind]()), high=72)
    x = frames(IN)
    check(net, x, capture(net, (IN,), steps=T), stepwise(x))


@pytest.mark.parametrize("kind", WHOLE)
def test_layers_over_time_spike_alike(kind):
    net = dyadic(norse.SequentialState(norse.Lift(nn.Linear(IN, OUT)), WHOLE[kind]()), high=72)
    x = frames(IN)
    program = capture(net, (IN,), steps=T)
    check(net, x, program, at_once(x))


@pytest.mark.parametrize("kind", READOUTS)
def test_integrators_are_read(kind):
    net = dyadic(norse.SequentialState(nn.Linear(IN, OUT), box(v_th=value(0.5)), READOUTS[kind]()))
    x = frames(IN)
    program = capture(net, (IN,), steps=T)
    assert program.nodes["2"].theta is None
    check(net, x, program, stepwise(x))


def test_the_current_jumps_before_the_membrane_moves():
    net = norse.SequentialState(lif(tau_syn_inv=QUARTER, v_leak=value(0.5)))
    assert capture(net, (4,), steps=T).nodes["0"] == n.Neuron(
        alpha_mem=0.5, gain=0.5, offset=0.25, v_init=0.5, theta=1.0, compare=">", alpha_syn=0.75
    )


def test_rates_are_those_the_module_computes_with():
    node = capture(norse.SequentialState(norse.LIFBoxCell()), (4,), steps=T).nodes["0"]
    assert node.gain == float(0.001 * norse.LIFBoxParameters().tau_mem_inv)
    assert node.alpha_mem == 1 - node.gain


def test_recurrent_weights_are_delayed():
    net = lif(norse.LIFRecurrentCell, IN, OUT)
    program = capture(norse.SequentialState(net), (IN,), steps=T)
    assert [(e.source, e.target, e.delay) for e in program.edges] == [
        ("input", "0.input_weights", 0),
        ("0.input_weights", "0", 0),
        ("0", "0.recurrent_weights", 0),
        ("0.recurrent_weights", "0", 1),
        ("0", "output", 0),
    ]
    np.testing.assert_array_equal(np.diag(program.nodes["0.recurrent_weights"].weight), 0)


def test_convolutions_lifted_over_time():
    net = dyadic(
        norse.SequentialState(
            norse.Lift(nn.Conv2d(1, 4, 3, padding=1)),
            lif(norse.LIF),
            norse.Lift(nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(4, 4, 3))),
            lif(norse.LIF, v_th=value(2.0)),
            nn.Flatten(2),
            norse.Lift(nn.Linear(16, 4)),
            norse.LI(norse.LIParameters(tau_syn_inv=HALF, tau_mem_inv=HALF), dt=DT),
        ),
        low=-48,
    )
    x = frames(1, 8, 8)
    program = capture(net, (1, 8, 8), steps=T)
    assert list(program.nodes)[-3:] == ["5.lifted_module", "6", "output"]
    check(net, x, program, at_once(x))


def test_a_stateful_network_lifted_over_time():
    cells = norse.SequentialState(nn.Linear(IN, OUT), lif(), nn.Linear(OUT, 4), box(v_th=value(0.25)))
    net, x = dyadic(norse.Lift(cells), high=80), frames(IN)
    check(net, x, capture(net, (IN,), steps=T), at_once(x))


class Recurrence(nn.Module):
    """A user's own loop around a network that feeds its output back."""

    def __init__(self, **options):
        super().__init__()
        self.net = norse.RecurrentSequential(
            nn.Linear(OUT, OUT), box(v_th=value(0.5)), nn.Linear(OUT, OUT), box(v_th=value(0.25)), **options
        )

    def forward(self, x):
        state, found = None, []
        for frame in x:
            out, state = self.net(frame, state)
            found.append(out)
        return torch.stack(found)


@pytest.mark.parametrize("options", [{}, {"output_modules": 1}])
def test_a_network_that_feeds_its_output_back(options):
    net, x = dyadic(Recurrence(**options)), frames(OUT)
    program = capture(net, (OUT,), steps=T)
    fed = "net.module.1" if options else "net.module.3"
    assert [(e.source, e.target) for e in program.edges if e.delay] == [(fed, "net.input")]
    check(net, x, program, lambda net: net(x))


def test_the_same_step_by_step():
    net, x = dyadic(Recurrence()), frames(OUT)
    program = capture(net.net, (OUT,), steps=T)
    check(net.net, x, program, stepwise(x))


class Loop(nn.Module):
    """A time loop over cells, with states of its own."""

    def __init__(self):
        super().__init__()
        self.fc1, self.lif = nn.Linear(IN, OUT), lif()
        self.fc2, self.out = nn.Linear(OUT, 4, bias=False), norse.LILinearCell(4, 4)
        self.out.p, self.out.dt = norse.LIParameters(HALF, HALF), DT

    def forward(self, x):
        s1 = s2 = None
        voltages = []
        for ts in range(x.shape[0]):
            z, s1 = self.lif(self.fc1(x[ts]), s1)
            v, s2 = self.out(self.fc2(z), state=s2)
            voltages.append(v)
        return torch.stack(voltages).mean(0)


def test_a_time_loop():
    net, x = dyadic(Loop()), frames(IN)
    program = capture(net, (IN,), steps=T)
    assert program.contract.readout.reduction == "rate"
    check(net, x, program, lambda net: net(x))


def forward(function, **modules):
    """Return a module with this forward."""
    net = type("Net", (nn.Module,), {"forward": function})()
    for name, module in modules.items():
        net.add_module(name, module)
    return net


def forgets(self, x):
    return self.lif(x)[0]


def restarts(self, x):
    return torch.stack([self.lif(x[t])[0] for t in range(T)])


def reads(self, x, state=None):
    _, state = self.lif(x, state)
    return state.v, state


def custom(z, v, v_reset, v_th):
    return v


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (lambda: forward(forgets, lif=lif()), "lif: its state 'state' is lost: the forward does not return it"),
        (lambda: forward(restarts, lif=lif()), "lif: called without the state of the step before"),
        (lambda: forward(reads, lif=lif()), "lif: its state 'state' is read, which no node gives out"),
        (lambda: norse.SequentialState(box(reset_method=custom)), "0: its reset method custom is not known"),
        (lambda: norse.SequentialState(lif(method="adjoint")), "0: Norse has no threshold function 'adjoint'"),
        (lambda: norse.SequentialState(norse.LSNNCell()), "0: norse's LSNNCell cannot be captured"),
        (lambda: norse.SequentialState(norse.LIFAdExCell()), "0: norse's LIFAdExCell cannot be captured"),
        (
            lambda: norse.SequentialState(SNNCell(custom, custom, None)),
            "0: norse's SNNCell cannot be captured",
        ),
        (lambda: norse.SequentialState(norse.Lift(lif()), norse.Lift(lif())), "Lift gets a tuple"),
        (lambda: norse.SequentialState(nn.Conv2d(1, 1, 1), norse.LIF()), "0: takes one step, but gets all of them"),
        (lambda: Recurrence(output_modules=[1, 3]), "several output modules cannot"),
        (
            lambda: norse.SequentialState(lif(v_th=torch.tensor([1.0, 2.0]))),
            r"0: a parameter of shape \[2\] does not fit",
        ),
    ],
)
def test_what_no_program_can_say_is_refused(net, why):
    with pytest.raises(CaptureError, match=why):
        capture(net(), (1, 5, 5), steps=T)


def test_all_problems_are_named_at_once():
    net = norse.SequentialState(norse.LSNNCell(), nn.Linear(IN, OUT), box(reset_method=custom), norse.LIFExCell())
    with pytest.raises(CaptureError) as caught:
        capture(net, (IN,), steps=T)
    assert [problem.where for problem in caught.value.problems] == ["0", "2", "3"]
