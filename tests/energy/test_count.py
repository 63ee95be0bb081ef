from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.op_counter import DispatchCounterMode, SynOpCounter
from torch import nn

from neurofer.backends.reference import run
from neurofer.energy.count import count, dense_macs, existing_taps, reached
from neurofer.errors import UsageError
from neurofer.ir import BINARY, Contract, Domain, Edge, Program, Spikes, Trace
from neurofer.ir import nodes as n
from neurofer.nets.spiking_fer import SpikingFER
from tests.energy.per_spike import fan_out, per_spike
from tests.energy.random_traces import random_trace
from tests.energy.resnets import sew_resnet18
from tests.strategies import Sketch, chain, dyadic, frames, programs, rngs


def counted(program, x):
    constant = program.contract.encoder == "constant"
    done = count(program, run(program, x[0] if constant else x))
    return {name: (ops.acs_nnz, ops.acs, ops.macs) for name, ops in done.items()}


@st.composite
def convolutions(draw):
    """A convolution with any of its options, and an input shape it fits."""
    rng, rank, groups = draw(rngs), draw(st.sampled_from((1, 2))), draw(st.sampled_from((1, 2, 3)))
    kernel = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    dilation = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    same = draw(st.booleans())
    stride = 1 if same else tuple(draw(st.integers(1, 3)) for _ in range(rank))
    padding = "same" if same else tuple(draw(st.integers(0, 4)) for _ in range(rank))
    size = tuple(d * (k - 1) + draw(st.integers(1, 5)) for d, k in zip(dilation, kernel, strict=True))
    weight = dyadic(rng, (groups * draw(st.integers(1, 2)), draw(st.integers(1, 2)), *kernel))
    kind = n.Conv1d if rank == 1 else n.Conv2d
    return kind(weight, None, stride, padding, dilation, groups), (weight.shape[1] * groups, *size)


@settings(max_examples=60)
@given(convolutions(), st.sampled_from((BINARY, Domain("integer", 5), Domain("code", 5))), rngs)
def test_convolutions_agree_with_listing_every_synapse(conv_and_shape, domain, rng):
    conv, shape = conv_and_shape
    program = chain(("input", n.Input(shape, domain)), ("conv", conv), contract=Contract(steps=3))
    x = frames(rng, program)
    assert counted(program, x) == per_spike(program, x)
    assert existing_taps(conv, shape) == fan_out(conv, shape).sum()


@settings(max_examples=120)
@given(programs(), st.booleans(), rngs)
def test_programs_agree_with_following_every_spike(program, constant, rng):
    program = program.with_contract(replace(program.contract, encoder="constant" if constant else "events"))
    x = frames(rng, program)
    x = np.broadcast_to(x[:1], x.shape) if constant else x
    assert counted(program, x) == per_spike(program, x)


LATER = {
    "scale": n.Scale(3.0),
    "scale per neuron": n.Scale(np.arange(36.0).reshape(1, 6, 6) % 4),
    "delay": n.Delay(2),
    "delay per neuron": n.Delay(np.arange(36.0).reshape(1, 6, 6) % 6),
    "sum pooling": n.SumPool2d((2, 3), (1, 2), (1, 1)),
    "max pooling": n.MaxPool2d((3, 2), (2, 1), (1, 1)),
    "relu": n.Relu(),
    "flatten": n.Flatten(1),
}


@pytest.mark.parametrize("top", [1, 6])
@pytest.mark.parametrize("node", LATER.values(), ids=LATER)
def test_nodes_between_spikes_and_weights_are_walked_through(node, top):
    sketch = Sketch()
    sketch.add(n.Input((1, 6, 6), BINARY if top == 1 else Domain("integer", top)), "input")
    sketch.add(node, "between")
    conv = n.Conv2d if len(sketch.shape) == 3 else n.Conv1d
    sketch.add(conv(np.ones((2, 1, *(3,) * (len(sketch.shape) - 1)), np.float32), padding=1), "conv")
    sketch.add(n.Output(), "output")
    program = sketch.program(Contract(steps=5))
    x = frames(np.random.default_rng(0), program, samples=3)
    found = counted(program, x)
    assert found == per_spike(program, x)
    assert found["conv"][1] > 0
    assert found["conv"][2] == 0


