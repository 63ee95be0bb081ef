import pytest
import torch
from spikingjelly.activation_based import functional, neuron

from neurofer.nets.spiking_fer import SEWBlock, SpikingFER


@pytest.fixture(scope="module")
def paper():
    return SpikingFER()


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_parameters_are_those_of_the_paper(paper):
    assert parameters(paper) == 11_439_104
    head = parameters(paper.accumulator) + parameters(paper.fc)
    assert parameters(paper) - head == 11_173_376
    assert paper.accumulator.bias is not None
    assert paper.fc.bias is None


@pytest.mark.parametrize(("reset", "voltage"), [("hard", 0.0), ("soft", None)])
def test_all_twenty_neurons_are_if_with_the_asked_reset(reset, voltage):
    found = [m for m in SpikingFER(width=4, reset=reset).modules() if isinstance(m, neuron.BaseNode)]
    assert {(type(m), m.v_threshold, m.v_reset, m.step_mode) for m in found} == {(neuron.IFNode, 1.0, voltage, "m")}
    assert len(found) == 20


def test_geometry_halves_the_map_five_times(paper):
    strides = {n: m.stride for n, m in paper.named_modules() if "conv" in n or n.endswith("downsample.0")}
    assert {n for n, stride in strides.items() if stride == (2, 2)} == {
        "conv1",
        *(f"layer{k}.0.{part}" for k in (2, 3, 4) for part in ("conv1", "downsample.0")),
    }
    assert (paper.conv1.in_channels, paper.conv1.kernel_size, paper.conv1.padding) == (2, (7, 7), (3, 3))
    assert paper.fc.in_features == 512


@pytest.mark.parametrize(("height", "width"), [(32, 32), (40, 56)])
def test_any_size_of_frames(height, width):
    network = SpikingFER(classes=5, width=4).eval()
    with torch.no_grad():
        assert network(torch.ones(3, 2, 2, height, width)).shape == (2, 5)


def test_new_block_passes_its_input_on():
    block = SEWBlock(4, 4, 1, reset="hard")
    functional.set_step_mode(block, "m")
    x = (torch.rand(3, 2, 4, 6, 6) < 0.5).float()
    assert torch.equal(block(x), x)


def test_block_adds_spikes_to_spikes():
    block = SEWBlock(4, 8, 2, reset="hard").eval()
    functional.set_step_mode(block, "m")
    torch.nn.init.constant_(block.bn2.bias, 5.0)
    torch.nn.init.constant_(block.downsample[1].bias, 5.0)
    with torch.no_grad():
        assert torch.equal(block(torch.ones(3, 2, 4, 6, 6)), torch.full((3, 2, 8, 3, 3), 2.0))


def test_accumulator_sums_its_features_over_the_steps():
    network = SpikingFER(width=4).eval()
    features = []
    network.dropout.register_forward_hook(lambda *call: features.append(call[-1]))
    with torch.no_grad():
        logits = network(10 * torch.rand(6, 2, 2, 32, 32))
        assert logits.abs().max() > 0
        assert features[0].shape == (6, 2, 32)
        assert torch.equal(logits, features[0].sum(0) @ network.fc.weight.T)
