import pytest
import torch
from spikingjelly.activation_based import neuron
from torch import nn

from neurofer.errors import UsageError
from neurofer.nets.conv_cnn import ConvCNN
from neurofer.nets.conv_snn import ConvSNN

STATIC = {"conv1"}


@pytest.fixture(scope="module")
def paper():
    return ConvSNN()


def mult_adds(network, x, *, steps):
    """Count from the shapes that pass through each layer, one sample: every output value costs its fan-in."""
    total = 0

    def count(part, _, out, name):
        nonlocal total
        outputs = out[0].numel() if name in STATIC else out[:, 0].numel()
        assert name in STATIC or len(out) == steps
        total += outputs * part.weight[0].numel()

    hooks = [
        part.register_forward_hook(lambda m, i, o, name=name: count(m, i, o, name))
        for name, part in network.named_modules()
        if isinstance(part, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        network.eval()(x)
    for hook in hooks:
        hook.remove()
    return total


def test_parameters_are_those_of_table_1(paper):
    assert sum(p.numel() for p in paper.parameters()) == 21_531_136
    table = {
        "conv1": 1_152,
        "bn1": 256,
        "conv2": 147_456,
        "bn2": 256,
        "fc1": 21_233_664,
        "fc2": 147_456,
        "fc3": 896,
    }
    assert {name: sum(p.numel() for p in getattr(paper, name).parameters()) for name in table} == table
    assert sum(p.numel() for p in ConvCNN().parameters()) == 21_531_136


def test_mult_adds_count_the_first_convolution_once(paper):
    assert mult_adds(paper, torch.zeros(1, 1, 48, 48), steps=4) == 427_920_896


def test_neurons_are_if_in_the_convolutions_and_lif_in_the_head(paper):
    found = [(type(m), m.v_threshold, m.v_reset) for m in paper.modules() if isinstance(m, neuron.BaseNode)]
    assert found == [(neuron.IFNode, 1.0, 0.0)] * 2 + [(neuron.LIFNode, 1.0, 0.0)] * 3
    assert {(m.tau, m.decay_input) for m in paper.modules() if isinstance(m, neuron.LIFNode)} == {(2.0, True)}


def test_no_layer_has_a_bias(paper):
    assert [n for n, m in paper.named_modules() if isinstance(m, nn.Conv2d | nn.Linear) and m.bias is not None] == []


def small(**options):
    torch.manual_seed(0)
    return ConvSNN(classes=10, size=8, channels=4, hidden=(12, 8), **options)


def awake(network):
    """Positive weights in the head: whatever spikes before it is seen in the output."""
    with torch.no_grad():
        for part in (network.fc1, network.fc2, network.fc3):
            part.weight.abs_()
    return network.eval()


def test_soft_reset_has_no_reset_voltage():
    assert {m.v_reset for m in small(reset="soft").modules() if isinstance(m, neuron.BaseNode)} == {None}


def test_output_is_the_firing_rate():
    network = awake(small(steps=5))
    spikes = []
    network.act5.register_forward_hook(lambda *call: spikes.append(call[-1]))
    with torch.no_grad():
        rates = network(5 * torch.rand(3, 1, 8, 8))
    assert rates.shape == (3, 10)
    assert spikes[0].shape == (5, 3, 10)
    assert torch.equal(rates, spikes[0].sum(0) / 5)
    assert len(rates.unique()) > 1


def test_poisson_input_passes_the_same_weights_at_every_step():
    constant, poisson = awake(small()), awake(small(encoder="poisson"))
    poisson.load_state_dict(constant.state_dict())
    image = 5 * torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        expected = constant(image)
        assert torch.equal(poisson(image.expand(4, 2, 1, 8, 8)), expected)
    assert expected.max() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 10}, "10 x 10"),
        ({"reset": "zero"}, "no reset is called 'zero'"),
        ({"encoder": "events"}, "no encoder 'events'"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        ConvSNN(**{"channels": 4, "hidden": (8, 8), "size": 8, **options})