def test_joined_sums_of_spikes_keep_their_multiplicity():
    sketch = Sketch()
    image = sketch.add(n.Input((2, 4, 4), Domain("integer", 3)), "input")
    pooled = sketch.add(n.MaxPool2d((3, 3), (1, 1), (1, 1)), "pooled")
    sketch.add(n.Concat(0), "joined", sources=(pooled, image))
    sketch.add(n.Conv2d(np.ones((1, 4, 2, 2), np.float32)), "conv")
    sketch.add(n.Output(), "output")
    program = sketch.program(Contract(steps=2))
    x = frames(np.random.default_rng(1), program)
    found = counted(program, x)
    assert found == per_spike(program, x)
    assert found["conv"][1] > found["conv"][0] > 0


def test_taps_on_padding_cost_nothing():
    conv = n.Conv2d(np.ones((5, 1, 3, 3), np.float32), padding=1)
    program = chain(("input", n.Input((1, 4, 4), BINARY)), ("conv", conv))
    for place, fan in (((0, 0), 4), ((0, 1), 6), ((2, 2), 9)):
        x = np.zeros((1, 1, 1, 4, 4))
        x[0, 0, 0][place] = 1
        assert counted(program, x)["conv"] == (5 * fan, 5 * fan, 0)
    assert existing_taps(conv, (1, 4, 4)) == 5 * 100
    assert dense_macs(conv, (1, 4, 4)) == 5 * 144


def test_equal_spikes_of_a_shortcut_arrive_twice():
    sketch = Sketch()
    sketch.add(n.Input((4,), BINARY), "input")
    sketch.add(n.Linear(np.eye(4)), "same")
    sketch.add(n.Neuron(), "spikes")
    sketch.last = ("input", "spikes")
    sketch.add(n.Linear(np.ones((10, 4))), "head")
    sketch.add(n.Output(), "output")
    program = sketch.program(Contract(steps=2))
    x = np.array([[[1, 0, 0, 1]], [[0, 1, 0, 0]]])
    done = count(program, run(program, x))
    assert (done["head"].input_class, done["head"].acs_nnz, done["head"].acs) == ("integer", 30, 60)
    assert done["head"].rate_in == 6 / 4
    assert (done["same"].acs, done["same"].rate_in, done["same"].rate_out) == (12, 3 / 4, 3 / 4)


def test_last_spikes_do_not_reach_recurrent_weights():
    nodes = {
        "input": n.Input((2,), BINARY),
        "first": n.Linear(np.eye(2)),
        "spikes": n.Neuron(),
        "back": n.Linear(np.zeros((2, 2))),
        "output": n.Output(),
    }
    pairs = (("input", "first"), ("first", "spikes"), ("spikes", "back"), ("spikes", "output"))
    edges = (*(Edge(*pair) for pair in pairs), Edge("back", "spikes", 1))
    program = Program(nodes, edges, Contract(steps=3))
    done = count(program, run(program, np.ones((3, 1, 2))))
    assert done["first"].acs == 3 * 4
    assert done["back"].acs == 2 * 4


def test_late_spikes_into_weights_are_counted_when_they_arrive():
    sketch = Sketch()
    sketch.add(n.Input((3,), BINARY), "input")
    sketch.add(n.Linear(np.eye(3)), "layer")
    sketch.add(n.Neuron(), "spikes")
    sketch.add(n.Output(), "output")
    sketch.edges.append(Edge("spikes", "layer", 1))
    program = sketch.program(Contract(steps=4))
    x = np.zeros((4, 1, 3))
    x[0, 0, 0] = x[3, 0, 1] = 1
    # The first spike comes round three times, the one of the last step never.
    assert counted(program, x) == per_spike(program, x) == {"layer": (15, 15, 0)}


def test_memory_between_layer_and_neuron_leaves_no_rate():
    program = chain(
        ("input", n.Input((1,), BINARY)),
        ("layer", n.Linear(np.eye(1))),
        ("sum", n.Neuron(theta=None)),
        ("spikes", n.Neuron()),
    )
    trace = run(program, np.ones((1, 1, 1)))
    assert trace.count == 1
    assert count(program, trace)["layer"].rate_out is None


