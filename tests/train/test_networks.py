import msgspec
import numpy as np
import pytest
import torch

from neurofer.errors import UsageError
from neurofer.train.calibrate import seeded
from neurofer.train.networks import build_network, forward, present
from neurofer.train.recipe import load_recipe, override, parse_recipe

RNG = np.random.default_rng(0)


def weights(module):
    return torch.cat([p.flatten() for p in module.parameters()])


def test_recipes_give_the_papers_networks():
    with torch.device("meta"):
        counts = {
            (name, which): sum(p.numel() for p in build_network(load_recipe(name), which=which).parameters())
            for name in ("conv-snn", "spiking-fer")
            for which in ("network", "baseline")
        }
    assert counts == {
        ("conv-snn", "network"): 21_531_136,
        ("conv-snn", "baseline"): 21_531_136,
        ("spiking-fer", "network"): 11_439_104,
        ("spiking-fer", "baseline"): 11_207_808,
    }


def test_baseline_sees_all_frames_as_channels():
    with torch.device("meta"):
        network = build_network(override(load_recipe("spiking-fer"), steps=4), which="baseline")
    assert network.conv1.in_channels == 8


def test_weights_follow_the_seed_and_leave_the_generator_alone(small):
    before = torch.random.get_rng_state()
    first, again, other = (weights(build_network(small, seed=seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert first.max() > 0
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_present_gives_each_network_its_layout(small):
    frames = RNG.integers(0, 2, (3, 6, 2, 8, 8), dtype=np.uint8)
    events = load_recipe("spiking-fer")
    assert present(events, "network", frames, RNG).shape == (6, 3, 2, 8, 8)
    assert present(events, "baseline", frames, RNG).shape == (3, 12, 8, 8)
    images = RNG.random((3, 1, 8, 8))
    assert present(small, "network", images, RNG).shape == (4, 3, 1, 8, 8)
    shown = present(small, "baseline", images, RNG)
    assert shown.dtype == torch.float32
    assert np.array_equal(shown.numpy(), images.astype(np.float32))


def test_forward_starts_from_rest_every_time():
    network = seeded(load_recipe("digits"))
    x = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        first, again = forward(network, x), forward(network, x)
        carried_on = network(x) + network(x)
    assert torch.equal(first, again)
    assert first.max() > 0
    assert not torch.equal(carried_on, first + again)


def test_a_constant_image_is_refused_by_a_network_of_frames():
    with pytest.raises(UsageError, match="spiking-fer reads frames"):
        build_network(override(load_recipe("spiking-fer"), encoder="constant"))


def test_events_are_refused_by_a_network_of_images(small):
    with pytest.raises(UsageError, match="no encoder 'events'"):
        build_network(override(small, encoder="events"))


def test_oblong_images_are_refused_by_conv_snn():
    table = msgspec.to_builtins(load_recipe("digits"))
    table["data"]["shape"] = [1, 8, 12]
    with pytest.raises(UsageError, match="square images, not 8 x 12"):
        build_network(parse_recipe(table, "mine"))