def test_static_layers_are_counted_once_per_sample():
    nodes = (("input", n.Input((3,))), ("first", n.Linear(np.ones((4, 3)))), ("spikes", n.Neuron()))
    program = chain(*nodes, ("second", n.Linear(np.ones((2, 4)))), contract=Contract(steps=5, encoder="constant"))
    done = count(program, run(program, np.ones((7, 3))))
    assert (done["first"].input_class, done["first"].macs) == ("real", 7 * 12)
    assert done["second"].acs == 5 * 7 * 8
    assert done["first"].rate_in is None
    assert done["first"].rate_out == 5.0
    assert done["second"].rate_out is None


def test_rate_out_is_that_of_the_first_neurons_behind_the_layer():
    sketch = Sketch()
    sketch.add(n.Input((2,), BINARY), "input")
    sketch.add(n.Linear(np.eye(2)), "layer")
    sketch.add(n.Scale(2.0), "scale")
    sketch.add(n.Neuron(theta=1.0), "near")
    sketch.add(n.Linear(np.eye(2)), "next")
    sketch.add(n.Neuron(theta=100.0), "far")
    sketch.add(n.Neuron(theta=1000.0), "silent", sources=("layer",))
    sketch.add(n.Output(), "output", sources=("far", "silent"))
    program = sketch.program(Contract(steps=4))
    trace = run(program, np.ones((4, 1, 2)))
    assert trace.spikes["near"].rate == 4.0
    assert count(program, trace)["layer"].rate_out == (8 + 0) / 4


def test_counts_stay_integers_beyond_what_floats_can_hold():
    totals = np.array([2**53 + 1], np.int64)
    assert reached(n.Linear(np.ones((3, 1))), totals) == 3 * (2**53 + 1)
    conv = n.Conv1d(np.ones((3, 1, 1), np.float32))
    assert reached(conv, totals[None]) == 3 * (2**53 + 1)


def test_foreign_trace_is_refused_with_every_difference():
    program = chain(("input", n.Input((2,), BINARY)), ("a", n.Neuron()), ("b", n.Neuron()), contract=Contract(steps=3))
    spikes = {"b": Spikes.pack(np.ones((3, 1, 5)))}
    with pytest.raises(UsageError, match="not of this program") as caught:
        count(program, Trace(3, 1, {"input": np.ones((2, 1, 2))}, spikes))
    assert [problem.where for problem in caught.value.problems] == ["input", "a", "b"]
    assert "a: its spikes were not recorded" in str(caught.value)
    assert "b: recorded [3, 1, 5], the program has [3, 1, 2]" in str(caught.value)


@pytest.mark.parametrize("value", [2.0, 0.5, -1.0])
def test_input_outside_its_domain_is_refused(value):
    program = chain(("input", n.Input((1,), BINARY)), ("layer", n.Linear(np.ones((1, 1)))))
    with pytest.raises(UsageError, match=r"input: .*its domain is binary"):
        count(program, Trace(1, 1, {"input": np.full((1, 1, 1), value)}))


LAYERS = {
    "plain": (layer.Conv2d(3, 4, 3), n.Conv2d),
    "strided": (layer.Conv2d(3, 4, 7, stride=2, padding=3), n.Conv2d),
    "dilated": (layer.Conv2d(3, 4, (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 3)), n.Conv2d),
    "grouped": (layer.Conv2d(4, 6, 3, padding=1, groups=2), n.Conv2d),
    "depthwise": (layer.Conv2d(4, 4, 3, padding=2, groups=4), n.Conv2d),
    "conv1d": (layer.Conv1d(3, 5, 4, stride=3, padding=2), n.Conv1d),
    "linear": (layer.Linear(11, 5), n.Linear),
}


@pytest.mark.parametrize(("module", "kind"), LAYERS.values(), ids=LAYERS)
def test_layers_agree_with_the_counter_of_spikingjelly(module, kind):
    weight = module.weight.detach().numpy()
    if kind is n.Linear:
        node, shape = n.Linear(weight), (11,)
    else:
        shape = (module.in_channels, *(9, 12)[: kind.rank])
        node = kind(weight, None, module.stride, module.padding, module.dilation, module.groups)
    program = chain(("input", n.Input(shape, BINARY)), ("layer", node), contract=Contract(steps=3))
    x = (np.random.default_rng(2).random((3, 2, *shape)) < 0.3).astype(np.float32)
    functional.set_step_mode(module, "m")
    counter = SynOpCounter()
    with torch.no_grad(), DispatchCounterMode([counter]):
        module(torch.from_numpy(x))
    assert counter.get_total() > 0
    assert count(program, run(program, x))["layer"].acs == counter.get_total()


def test_network_agrees_with_the_counter_of_spikingjelly():
    torch.manual_seed(0)
    parts = {
        "conv1": layer.Conv2d(2, 8, 3, padding=1, bias=False),
        "act1": neuron.IFNode(v_threshold=0.25),
        "pool1": layer.MaxPool2d(2),
        "conv2": layer.Conv2d(8, 8, 3, stride=2, padding=1, bias=False),
        "act2": neuron.IFNode(v_threshold=0.25),
        "flatten": layer.Flatten(),
        "fc": layer.Linear(72, 10, bias=False),
    }
    network = nn.Sequential()
    for name, part in parts.items():
        network.add_module(name, part)
    functional.set_step_mode(network, "m")
    weights = {name: parts[name].weight.detach().numpy() for name in ("conv1", "conv2", "fc")}
    program = chain(
        ("input", n.Input((2, 12, 12), BINARY)),
        ("conv1", n.Conv2d(weights["conv1"], padding=1)),
        ("act1", n.Neuron(theta=0.25)),
        ("pool1", n.MaxPool2d(2)),
        ("conv2", n.Conv2d(weights["conv2"], stride=2, padding=1)),
        ("act2", n.Neuron(theta=0.25)),
        ("flatten", n.Flatten()),
        ("fc", n.Linear(weights["fc"])),
        contract=Contract(steps=6),
    )
    x = (np.random.default_rng(3).random((6, 2, 2, 12, 12)) < 0.2).astype(np.float32)
    counter = SynOpCounter()
    with torch.no_grad(), DispatchCounterMode([counter]):
        network(torch.from_numpy(x))
    done = count(program, run(program, x))
    found = counter.get_counts()
    for name in weights:
        scope = next(scope for scope in found if scope.split(".")[-1] == name)
        assert 0 < done[name].acs == sum(found[scope].values())
    assert sum(ops.acs for ops in done.values()) == counter.get_total()


def test_spiking_fer_agrees_with_the_counter_of_spikingjelly_where_spikes_are_binary():
    torch.manual_seed(0)
    network = SpikingFER(width=8).train()  # BatchNorm by the statistics of the batch keeps all layers spiking
    for name, module in network.named_modules():
        if name.endswith("bn2"):
            nn.init.ones_(module.weight)  # zero at first: no second convolution of a block would spike
    program = sew_resnet18(64, width=8)
    x = (np.random.default_rng(5).random((6, 2, 2, 64, 64)) < 0.3).astype(np.float32)
    trains = {}
    for name, module in network.named_modules():
        if name in program.nodes and isinstance(module, neuron.IFNode):
            module.register_forward_hook(lambda _, __, y, name=name: trains.update({name: Spikes.pack(y.numpy())}))
    counter = SynOpCounter()
    with torch.no_grad(), DispatchCounterMode([counter]):
        network(torch.from_numpy(x))
    done = count(program, Trace(6, 2, {"input": x}, trains))
    found = {scope.split(".", 1)[-1]: sum(numbers.values()) for scope, numbers in counter.get_counts().items()}
    classes = {name: ops.input_class for name, ops in done.items()}
    binary = [name for name, kind in classes.items() if kind == "binary"]
    assert len(binary) == 10  # conv1, and what pooling or the first half of a block feeds
    assert {name: done[name].acs for name in binary} == {name: found[name] for name in binary}
    assert all(done[name].acs > 0 for name in binary)
    assert classes["layer4.1.conv1"] == "integer"
    assert done["layer4.1.conv1"].acs > done["layer4.1.conv1"].acs_nnz


def test_packed_samples_do_not_leak_into_each_other():
    program = chain(("input", n.Input((3,), BINARY)), ("act", n.Neuron()), ("fc", n.Linear(np.ones((2, 3)))))
    program = program.with_contract(Contract(steps=5))
    rng = np.random.default_rng(4)
    together = random_trace(program, rng, samples=3)
    acs = []
    for sample in range(3):
        train = Spikes.pack(together.unpack("act")[:, [sample]])
        acs.append(count(program, Trace(5, 1, {"input": np.zeros((5, 1, 3))}, {"act": train}))["fc"].acs)
    assert count(program, together)["fc"].acs == sum(acs) > 0
